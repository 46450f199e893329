# Words of the tests. Sourced once by `start`.

fail() { echo "FAIL: $*"; exit 1; }
skip() { echo "$*"; exit 77; }
# equal GOT WANTED WHAT
equal() { [ "$1" = "$2" ] || fail "$3: '$2' expected, '$1' found"; }
# contains TEXT PART WHAT
contains() { case $1 in *"$2"*) ;; *) fail "$3: '$2' is not in '$1'" ;; esac; }
lacks() { case $1 in *"$2"*) fail "$3: '$2' is in '$1'" ;; esac; }
# eventually COMMAND...: within a minute
eventually() {
  local begin now
  read -r begin _ </proc/uptime
  while :; do
    "$@" && return 0
    read -r now _ </proc/uptime
    [ $((${now%.*} - ${begin%.*})) -lt 60 ] || fail "never came true: $*"
    sleep 0.2
  done
}
# code STATUS COMMAND...: the exit status is STATUS; the output is in $output.
code() {
  local want=$1 got=0
  shift
  output=$("$@" 2>&1) || got=$?
  [ $got = "$want" ] || fail "$*: exit status $want expected, $got found: $output"
}
# cgroup of a container, on the host
group_of() { echo /sys/fs/cgroup/sampan-*/"$(sampan inspect -f '{{.Id}}' "$1")"; }
running() { [ "$(sampan inspect -f '{{.State.Running}}' "$1")" = true ]; }
fetched() { [[ $(busybox wget -qO- "$1" 2>/dev/null) == *root* ]]; }
answers() { sampan version >/dev/null 2>&1; }
daemon_pid() { systemctl show -P MainPID sampan.service; }
kill_daemon() {
  kill -9 "$(daemon_pid)"
  eventually answers
}
# What the engine makes on a host, a line each: groups, mounts, links, tables, shims and their directories.
traces() {
  local path line
  for path in /sys/fs/cgroup/sampan-* /run/sampan/task/*; do [ ! -e "$path" ] || echo "$path"; done
  while read -r line; do case $line in *overlay*|*netns*|*/sampan*) echo "mount $line" ;; esac; done </proc/mounts
  for path in /sys/class/net/*; do echo "link ${path##*/}"; done
  nft list ruleset
  for path in /proc/[0-9]*/comm; do
    read -r line <"$path" && case $line in sampan-*) echo "process $line" ;; esac
  done 2>/dev/null
}
