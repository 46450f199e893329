// What the daemon says to the shim, and the answers.
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <cstring>

#include "runtime/shimserver/server.h"

namespace shimserver {

void Server::onListener() noexcept {
  const long fd = sysraw::call(__NR_accept4, listener_, 0, 0, SOCK_CLOEXEC);
  if (fd < 0) return;
  hangUp();
  // Who asks now is to hear whether the task runs, not that it is about to.
  if (task().phase == Target::Phase::kLaunching) settleLaunch(task());
  conversation_ = static_cast<int>(fd);
  hub_.poller.add(conversation_, EPOLLIN, {Source::kConversation, 0, 0, ++conversation_serial_});
}

void Server::hangUp() noexcept {
  if (conversation_ < 0) return;
  hub_.poller.remove(conversation_);
  closeFd(conversation_);
  ++conversation_serial_;
  // What was begun and not said to go will never be.
  eachTarget([&](Target& target) {
    if (target.phase == Target::Phase::kPreparing) discard(target);
  });
}

void Server::onConversation(std::uint32_t events) noexcept {
  const std::uint32_t serial = conversation_serial_;
  if ((events & EPOLLIN) != 0) {
    Packet packet;
    while (conversation_serial_ == serial && conversation_ >= 0 && receive(packet)) {
      handle(packet);
      packet.closeRest();
    }
  } else {
    hangUp();
  }
}

// False: nothing is there, or the daemon is gone (and hung up on).
bool Server::receive(Packet& packet) noexcept {
  alignas(8) std::uint8_t control[CMSG_SPACE(sizeof packet.fds)];
  iovec piece{packet.bytes, sizeof packet.bytes};
  struct msghdr message {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const long n = sysraw::retry([&] {
    return sysraw::call(__NR_recvmsg, conversation_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  });
  if (n == -EAGAIN) return false;
  packet.size = n > 0 ? static_cast<std::size_t>(n) : 0;
  packet.fdCount = packet.taken = 0;
  const struct cmsghdr* c = CMSG_FIRSTHDR(&message);
  if (n > 0 && c != nullptr && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
    packet.fdCount = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::memcpy(packet.fds, CMSG_DATA(c), packet.fdCount * sizeof(int));
  }
  if (n > 0 && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
      packet.size >= sizeof(shimwire::Header))
    return true;
  packet.closeRest();
  hangUp();
  return false;
}

void Server::send(const void* bytes, std::size_t size, const int* fds,
                  std::size_t fdCount) noexcept {
  if (conversation_ < 0) return;
  alignas(8) std::uint8_t control[CMSG_SPACE(sizeof(int) * 4)] = {};
  iovec piece{const_cast<void*>(bytes), size};
  struct msghdr message {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (fdCount > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fdCount);
    struct cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * fdCount);
    std::memcpy(CMSG_DATA(c), fds, sizeof(int) * fdCount);
  }
  const long n = sysraw::retry([&] {
    return sysraw::call(__NR_sendmsg, conversation_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  });
  // A daemon that does not read, or is gone: it will connect anew and ask.
  if (n < 0) hangUp();
}

void Server::answer(const shimwire::Header& request, long result) noexcept {
  if ((request.flags & shimwire::kQuiet) != 0) return;
  auto reply = shimwire::make<shimwire::Reply>(request.sequence);
  reply.error = static_cast<std::int32_t>(-result);
  reply.failed = result < 0 ? 1 : 0;
  send(&reply, sizeof reply);
}

void Server::fail(std::uint32_t sequence, const launch::Failure& failure) noexcept {
  auto reply = shimwire::make<shimwire::Reply>(sequence);
  reply.failed = 1;
  reply.error = failure.error;
  reply.step = static_cast<std::uint32_t>(failure.step);
  std::memcpy(reply.text, failure.text, sizeof reply.text - 1);
  send(&reply, sizeof reply);
}

void Server::tellExit(const Target& target) noexcept {
  auto message = shimwire::make<shimwire::Exited>();
  message.target = target.number;
  message.code = target.code;
  message.signal = target.signal;
  message.flags = &target == targets_ && oom_killed_ ? shimwire::kExitOom : 0;
  message.timeNs = target.endedNs;
  std::memcpy(message.id, target.id, sizeof message.id);
  send(&message, sizeof message);
}

namespace {

// Calls `body` with the message when it is one.
template <class T, class Body>
long with(const Packet& packet, Body&& body) noexcept {
  T message;
  return shimwire::decode(packet.bytes, packet.size, message) ? body(message) : -EBADMSG;
}

}  // namespace

void Server::handle(Packet& packet) noexcept {
  shimwire::Header header;
  std::memcpy(&header, packet.bytes, sizeof header);
  long result = -ENOSYS;
  switch (header.type) {
    case shimwire::Type::kStart:
      result = startMessage(packet);
      break;
    case shimwire::Type::kExec:
      result = execMessage(packet);
      break;
    case shimwire::Type::kFds:
      result = fdsMessage(packet);
      break;
    case shimwire::Type::kAttach:
      result = attach(packet);
      break;
    case shimwire::Type::kGo:
      result = with<shimwire::Go>(packet, [&](const auto& message) -> long {
        Target* target = find(message.target);
        if (target == nullptr || target->phase != Target::Phase::kPreparing) return -ESRCH;
        header.flags |= shimwire::kQuiet;  // answered when execve is done
        go(*target, header.sequence);
        return 0;
      });
      break;
    case shimwire::Type::kSignal:
      result = with<shimwire::Signal>(
          packet, [&](const auto& m) { return signal(find(m.target), m.signal); });
      break;
    case shimwire::Type::kResize:
      result = with<shimwire::Resize>(packet, [&](const auto& message) -> long {
        Target* target = find(message.target);
        return target == nullptr ? -ESRCH : target->channel.resize(message.rows, message.columns);
      });
      break;
    case shimwire::Type::kForget:
      result = with<shimwire::Forget>(packet, [&](const auto& message) -> long {
        Target* target = find(message.target);
        if (target == nullptr || target->phase != Target::Phase::kEnded) return -ESRCH;
        release(*target);
        return 0;
      });
      break;
    case shimwire::Type::kCloseStdin:
      result = with<shimwire::CloseStdin>(packet, [&](const auto& message) -> long {
        Target* target = find(message.target);
        if (target == nullptr) return -ESRCH;
        target->channel.closeInput();
        return 0;
      });
      break;
    case shimwire::Type::kStore:
      result = store(packet);
      break;
    case shimwire::Type::kTake:
      result = with<shimwire::Take>(packet, [&](const auto& message) -> long {
        if (!takeStored(header, message.key)) return -ENOENT;
        header.flags |= shimwire::kQuiet;
        return 0;
      });
      break;
    case shimwire::Type::kHello:
      result = hello(header);
      break;
    default:
      break;
  }
  answer(header, result);
}

long Server::hello(const shimwire::Header&) noexcept {
  auto state = shimwire::make<shimwire::State>();
  state.version = shimwire::kVersion;
  state.shimPid = status_->shimPid;
  state.pid = task().child.pid;
  state.nextTarget = next_target_;
  state.startedNs = task().startedNs;
  state.nextAttacher = next_attacher_;
  send(&state, sizeof state);
  eachTarget([&](Target& target) {
    if (&target == targets_) return;
    if (target.phase == Target::Phase::kRunning || target.phase == Target::Phase::kDraining ||
        target.phase == Target::Phase::kEnded) {
      auto exec = shimwire::make<shimwire::ExecState>();
      exec.target = target.number;
      exec.pid = target.child.pid;
      exec.startedNs = target.startedNs;
      std::memcpy(exec.id, target.id, sizeof exec.id);
      send(&exec, sizeof exec);
    }
    if (target.phase == Target::Phase::kEnded) tellExit(target);
  });
  return 0;
}

long Server::attach(Packet& packet) noexcept {
  shimwire::Attach message;
  if (!shimwire::decode(packet.bytes, packet.size, message)) return -EBADMSG;
  if (message.number >= next_attacher_) next_attacher_ = message.number + 1;
  Target* target = find(message.target);
  long error = 0;
  if (target == nullptr || target->phase == Target::Phase::kEnded) {
    error = -ESRCH;
  } else if (message.keyCount > sizeof message.keys || packet.fdCount < 1) {
    error = -EINVAL;
  }
  Attacher* attacher = error == 0 ? hub_.attachers.allocate() : nullptr;
  if (error == 0 && attacher == nullptr) error = -ENOSPC;
  if (error != 0) {
    if (target != nullptr && target->preparation != nullptr && target->preparation->error == 0) {
      target->preparation->error = static_cast<int>(error);
      target->preparation->text = "too many attached clients";
    }
    return error;
  }
  attacher->number = message.number;
  attacher->in = (message.flags & shimwire::kAttachIn) != 0;
  attacher->out = (message.flags & shimwire::kAttachOut) != 0;
  attacher->err = (message.flags & shimwire::kAttachErr) != 0;
  attacher->framed = (message.flags & shimwire::kAttachFramed) != 0;
  attacher->keyCount = static_cast<std::uint8_t>(message.keyCount);
  std::memcpy(attacher->keys, message.keys, sizeof attacher->keys);
  attacher->socket = packet.take();
  if ((message.flags & shimwire::kAttachUnread) != 0) attacher->unread = packet.take();
  target->channel.attach(*attacher);
  return 0;
}

long Server::store(Packet& packet) noexcept {
  shimwire::Store message;
  if (!shimwire::decode(packet.bytes, packet.size, message)) return -EBADMSG;
  if (packet.fdCount > sizeof stored_[0].fds / sizeof(int)) return -E2BIG;
  Stored* slot = nullptr;
  for (Stored& stored : stored_) {
    if (stored.count > 0 && stored.key == message.key) slot = &stored;
    if (stored.count == 0 && slot == nullptr) slot = &stored;
  }
  for (Stored& stored : stored_) {
    if (stored.count > 0 && stored.key == message.key) slot = &stored;
  }
  if (slot == nullptr) return -ENOSPC;
  for (int& fd : slot->fds) closeFd(fd);
  slot->key = message.key;
  slot->count = packet.fdCount;
  for (std::size_t i = 0; i < slot->count; ++i) slot->fds[i] = packet.take();
  return 0;
}

bool Server::takeStored(const shimwire::Header& header, std::uint32_t key) noexcept {
  for (Stored& stored : stored_) {
    if (stored.count == 0 || stored.key != key) continue;
    auto reply = shimwire::make<shimwire::Reply>(header.sequence);
    send(&reply, sizeof reply, stored.fds, stored.count);
    return true;
  }
  return false;
}

}  // namespace shimserver
