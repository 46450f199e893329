# Unit tests whose subject is the kernel; without those that time something.

unit() {
  [ -x "/payload/unit/$1" ] || skip "$1 is not built"
  "/payload/unit/$1" --gtest_brief=1 "--gtest_filter=${2:--*Cost*}"
}
test_unit_cgroup() { SAMPAN_CGROUP_V2=1 unit runtime_cgroup_test; }
# The new way to mount an overlay came with 6.8.
test_unit_snapshot() { unit storage_snapshot_test '-*/Overlay:*Cost*'; }
test_unit_firewall() { unit network_firewall_test; }
test_unit_sandbox() { unit runtime_sandbox_test; }
test_unit_launch() { unit runtime_spec_test; }
test_unit_ociruntime() { unit runtime_ociruntime_test; }
