# After a reset without a shutdown: what was acknowledged is there.

test_after_a_reset() {
  eventually answers
  eventually running always
  equal "$(sampan inspect -f '{{.State.Status}}' plain)" exited plain
  equal "$(sampan run --rm busybox echo whole)" whole 'the image'
  sampan rm -f always plain stopped created
}
