# After `systemctl reboot`.

test_restart_always_is_back() {
  eventually answers
  eventually running always
  contains "$(busybox wget -qO- http://192.0.2.1:8083/passwd)" root 'its port'
}

test_others_are_listed_as_exited() {
  equal "$(sampan inspect -f '{{.State.Status}}' plain)" exited plain
  equal "$(sampan inspect -f '{{.State.Status}}' stopped)" exited stopped
  equal "$(sampan inspect -f '{{.State.Status}}' created)" created created
  sampan start plain
  running plain || fail 'it does not start'
}
