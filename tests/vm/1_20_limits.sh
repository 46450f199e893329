# Every limit of `run`, read back from the kernel: inside by the container's own view of its cgroup, outside by the host's.

test_limits_are_in_the_kernel() {
  sampan run -d --name limits -m 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --cpuset-cpus 1 --cpuset-mems 0 \
    --pids-limit 77 busybox sleep 1000
  local group=$(group_of limits) file want got
  while read -r file want; do
    got=$(<"$group/$file")
    equal "$got" "$want" "$file"
  done <<'WANT'
memory.max 67108864
memory.swap.max 33554432
memory.low 33554432
cpu.max 50000 100000
cpu.weight 20
cpuset.cpus 1
cpuset.mems 0
pids.max 77
WANT
  equal "$(sampan exec limits cat /sys/fs/cgroup/memory.max)" 67108864 'memory.max as the container sees it'
  equal "$(sampan exec limits cat /proc/self/cgroup)" '0::/' 'the cgroup namespace'
  sampan rm -f limits
  [ ! -e "$group" ] || fail 'the cgroup stays'
}

test_ulimits_shm_readonly_tmpfs_device() {
  output=$(sampan run --rm --ulimit nofile=100:200 --ulimit core=0 --shm-size 8m --read-only --tmpfs /scratch:size=1m --device /dev/vdb:/dev/other:r \
    busybox sh -c 'ulimit -n; ulimit -Hn; grep -E " (/|/dev/shm|/scratch|/sys/fs/cgroup) " /proc/mounts; touch /x; echo y >/scratch/y && cat /scratch/y; ls -l /dev/other' 2>&1) || fail "$output"
  contains "$output" "100
200" 'nofile'
  contains "$output" 'size=8192k' 'shm'
  contains "$output" ' / overlay ro,' 'read-only root'
  contains "$output" 'touch: /x: Read-only file system' 'read-only root'
  contains "$output" '/scratch tmpfs' 'tmpfs'
  contains "$output" 'size=1024k' 'size of the tmpfs'
  contains "$output" ' /sys/fs/cgroup cgroup2 ro,' 'the cgroup mount'
  contains "$output" 'brw' 'device'
}

test_blkio_weight() {
  if [ -e /sys/fs/cgroup/init.scope/io.weight ] || [ -e /sys/fs/cgroup/system.slice/io.weight ]; then
    sampan run -d --name weight --blkio-weight 300 busybox sleep 1000
    equal "$(<"$(group_of weight)/io.weight")" 'default 2930' io.weight
    sampan rm -f weight
  else
    skip 'this kernel has no io.weight'
  fi
}

test_device_rules_allow_and_deny() {
  # The guest's own disk, by a node that the container makes: the program in the kernel refuses, not the mode of the node.
  local disk=$(</sys/class/block/vda/dev)
  local node="mknod /tmp/disk b ${disk/:/ }"
  code 0 sampan run --rm busybox head -c 1 /dev/zero
  code 1 sampan run --rm busybox sh -c "$node && head -c 1 /tmp/disk"
  contains "$output" 'Operation not permitted' 'a device without a rule'
  code 0 sampan run --rm --device-cgroup-rule "b $disk r" busybox sh -c "$node && head -c 1 /tmp/disk"
  code 1 sampan run --rm --device-cgroup-rule "b $disk r" busybox sh -c "$node && dd of=/tmp/disk count=0 conv=notrunc"
  contains "$output" 'Operation not permitted' 'writing by a rule for reading'
  code 0 sampan run --rm --device /dev/vda:/dev/disk:r busybox head -c 1 /dev/disk
  code 0 sampan run --rm --privileged busybox head -c 1 /dev/vda
}

test_oom_kill_is_reported() {
  code 137 sampan run --name oom -m 16m --memory-swap 16m busybox sh -c 'x=aaaaaaaa; while true; do x=$x$x; done'
  equal "$(sampan inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom)" 'true 137' 'state'
  sampan rm oom
}

test_oom_of_a_child_is_reported() {
  # The first process lives: v2 counts the kill all the same.
  code 3 sampan run --name oom -m 16m --memory-swap 16m busybox sh -c 'sh -c "x=aaaaaaaa; while true; do x=\$x\$x; done"; exit 3'
  equal "$(sampan inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom)" 'true 3' 'state'
  sampan rm oom
}

test_pids_limit_holds() {
  output=$(sampan run --rm --pids-limit 5 busybox sh -c 'for i in 1 2 3 4 5 6 7; do sleep 1 & done; wait' 2>&1) || true
  contains "$output" "can't fork" 'fork beyond the limit'
}

# systemd makes the host's mounts shared: what a container mounts into a bind of them must not appear on the host.
test_mounts_stay_in_the_container() {
  mkdir -p /srv/outer/inner /srv/other
  sampan run -d --name mounts -v /srv/outer:/data -v /srv/other:/data/inner --tmpfs /data/deep busybox sleep 1000
  contains "$(sampan exec mounts cat /proc/mounts)" ' /data/inner ' 'mounts in the container'
  lacks "$(</proc/mounts)" ' /srv/' 'mounts of the host'
  sampan rm -f mounts
}
