#include "runtime/ociruntime/seal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "platform/base/error.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace ociruntime {
namespace {

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
constexpr unsigned kMemfdExec = 0x10;  // MFD_EXEC, Linux 6.3

int makeMemfd() {
  const int fd = ::memfd_create("sampan-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING | kMemfdExec);
  return fd >= 0 || errno != EINVAL
             ? fd
             : ::memfd_create("sampan-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

}  // namespace

void runFromSealedCopy(char** argv, char** env) {
  const sys::Fd self = sys::openAt(AT_FDCWD, "/proc/self/exe", O_RDONLY);
  const int seals = ::fcntl(self.get(), F_GET_SEALS);
  if (seals >= 0 && (seals & kSeals) == kSeals) return;
  const sys::Fd copy(sys::check(makeMemfd(), "memfd_create"));
  struct stat info {};
  sys::check(::fstat(self.get(), &info), "stat", "/proc/self/exe");
  for (off_t left = info.st_size; left > 0;) {
    const auto sent = sys::retry(
        [&] { return ::sendfile(copy.get(), self.get(), nullptr, static_cast<size_t>(left)); });
    if (sys::check(sent, "sendfile", "/proc/self/exe") == 0) break;
    left -= sent;
  }
  sys::check(::fchmod(copy.get(), 0500), "chmod", "memfd");
  sys::check(::fcntl(copy.get(), F_ADD_SEALS, kSeals), "seal", "memfd");
  ::syscall(SYS_execveat, copy.get(), "", argv, env, AT_EMPTY_PATH);
  base::failErrno(errno, "execveat", "the sealed copy of the program");
}

}  // namespace ociruntime
