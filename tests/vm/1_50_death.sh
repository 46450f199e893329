# The daemon dies, is stopped, is restarted by systemd: containers go on.

test_kill_9_leaves_containers_running() {
  sampan run -d --name steady -p 8081:80 busybox sh -c 'httpd -h /etc; i=0; while true; do echo $i; i=$((i+1)); sleep 0.1; done'
  sampan run -d --name ends busybox sh -c 'sleep 2; echo last; exit 42'
  local pid=$(sampan inspect -f '{{.State.Pid}}' steady)
  kill_daemon
  equal "$(sampan inspect -f '{{.State.Running}} {{.State.Pid}}' steady)" "true $pid" 'the running one'
  ended() { [ "$(sampan inspect -f '{{.State.Status}} {{.State.ExitCode}}' ends)" = 'exited 42' ]; }
  eventually ended
  equal "$(sampan logs ends)" last 'log of the ended one'
  contains "$(busybox wget -qO- http://127.0.0.1:8081/passwd)" root 'its port'
  equal "$(sampan exec steady echo again)" again exec
  local n=0 line
  while read -r line; do
    equal "$line" "$n" 'the log has a gap'
    n=$((n + 1))
  done < <(sampan logs steady)
  [ $n -gt 10 ] || fail "only $n lines"
  sampan rm -f steady ends
}

test_systemctl_restart_and_stop_leave_containers_running() {
  sampan run -d --name stays busybox sleep 1000
  local pid=$(sampan inspect -f '{{.State.Pid}}' stays)
  systemctl restart sampan.service
  equal "$(sampan inspect -f '{{.State.Running}} {{.State.Pid}}' stays)" "true $pid" 'after a restart'
  systemctl stop sampan.service
  [ -d "/proc/$pid" ] || fail 'the container ended with the daemon'
  systemctl start sampan.service
  equal "$(sampan inspect -f '{{.State.Running}} {{.State.Pid}}' stays)" "true $pid" 'after a stop'
  sampan rm -f stays
}

# A unit without KillMode=process: whatever is in the daemon's own cgroup is killed with it.
test_shims_are_outside_of_the_unit() {
  mkdir -p /run/systemd/system/sampan.service.d
  printf '[Service]\nKillMode=control-group\n' >/run/systemd/system/sampan.service.d/kill.conf
  systemctl daemon-reload
  systemctl restart sampan.service
  sampan run -d --name apart busybox sleep 1000
  local pid=$(sampan inspect -f '{{.State.Pid}}' apart)
  equal "$(wc -l </sys/fs/cgroup/system.slice/sampan.service/cgroup.procs)" 1 'processes in the cgroup of the unit'
  systemctl restart sampan.service
  equal "$(sampan inspect -f '{{.State.Running}} {{.State.Pid}}' apart)" "true $pid" 'after a restart'
  sampan rm -f apart
  rm -r /run/systemd/system/sampan.service.d
  systemctl daemon-reload
}
