// Everything that the daemon and a shim say to each other, and the files that a shim leaves for a
// daemon that was not there. One SEQPACKET unix socket a shim, <exec-root>/task/<id>/shim.sock; one
// message a packet, at most kMaxMessage bytes and kMaxFds descriptors. All numbers little endian,
// all structs without implicit padding.
//
// Versions: messages and files only grow at their end, and meanings never change. A reader takes
// what it knows: a missing tail reads as zeros, a longer one is ignored. A type it does not know is
// answered with ENOSYS. kVersion counts the additions; `sizes of version 1` below are what every
// version may rely on.
//
// A start (the shim was spawned with descriptors kFdConversation to kFdDirectory):
//
//   daemon ── Start {plan, log, …}, Fds …  ──>
//          ── Attach (target 0) …          ──>     numbered; a refusal is told by the answer to Go
//          ── Go (target 0)                ──>     clone … execve
//          <─ Reply {pid} or {step, errno, text} ─  after a failure the shim is gone
//
// An exec is Exec, Fds …, Attach …, Go with a target number of its own, which the daemon never uses
// twice. Every other request has one Reply with its sequence. Requests with kQuiet have none.
//
//   later: <─ Detached, Exited (execs: repeated after Hello until Forget; the task: once, and in
//   the exit record) ─
//
// A daemon that lost its connection (or its life) connects again, sends Hello and gets State, an
// ExecState for each exec, an Exited for each exec that ended unseen, and the Reply. A second
// connection replaces the first. A shim whose task ended writes the exit record, tells the daemon,
// delivers what slow clients have not read yet, and is gone: an exited container costs no process,
// and nothing but the record has to be waited for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace shimwire {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kMaxMessage = 4096;
inline constexpr std::size_t kMaxFds = 128;
inline constexpr std::size_t kMaxExecs = 64;
inline constexpr std::size_t kMaxAttachers = 128;
inline constexpr std::size_t kMaxStored = 8;
inline constexpr std::size_t kMaxDetachKeys = 32;
inline constexpr std::size_t kMaxAttributes = 64 * 1024;
// From Go to execve. A launch takes milliseconds; one that does not end was stopped by somebody in
// the pid namespace that it joined, or waits for memory that its group will not get.
inline constexpr std::int64_t kLaunchSeconds = 20;
inline constexpr std::uint32_t kTask = 0;  // target: the task itself; execs count from 1

// What a shim finds open.
inline constexpr int kFdConversation = 3;  // SEQPACKET, connected to the daemon
inline constexpr int kFdListener = 4;      // SEQPACKET, listens on shim.sock
inline constexpr int kFdDirectory = 5;     // O_PATH, <exec-root>/task/<id>

// Names in the task's directory.
inline constexpr char kSocketName[] = "shim.sock";
inline constexpr char kStatusName[] = "status";  // StatusPage
inline constexpr char kExitName[] = "exit";      // ExitRecord

enum class Type : std::uint16_t {
  // daemon to shim
  kStart = 1,
  kFds = 2,
  kAttach = 3,
  kGo = 4,
  kSignal = 5,
  kResize = 6,
  kExec = 7,
  kForget = 8,
  kStore = 9,
  kTake = 10,
  kHello = 11,
  kCloseStdin = 12,
  // shim to daemon
  kReply = 101,
  kExited = 102,
  kDetached = 103,
  kState = 104,
  kExecState = 105,
};

inline constexpr std::uint16_t kQuiet = 1;  // Header::flags: no Reply wanted

struct Header {
  Type type;
  std::uint16_t flags;
  std::uint32_t sequence;  // of the request; a Reply repeats it
};

// Flags of Start and Exec.
inline constexpr std::uint32_t kTerminal = 1;
inline constexpr std::uint32_t kOpenStdin = 2;
inline constexpr std::uint32_t kStdinOnce = 4;
inline constexpr std::uint32_t kLog = 8;        // Start: a log directory is among the descriptors
inline constexpr std::uint32_t kOomCount = 16;  // Start: memory.events or memory.oom_control is
inline constexpr std::uint32_t kAttributes =
    32;  // Start: a memfd with the JSON text for "attrs" is

// Descriptors: the plan (sealed memfd); without kTerminal the shim's ends of the pipes: stdin with
// kOpenStdin, stdout, stderr; then as flagged log directory, OOM counter, attributes; then, here or
// in Fds messages, `planFds` of the plan, among them the container's ends.
struct Start {
  static constexpr Type kType = Type::kStart;
  Header header;
  std::uint32_t version;
  std::uint32_t flags;
  std::uint32_t planBytes;
  std::uint32_t planFds;
  std::uint16_t rows;
  std::uint16_t columns;
  std::uint32_t logFiles;       // how many files rotation keeps, at least 1
  std::int64_t logSize;         // bytes of one; 0: no rotation
  std::uint64_t logGeneration;  // of the first file; 0: 1
  char logName[128];            // NUL-terminated
  char id[64];                  // not terminated
  char fault[64];  // "point:n:kill|pause|errno", NUL-terminated; obeyed with SAMPAN_FAULTS only
};

// More descriptors for the target that is being started.
struct Fds {
  static constexpr Type kType = Type::kFds;
  Header header;
  std::uint32_t target;
  std::uint32_t reserved;
};

// Descriptors as for Start.
struct Exec {
  static constexpr Type kType = Type::kExec;
  Header header;
  std::uint32_t target;
  std::uint32_t flags;
  std::uint32_t planBytes;
  std::uint32_t planFds;
  std::uint16_t rows;
  std::uint16_t columns;
  std::uint32_t reserved;
  char id[64];
};

inline constexpr std::uint32_t kAttachIn = 1;
inline constexpr std::uint32_t kAttachOut = 2;
inline constexpr std::uint32_t kAttachErr = 4;
inline constexpr std::uint32_t kAttachFramed = 8;
inline constexpr std::uint32_t kAttachUnread =
    16;  // a memfd with stdin read ahead of the socket comes second

// Descriptors: the client's stream socket, and maybe what was read ahead.
struct Attach {
  static constexpr Type kType = Type::kAttach;
  Header header;
  std::uint32_t target;
  std::uint32_t flags;
  std::uint64_t number;  // names the attacher in Detached
  std::uint32_t keyCount;
  std::uint32_t reserved;
  std::uint8_t keys[kMaxDetachKeys];
};

struct Go {
  static constexpr Type kType = Type::kGo;
  Header header;
  std::uint32_t target;
  std::uint32_t reserved;
};

struct Signal {
  static constexpr Type kType = Type::kSignal;
  Header header;
  std::uint32_t target;
  std::int32_t signal;
};

struct Resize {
  static constexpr Type kType = Type::kResize;
  Header header;
  std::uint32_t target;
  std::uint16_t rows;
  std::uint16_t columns;
};

// The daemon has this exec's exit.
struct Forget {
  static constexpr Type kType = Type::kForget;
  Header header;
  std::uint32_t target;
  std::uint32_t reserved;
};

struct CloseStdin {
  static constexpr Type kType = Type::kCloseStdin;
  Header header;
  std::uint32_t target;
  std::uint32_t reserved;
};

// Keeps duplicates of the descriptors under `key` for a later daemon; they replace what was there,
// none removes it.
struct Store {
  static constexpr Type kType = Type::kStore;
  Header header;
  std::uint32_t key;
  std::uint32_t reserved;
};

// The Reply carries duplicates of what is stored under `key`; ENOENT when nothing is.
struct Take {
  static constexpr Type kType = Type::kTake;
  Header header;
  std::uint32_t key;
  std::uint32_t reserved;
};

struct Hello {
  static constexpr Type kType = Type::kHello;
  Header header;
  std::uint32_t version;
  std::uint32_t reserved;
};

struct Reply {
  static constexpr Type kType = Type::kReply;
  Header header;
  std::int32_t error;    // errno; 0: done
  std::uint32_t step;    // launch::Step, for a Go that failed
  std::int32_t pid;      // Go: of the process, in the host's pid namespace
  std::uint32_t failed;  // 1: failed, whatever `error` is
  std::int64_t timeNs;   // Go: of execve, wall clock
  char text[1024];       // NUL-terminated sentence, for a failure
};

inline constexpr std::uint32_t kExitOom = 1;

struct Exited {
  static constexpr Type kType = Type::kExited;
  Header header;
  std::uint32_t target;
  std::int32_t code;  // exit code, or 128 + signal
  std::int32_t signal;
  std::uint32_t flags;
  std::int64_t timeNs;
  char id[64];  // of the exec
};

struct Detached {
  static constexpr Type kType = Type::kDetached;
  Header header;
  std::uint64_t number;
  std::uint32_t byKeys;
  std::uint32_t reserved;
};

struct State {
  static constexpr Type kType = Type::kState;
  Header header;
  std::uint32_t version;
  std::int32_t shimPid;
  std::int32_t pid;
  std::uint32_t nextTarget;  // greater than every target so far
  std::int64_t startedNs;
  std::uint64_t nextAttacher;  // greater than every attacher's number so far
};

struct ExecState {
  static constexpr Type kType = Type::kExecState;
  Header header;
  std::uint32_t target;
  std::int32_t pid;
  std::int64_t startedNs;
  char id[64];
};

// -- files
// -----------------------------------------------------------------------------------------------------------

inline constexpr std::uint32_t kStatusMagic = 0x54534d53;  // "SMST"
inline constexpr std::uint32_t kExitMagic = 0x58454d53;    // "SMEX"

// <exec-root>/task/<id>/status, one page, mapped by the shim and whoever reads. Written by the
// daemon up to `cgroup` before the shim exists, the rest by the shim. Readers of the log position:
// read `logSequence` (odd: being changed), the two values, `logSequence` again.
struct StatusPage {
  std::uint32_t magic;
  std::uint32_t version;
  char cgroup[512];  // NUL-terminated, relative to every hierarchy's root
  std::int32_t shimPid;
  std::int32_t pid;  // 0: not started
  std::int64_t startedNs;
  std::uint32_t logSequence;
  std::uint32_t reserved;
  std::uint64_t logGeneration;  // counts files
  std::uint64_t logOffset;      // bytes of the current file that are complete records
  std::uint64_t logInode;       // of the current file
  std::uint64_t logDropped;     // records lost to a full or failing disk
};

// One exec that ended without the daemon's Forget.
struct ExecExit {
  char id[64];
  std::int32_t code;
  std::int32_t signal;
  std::int64_t timeNs;
};

// <exec-root>/task/<id>/exit, renamed into place. `execCount` ExecExits follow at offset `size`.
struct ExitRecord {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t size;      // of this struct as the writer knows it
  std::uint32_t execSize;  // sizeof(ExecExit) as the writer knows it
  std::int32_t code;
  std::int32_t signal;
  std::uint32_t flags;  // kExit*
  std::uint32_t execCount;
  std::int64_t timeNs;
  std::int64_t startedNs;
};

// -- sizes of version 1
// ----------------------------------------------------------------------------------------------

static_assert(sizeof(Header) == 8);
static_assert(sizeof(Start) == 304);
static_assert(sizeof(Fds) == 16 && sizeof(Go) == 16 && sizeof(Signal) == 16 &&
              sizeof(Resize) == 16);
static_assert(sizeof(Forget) == 16 && sizeof(CloseStdin) == 16 && sizeof(Store) == 16 &&
              sizeof(Take) == 16);
static_assert(sizeof(Hello) == 16);
static_assert(sizeof(Exec) == 96);
static_assert(sizeof(Attach) == 64);
static_assert(sizeof(Reply) == 1056);
static_assert(sizeof(Exited) == 96);
static_assert(sizeof(Detached) == 24);
static_assert(sizeof(State) == 40);
static_assert(sizeof(ExecState) == 88);
static_assert(sizeof(StatusPage) == 576);
static_assert(sizeof(ExecExit) == 80);
static_assert(sizeof(ExitRecord) == 48);

// Reads a message of `bytes` bytes at `data`. False: shorter than its first version.
template <class T>
bool decode(const void* data, std::size_t bytes, T& out,
            std::size_t firstSize = sizeof(T)) noexcept {
  if (bytes < firstSize) return false;
  std::memset(&out, 0, sizeof out);
  std::memcpy(&out, data, bytes < sizeof out ? bytes : sizeof out);
  return out.header.type == T::kType;
}

// A zeroed message of type T.
template <class T>
T make(std::uint32_t sequence = 0, std::uint16_t flags = 0) noexcept {
  T out;
  std::memset(static_cast<void*>(&out), 0, sizeof out);
  out.header.type = T::kType;
  out.header.flags = flags;
  out.header.sequence = sequence;
  return out;
}

}  // namespace shimwire
