# After `systemctl reboot`.

test_restart_always_is_back() {
  eventually answers
  eventually running always
  eventually fetched http://192.0.2.1:8083/passwd
}

# The engine asked it to end: nobody else knows which signal it wants.
test_containers_were_ended_with_the_host() {
  equal "$(sampan run --rm -v told:/told busybox cat /told/word)" 'the end' 'last words'
  sampan rm -v told
}

test_others_are_listed_as_exited() {
  equal "$(sampan inspect -f '{{.State.Status}}' plain)" exited plain
  equal "$(sampan inspect -f '{{.State.Status}}' stopped)" exited stopped
  equal "$(sampan inspect -f '{{.State.Status}}' created)" created created
  sampan start plain
  running plain || fail 'it does not start'
}
