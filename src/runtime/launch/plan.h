// The plan: everything that must happen between clone and execve, decided beforehand, as one flat
// block of bytes. spec/plan_builder.h writes it, the floor executes it without a heap; it travels
// as a sealed memfd, and its descriptors beside it as SCM_RIGHTS.
//
// Layout: PlanRoot at offset 0; its members are numbers, Texts and Lists that point to later bytes
// of the same block. Everything is little endian and aligned to 8. Zero always means "absent", so
// what is new is appended to PlanRoot:
//   - a reader that knows less than the writer refuses a plan whose unknown tail is not all zero;
//   - a reader that knows more sees zeros.
// Records inside Lists never change; a new need is a new List.
//
// openPlan() checks magic, size, every offset and every terminating NUL once; what it returned can
// be read unchecked.
#pragma once

#include <cstddef>
#include <cstdint>

namespace launch {

inline constexpr std::uint32_t kPlanMagic = 0x4e4c5053;  // "SPLN"
inline constexpr std::uint32_t kPlanVersion = 1;
inline constexpr std::uint32_t kMaxPlanBytes = 32u << 20;
inline constexpr std::uint32_t kMaxPlanFds = 1024;

// `size` bytes at `offset`, followed by a NUL that is not counted; no NUL inside. offset 0: absent.
struct Text {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

// `count` bytes, no NUL: BPF programs.
struct Blob {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

template <class T>
struct List {
  std::uint32_t offset = 0;
  std::uint32_t count = 0;
};

// 0: none; n: the n-th descriptor that came with the plan, counted from 1.
using FdRef = std::uint32_t;

// -- records
// ---------------------------------------------------------------------------------------------------------

// setns(fd, type), in this order. `type` is a CLONE_NEW* bit. A user namespace is joined first, a
// pid namespace by the parent (which returns to its own at once), so that no second fork is needed.
struct NamespaceJoin {
  FdRef fd;
  std::uint32_t type;
};

// One write(2) of `value` into `directory`/`file`. An empty value means the id of the process ("0"
// in cgroup.procs).
struct FileWrite {
  FdRef directory;
  std::uint32_t flags;  // kWriteOptional
  Text file;
  Text value;
};
inline constexpr std::uint32_t kWriteOptional = 1;  // a refusal is no error

enum class MountKind : std::uint32_t {
  kFilesystem = 1,  // fsopen(type) with `options`, attached at `target`
  kAttach = 2,      // move_mount of the detached mount `fd` to `target`: binds, volumes
  kChange = 3,      // attributes and propagation of what is mounted at `target` already
  kSymlink = 4,     // no mount: a symbolic link at `target` that says `source`
};

struct MountOption {
  Text key;
  Text value;  // absent: a flag
};

// Targets are walked inside the rootfs by openat2 RESOLVE_IN_ROOT and by nothing else: where a
// filter forbids it the start fails. What is missing is made: a directory, or an empty file when
// `fd` is a file.
struct Mount {
  MountKind kind;
  std::uint32_t flags;  // kMount*
  Text target;          // absolute, as the container sees it
  Text type;  // kFilesystem: "proc", "tmpfs", "devpts", "mqueue", "sysfs", "cgroup", "cgroup2", …
  Text source;                // for messages, and the "source" of a file system
  List<MountOption> options;  // kFilesystem
  FdRef fd;                   // kAttach
  std::uint32_t propagation;  // MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, with MS_REC for the
                              // tree; 0: as it is
  std::uint64_t attributesSet;  // MOUNT_ATTR_*, this mount only
  std::uint64_t attributesClear;
  std::uint64_t treeSet;  // MOUNT_ATTR_*, with everything below (AT_RECURSIVE)
  std::uint64_t treeClear;
};
inline constexpr std::uint32_t kMountPlainDirectory =
    1;  // target must not be reached through a symbolic link (proc, sysfs: CVE-2019-19921)
inline constexpr std::uint32_t kMountCopyUp =
    2;  // tmpfs: what the image has at target is copied in
inline constexpr std::uint32_t kMountOptional =
    4;  // a file system that the kernel lacks (ENODEV) is left out

// mknod below the rootfs; where that is refused (user namespace) the detached mount `fd` is
// attached instead.
struct Device {
  Text path;
  FdRef fd;
  std::uint32_t mode;  // S_IFCHR or S_IFBLK or S_IFIFO, with permissions
  std::uint32_t major;
  std::uint32_t minor;
  std::uint32_t uid;
  std::uint32_t gid;
};

struct Symlink {
  Text target;  // what it says
  Text path;    // where it stands; an existing file there is left alone
};

struct Sysctl {
  Text path;  // below /proc/sys: "net/ipv4/ip_forward"
  Text value;
};

struct Rlimit {
  std::uint32_t resource;
  std::uint32_t reserved;
  std::uint64_t soft;
  std::uint64_t hard;
};

// Becomes descriptor `number` (3 and up) of the program.
struct KeptFd {
  FdRef fd;
  std::uint32_t number;
};

struct CapabilitySets {
  std::uint64_t bounding;
  std::uint64_t effective;
  std::uint64_t permitted;
  std::uint64_t inheritable;  // Docker: always 0 (CVE-2022-24769)
  std::uint64_t ambient;
};

enum class FaultAction : std::uint32_t { kKill = 1, kErrno = 2, kPause = 3 };

// Only obeyed when compiled with SAMPAN_FAULTS: at the `nth` passage (from 1) of step `point`
// ("launch.pivot").
struct Fault {
  Text point;
  std::uint32_t nth;
  FaultAction action;
  std::uint32_t error;  // kErrno: which; kPause: milliseconds
  std::uint32_t reserved;
};

// -- the root
// --------------------------------------------------------------------------------------------------------

enum PlanFlags : std::uint64_t {
  kFlagSetsid = 1u << 0,  // own session; always with a terminal
  kFlagNoNewPrivs = 1u << 1,
  kFlagTerminal = 1u << 2,  // a pty of the container's own devpts becomes 0, 1, 2 and /dev/console
  kFlagReadonlyRootfs = 1u << 3,
  kFlagNoPivot = 1u << 4,     // host runs from an initramfs: move the root and chroot
  kFlagNewKeyring = 1u << 5,  // own session keyring
  kFlagBarrier = 1u << 6,     // stop before the pivot until launch::proceed: hooks
  kFlagCreateCwd = 1u << 7,   // make `cwd` where missing
  kFlagHasUmask = 1u << 8,
  kFlagHasOomScore = 1u << 9,
  kFlagHasPersonality = 1u << 10,
  kFlagResolveUser = 1u << 11,  // `user` is text, looked up in the container's own passwd and group
  kFlagSetCapabilities = 1u << 12,  // else: as they are
  kFlagDenySetgroups = 1u << 13,    // new user namespace without the right to setgroups
};

struct PlanRoot {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t size;      // of the whole plan
  std::uint32_t rootSize;  // sizeof(PlanRoot) as the writer knows it
  std::uint32_t fdCount;   // how many descriptors belong to it
  std::uint32_t reserved0;
  std::uint64_t flags;  // PlanFlags

  // Namespaces. An exec has `target` and `targetNamespaces` and neither rootfs nor mounts.
  std::uint64_t
      newNamespaces;  // CLONE_NEW*; CLONE_NEWCGROUP is unshared after the cgroup was joined
  List<NamespaceJoin> joins;
  FdRef target;                    // pidfd of the process whose namespaces are entered in one setns
  std::uint32_t targetNamespaces;  // CLONE_NEW*
  Text uidMap;                     // for CLONE_NEWUSER: the text for /proc/PID/uid_map
  Text gidMap;

  // Cgroup: v2 by CLONE_INTO_CGROUP; v1 hierarchies and everything else by writes, before anything
  // else happens.
  FdRef cgroup;
  std::uint32_t reserved1;
  List<FileWrite> cgroupWrites;

  // File system.
  FdRef rootfs;                   // detached mount
  std::uint32_t rootPropagation;  // MS_*, of "/" after the pivot; 0: private
  List<Mount> mounts;             // in this order
  List<Device> devices;           // after all mounts
  List<Symlink> symlinks;
  List<Text>
      maskedPaths;  // files get /dev/null, directories an empty read-only tmpfs; missing is fine
  List<Text> readonlyPaths;
  List<Sysctl> sysctls;
  Text hostname;
  Text domainname;

  // Process.
  List<Text> argv;
  List<Text> env;  // HOME is added from passwd when missing
  Text cwd;
  FdRef stdio[3];               // 0: /dev/null, unless terminal
  std::uint16_t rows, columns;  // of the terminal; 0: unset
  List<KeptFd> keep;
  Text user;                 // kFlagResolveUser: "", "name", "uid", "name:group", "uid:gid"
  List<Text> groups;         // kFlagResolveUser: further groups by name or number
  std::uint32_t uid, gid;    // otherwise
  List<std::uint32_t> gids;  // supplementary, in addition to the resolved ones
  List<Rlimit> rlimits;
  CapabilitySets capabilities;
  Blob seccomp;                // struct sock_filter[]
  std::uint32_t seccompFlags;  // SECCOMP_FILTER_FLAG_*
  std::uint32_t umask;
  std::int32_t oomScore;
  std::uint32_t personality;
  Text apparmorProfile;
  Text selinuxLabel;
  Text keyring;  // name of the session keyring
  // Read after everything but the filter and execve is done; the program starts when one byte comes
  // (OCI create/start).
  FdRef hold;
  std::uint32_t reserved2;

  List<Fault> faults;
};

static_assert(sizeof(PlanRoot) % 8 == 0);

// -- reading
// ---------------------------------------------------------------------------------------------------------

// A checked plan. Cheap to copy; borrows the bytes, which must stay mapped.
class Plan {
 public:
  const PlanRoot& root() const noexcept { return root_; }
  bool has(PlanFlags flag) const noexcept { return (root_.flags & flag) != 0; }

  // NUL-terminated; "" when absent.
  const char* text(Text text) const noexcept { return text.offset ? base_ + text.offset : ""; }
  const unsigned char* bytes(Blob blob) const noexcept {
    return reinterpret_cast<const unsigned char*>(base_) + blob.offset;
  }
  template <class T>
  const T& at(List<T> list, std::uint32_t index) const noexcept {
    return reinterpret_cast<const T*>(base_ + list.offset)[index];
  }

 private:
  friend const char* openPlan(const void* bytes, std::size_t size, Plan& plan) noexcept;
  const char* base_ = nullptr;
  PlanRoot root_{};
};

// nullptr when the plan is sound, else a sentence that says what is wrong with it.
const char* openPlan(const void* bytes, std::size_t size, Plan& plan) noexcept;

}  // namespace launch
