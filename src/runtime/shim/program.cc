#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "platform/base/error.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "platform/sys/socket.h"
#include "runtime/shim/client.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace shim {

namespace {

constexpr int kAllSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// Kernels before 6.3 know neither flag.
int makeMemfd(const char* name, unsigned modeFlag) {
  const int fd = ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | modeFlag);
  if (fd >= 0 || errno != EINVAL) return fd;
  return ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

sys::Fd fill(int memfd, std::string_view bytes) {
  sys::Fd fd(sys::check(memfd, "memfd_create"));
  sys::writeAll(fd.get(), bytes, "memfd");
  sys::check(::fcntl(fd.get(), F_ADD_SEALS, kAllSeals), "seal", "memfd");
  return fd;
}

}  // namespace

sys::Fd sealed(const std::string& name, std::string_view bytes) {
  return fill(makeMemfd(name.c_str(), MFD_NOEXEC_SEAL), bytes);
}

Program::Program(const std::string& path) {
  sys::Fd file = sys::openAt(AT_FDCWD, path, O_RDONLY);
  const int memfd = makeMemfd("sampan-shim", MFD_EXEC);
  if (memfd < 0) {
    program_ = std::move(file);
    return;
  }
  program_ = fill(memfd, sys::readAll(file.get(), 4u << 20, path));
  // A mount option or policy may forbid to execute it (vm.memfd_noexec=2 already refused MFD_EXEC
  // above).
  if (::faccessat(program_.get(), "", X_OK, AT_EMPTY_PATH) != 0 &&
      ::fchmod(program_.get(), 0700) != 0) {
    program_ = std::move(file);
  }
}

Program::Spawned Program::spawn(const std::string& id, int directory, const Cgroup& cgroup) const {
  const sys::Fd listener = sys::listenUnix(directory, shimwire::kSocketName, SOCK_SEQPACKET, 0600);
  auto [ours, theirs] = sys::socketPair(SOCK_SEQPACKET);
  sys::SpawnPlan plan;
  plan.program = program_.get();
  plan.argv = {"sampan-shim", id};
  plan.fds = {{theirs.get(), shimwire::kFdConversation},
              {listener.get(), shimwire::kFdListener},
              {directory, shimwire::kFdDirectory}};
  if (cgroup.directory.valid()) plan.cgroup = cgroup.directory.get();
  for (const sys::Fd& file : cgroup.files) plan.cgroupFiles.push_back(file.get());
  const sys::Fd root = sys::openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  plan.workingDirectory = root.get();
  Spawned spawned;
  spawned.process = sys::spawn(plan);
  spawned.client = std::make_shared<Client>(std::move(ours));
  return spawned;
}

void writeStatus(int directory, const std::string& cgroup) {
  shimwire::StatusPage page{};
  page.magic = shimwire::kStatusMagic;
  page.version = shimwire::kVersion;
  if (cgroup.size() >= sizeof page.cgroup) {
    base::fail(base::Code::kInvalidArgument, "cgroup path is too long: {}", cgroup);
  }
  std::memcpy(page.cgroup, cgroup.data(), cgroup.size());
  const sys::Fd file =
      sys::openAt(directory, shimwire::kStatusName, O_RDWR | O_CREAT | O_TRUNC, 0600);
  sys::check(::ftruncate(file.get(), 4096), "truncate", shimwire::kStatusName);
  sys::writeAll(file.get(), {reinterpret_cast<const char*>(&page), sizeof page},
                shimwire::kStatusName);
}

std::optional<shimwire::StatusPage> readStatus(int directory) {
  const auto text = sys::readFileIfExists(directory, shimwire::kStatusName, 1 << 16);
  shimwire::StatusPage page{};
  if (!text || text->size() < sizeof page) return std::nullopt;
  std::memcpy(&page, text->data(), sizeof page);
  page.cgroup[sizeof page.cgroup - 1] = '\0';
  if (page.magic != shimwire::kStatusMagic) return std::nullopt;
  return page;
}

std::optional<ExitInfo> readExit(int directory) {
  const auto text = sys::readFileIfExists(directory, shimwire::kExitName, 1 << 20);
  if (!text) return std::nullopt;
  ExitInfo info{};
  constexpr size_t kFirstSize = 48;
  if (text->size() < kFirstSize) base::fail(base::Code::kDataLoss, "exit record is cut off");
  std::memcpy(&info.record, text->data(), std::min(text->size(), sizeof info.record));
  const auto& record = info.record;
  if (record.magic != shimwire::kExitMagic || record.size < kFirstSize ||
      record.execSize < sizeof(shimwire::ExecExit)) {
    base::fail(base::Code::kDataLoss, "exit record is damaged");
  }
  for (std::uint32_t i = 0; i < record.execCount; ++i) {
    const size_t at = record.size + size_t{i} * record.execSize;
    if (at + sizeof(shimwire::ExecExit) > text->size())
      base::fail(base::Code::kDataLoss, "exit record is cut off");
    std::memcpy(&info.execs.emplace_back(), text->data() + at, sizeof(shimwire::ExecExit));
  }
  return info;
}

}  // namespace shim
