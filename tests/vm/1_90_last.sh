# After the last container: nothing is left but the daemon. Then what the reboot shall find.

test_nothing_is_left_behind() {
  sampan run -d --name one -p 8082:80 -v data:/data --tmpfs /t busybox sleep 1000
  sampan network create gone
  sampan run -d --name two --network gone --init busybox sleep 1000
  sampan rm -f one two
  sampan network rm gone
  sampan volume rm data
  quiet() {
    local now=$(traces)
    case $now in *cgroup*|*task/*|*overlay*|*veth*|*sampan-shim*|*sampan-init*|*8082*)
      echo "$now" >/run/traces
      return 1 ;;
    esac
  }
  trap 'cat /run/traces' EXIT
  eventually quiet
  systemctl stop sampan.service
  local now=$(traces)
  echo "$now" >/run/traces
  lacks "$now" sampan 'after a stop with no container left'
  lacks "$now" 'link br' 'after a stop with no container left'
  lacks "$now" 'link docker' 'after a stop with no container left'
  trap - EXIT
  systemctl start sampan.service
}

test_before_the_reboot() {
  sampan run -d --name always --restart always -p 8083:80 busybox httpd -f -h /etc
  sampan run -d --name plain busybox sleep 1000
  sampan run -d --name stopped --restart unless-stopped busybox sleep 1000
  sampan stop -t 0 stopped
  sampan run -d --name told --stop-signal INT -v told:/told busybox sh -c \
    'trap "echo the end >/told/word; exit" INT; echo >/told/word; while true; do sleep 0.2; done'
  sampan create --name created busybox sleep 1000
}
