# Shared by the scripts; sourced. Sets $top, and offers say, die, stage, need_root, install_packages.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
export CCACHE_DIR=${CCACHE_DIR:-/var/cache/sampan-ccache} CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}
export CCACHE_BASEDIR=$top CCACHE_NOHASHDIR=1

say() { printf '== %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
need_root() { [ "$(id -u)" = 0 ] || die "this needs root: run it as  sudo scripts/$(basename "$0")"; }

# stage NAME COMMAND...: runs it, remembers how long it took; a failure ends the script with the stage's name.
stage_names=(); stage_seconds=()
stage() {
  local name=$1 begin=$SECONDS; shift
  say "$name"
  "$@" || { printf 'FAILED: %s\n' "$name" >&2; return 1; }
  stage_names+=("$name"); stage_seconds+=($((SECONDS - begin)))
}
print_stages() {
  local i
  for i in "${!stage_names[@]}"; do
    awk -v n="${stage_names[$i]}" -v s="${stage_seconds[$i]}" 'BEGIN{printf "%6.1f min  %s\n", s/60, n}'
  done
}

# install_packages GROUP...: what scripts/packages lists for the groups and dpkg does not have yet.
install_packages() {
  local group wanted=() missing=() package
  for group in "$@"; do
    wanted+=($(sed -n "s/^$group://p" "$top/scripts/packages"))
  done
  for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  say "installing ${#missing[@]} packages"
  apt-get update -q >/dev/null || die "apt-get update failed: is Debian's mirror reachable?"
  apt-get install -y -q --no-install-recommends "${missing[@]}" >/tmp/sampan-apt.log 2>&1 ||
    { tail -20 /tmp/sampan-apt.log >&2; die "apt-get install failed (log: /tmp/sampan-apt.log)"; }
}

# The official command line from Debian, without installing the daemon that comes with it.
docker_client=/var/cache/sampan-docker-cli/usr/bin/docker
fetch_docker_client() {
  local dir=/var/cache/sampan-docker-cli
  [ -x "$docker_client" ] && return 0
  (mkdir -p $dir && cd $dir && apt-get update -q >/dev/null && apt-get download -q docker.io >/dev/null &&
    dpkg-deb -x docker.io_*.deb . && rm -f docker.io_*.deb)
}

# Kernel features the engine cannot do without; a plain sentence instead of a riddle later.
mount_cgroups_if_bare() {
  mountpoint -q /sys/fs/cgroup || die "/sys/fs/cgroup is not mounted: the engine needs control groups"
}
