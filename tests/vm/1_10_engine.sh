# The engine as a unit of systemd, images through a registry.

test_unit_starts_on_cgroup_v2() {
  equal "$(systemctl is-active sampan.service)" active 'the unit'
  equal "$(sampan info -f '{{.CgroupVersion}} {{.CgroupDriver}} {{.Driver}}')" '2 cgroupfs overlay2' 'info'
  output=$(sampan info 2>&1)
  lacks "$output" WARNING 'warnings of info on a standard host'
  lacks "$(dmesg)" 'unrecognized mount option' 'the log of a kernel that takes no "lowerdir+"'
}

test_import_push_and_pull() {
  sampan import /payload/busybox.tar busybox
  mkdir -p /var/lib/registry-data
  printf 'version: 0.1\nlog: {level: error}\nstorage:\n  filesystem: {rootdirectory: /var/lib/registry-data}\nhttp: {addr: 127.0.0.1:5000}\n' >/run/registry.yml
  systemd-run -q --unit=registry docker-registry serve /run/registry.yml
  reachable() { (: </dev/tcp/127.0.0.1/5000) 2>/dev/null; }
  eventually reachable
  sampan tag busybox 127.0.0.1:5000/busybox:1
  sampan push 127.0.0.1:5000/busybox:1
  sampan rmi 127.0.0.1:5000/busybox:1 busybox
  sampan pull 127.0.0.1:5000/busybox:1
  sampan tag 127.0.0.1:5000/busybox:1 busybox
  equal "$(sampan run --rm busybox echo hello)" hello 'output'
}

test_exit_codes() {
  code 7 sampan run --rm busybox sh -c 'exit 7'
  code 127 sampan run --rm busybox nosuch
  code 126 sampan run --rm busybox /etc
  code 125 sampan run --rm nosuch:image true
}
