# The same line with the official client: pull, run with limits, exec, logs, stop, remove.

docker_() { docker -H unix:///run/sampan.sock "$@"; }

test_official_client() {
  docker_ pull 127.0.0.1:5000/busybox:1
  docker_ run -d --name client -m 64m --cpus 0.5 --pids-limit 50 127.0.0.1:5000/busybox:1 \
    sh -c 'trap "echo bye; exit 3" TERM; echo up; while true; do sleep 0.2; done'
  equal "$(cat "$(group_of client)"/{memory.max,cpu.max,pids.max} | tr '\n' ' ')" '67108864 50000 100000 50 ' 'limits'
  equal "$(docker_ exec -w /tmp -e A=b client sh -c 'echo $A $PWD')" 'b /tmp' 'exec'
  up() { case $(docker_ logs client) in *up*) ;; *) return 1 ;; esac; }
  eventually up
  docker_ stop client
  equal "$(docker_ inspect -f '{{.State.Status}} {{.State.ExitCode}}' client)" 'exited 3' 'state'
  docker_ rm client
  code 7 docker_ run --rm busybox sh -c 'exit 7'
}
