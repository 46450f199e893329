#include "runtime/launch/text.h"

#include <cerrno>

namespace launch {

const char* errorText(int error) noexcept {
  switch (error) {
    case EPERM:
      return "operation not permitted";
    case ENOENT:
      return "no such file or directory";
    case ESRCH:
      return "no such process";
    case EINTR:
      return "interrupted system call";
    case EIO:
      return "input/output error";
    case ENXIO:
      return "no such device or address";
    case E2BIG:
      return "argument list too long";
    case ENOEXEC:
      return "exec format error";
    case EBADF:
      return "bad file descriptor";
    case ECHILD:
      return "no child processes";
    case EAGAIN:
      return "resource temporarily unavailable";
    case ENOMEM:
      return "cannot allocate memory";
    case EACCES:
      return "permission denied";
    case EFAULT:
      return "bad address";
    case EBUSY:
      return "device or resource busy";
    case EEXIST:
      return "file exists";
    case EXDEV:
      return "invalid cross-device link";
    case ENODEV:
      return "no such device";
    case ENOTDIR:
      return "not a directory";
    case EISDIR:
      return "is a directory";
    case EINVAL:
      return "invalid argument";
    case ENFILE:
      return "too many open files in system";
    case EMFILE:
      return "too many open files";
    case ENOTTY:
      return "inappropriate ioctl for device";
    case ETXTBSY:
      return "text file busy";
    case EFBIG:
      return "file too large";
    case ENOSPC:
      return "no space left on device";
    case EROFS:
      return "read-only file system";
    case EMLINK:
      return "too many links";
    case EPIPE:
      return "broken pipe";
    case ERANGE:
      return "numerical result out of range";
    case ENAMETOOLONG:
      return "file name too long";
    case ENOSYS:
      return "function not implemented";
    case ENOTEMPTY:
      return "directory not empty";
    case ELOOP:
      return "too many levels of symbolic links";
    case EOVERFLOW:
      return "value too large for defined data type";
    case ELIBBAD:
      return "accessing a corrupted shared library";
    case EUSERS:
      return "too many users";
    case EOPNOTSUPP:
      return "operation not supported";
    case ECONNRESET:
      return "connection reset by peer";
    case ETIMEDOUT:
      return "connection timed out";
    case ESTALE:
      return "stale file handle";
    case EDQUOT:
      return "disk quota exceeded";
    case EKEYREJECTED:
      return "key was rejected by service";
    default:
      return nullptr;
  }
}

Line& Line::addError(long error) noexcept {
  if (error < 0) error = -error;
  if (error == 0) return *this;
  const char* words = errorText(static_cast<int>(error));
  add(": ");
  return words ? add(words) : add("errno ").add(error);
}

}  // namespace launch
