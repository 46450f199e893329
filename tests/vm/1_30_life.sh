# exec, logs, top, stats, pause, stop, restart policies.

test_exec_logs_top_stats() {
  sampan run -d --name life busybox sh -c 'echo out; echo err >&2; sleep 1000'
  eventually grep_logs life err
  equal "$(sampan exec -e A=b -w /tmp life sh -c 'echo $A $PWD')" 'b /tmp' exec
  code 4 sampan exec life sh -c 'exit 4'
  equal "$(sampan logs life 2>/dev/null)" out 'logs, stdout'
  equal "$(sampan logs life 2>&1 >/dev/null)" err 'logs, stderr'
  contains "$(sampan top life)" 'sleep 1000' top
  output=$(sampan stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' life)
  [[ $output =~ ^life\ [0-9.]+(Ki|Mi)B\ /\ [0-9.]+[KMG]iB\ [12]$ ]] || fail "stats: $output"
  lacks "$output" ' 0B' 'memory in use'
  sampan rm -f life
}

test_pause_freezes() {
  sampan run -d --name frozen busybox sleep 1000
  local group=$(group_of frozen)
  sampan pause frozen
  contains "$(<"$group/cgroup.events")" 'frozen 1' 'cgroup.events'
  equal "$(sampan inspect -f '{{.State.Status}}' frozen)" paused status
  code 1 sampan exec frozen true
  contains "$output" 'is paused' 'exec in a paused container'
  sampan unpause frozen
  contains "$(<"$group/cgroup.events")" 'frozen 0' 'cgroup.events'
  sampan exec frozen true
  sampan pause frozen
  sampan rm -f frozen
}

test_stop_and_restart() {
  sampan run -d --name stops busybox sh -c 'trap "echo bye; exit 5" TERM; echo up; while true; do sleep 0.2; done'
  eventually grep_logs stops up
  sampan stop stops
  equal "$(sampan inspect -f '{{.State.Status}} {{.State.ExitCode}}' stops)" 'exited 5' state
  contains "$(sampan logs stops)" bye 'last words'
  sampan start stops
  sampan restart -t 0 stops
  running stops || fail 'not running after restart'
  sampan rm -f stops
}
grep_logs() { case $(sampan logs "$1" 2>&1) in *"$2"*) return 0 ;; esac; return 1; }

test_restart_policy() {
  sampan run -d --name tries --restart on-failure:2 busybox sh -c 'exit 9'
  given_up() { [ "$(sampan inspect -f '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' tries)" = '2 exited 9' ]; }
  eventually given_up
  sampan rm tries
}
