#include "network/netlink/socket.h"

#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <utility>

#include "platform/base/error.h"
#include "platform/sys/check.h"

namespace netlink {
namespace {

constexpr size_t kReceiveBuffer =
    32 * 1024;  // what the kernel uses at most for one datagram of a dump
constexpr int kTimeoutMs = 10'000;

void option(int fd, int level, int name, int value) {
  (void)::setsockopt(fd, level, name, &value, sizeof(value));
}

// What stands behind the copied header: extended acknowledgement attributes.
std::string extendedText(const Received& message) {
  const auto error = message.header<nlmsgerr>();
  size_t skip = sizeof(nlmsgerr);
  if ((message.head->nlmsg_flags & NLM_F_CAPPED) == 0 && error.msg.nlmsg_len > sizeof(nlmsghdr)) {
    skip += NLMSG_ALIGN(error.msg.nlmsg_len) - sizeof(nlmsghdr);
  }
  if ((message.head->nlmsg_flags & NLM_F_ACK_TLVS) == 0 || message.payload.size() <= skip)
    return {};
  const auto text = Attributes(message.payload.subspan(skip)).find(NLMSGERR_ATTR_MSG);
  return text ? text->text() : std::string();
}

// Calls `each` for every message of a datagram; false from it ends.
template <class Body>
void split(std::span<const std::byte> data, Body&& each) {
  while (data.size() >= sizeof(nlmsghdr)) {
    const auto* head = reinterpret_cast<const nlmsghdr*>(data.data());
    if (head->nlmsg_len < sizeof(nlmsghdr) || head->nlmsg_len > data.size()) return;
    if (!each(Received{head, data.subspan(sizeof(nlmsghdr), head->nlmsg_len - sizeof(nlmsghdr))}))
      return;
    const size_t step = NLMSG_ALIGN(head->nlmsg_len);
    if (step >= data.size()) return;
    data = data.subspan(step);
  }
}

}  // namespace

Socket::Socket(int protocol)
    : fd_(sys::check(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "socket", "netlink")),
      protocol_(protocol) {
  option(fd_.get(), SOL_NETLINK, NETLINK_EXT_ACK, 1);
  option(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, 1);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  sys::check(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), "bind",
             "netlink");
  socklen_t length = sizeof(address);
  sys::check(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length),
             "getsockname", "netlink");
  port_id_ = address.nl_pid;
}

void Socket::send(Batch& batch) {
  batch.finish();
  for (size_t i = 0; i < batch.count(); ++i) batch.at(i)->nlmsg_seq = ++sequence_;
  const size_t size = batch.buffer_.size();
  if (size > 100'000 &&
      size > send_buffer_) {  // a datagram must fit into the send buffer as a whole
    send_buffer_ = size;
    option(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, static_cast<int>(size) + 4096);
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  sys::check(sys::retry([&] {
               return ::sendto(fd_.get(), batch.buffer_.data(), size, 0,
                               reinterpret_cast<sockaddr*>(&kernel), sizeof(kernel));
             }),
             "send", "netlink");
}

std::span<const std::byte> Socket::receive() {
  if (buffer_.empty()) buffer_.resize(kReceiveBuffer);
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (got >= 0) {
      if (static_cast<size_t>(got) > buffer_.size())
        base::fail(base::Code::kInternal, "netlink: a datagram of {} bytes", got);
      return {buffer_.data(), static_cast<size_t>(got)};
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) base::failErrno(errno, "recv", "netlink");
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, kTimeoutMs) == 0)
      base::fail(base::Code::kDeadlineExceeded, "netlink: no answer from the kernel");
  }
}

Socket::Verdict Socket::await(Batch& batch, size_t asked) {
  const std::uint32_t first = sequence_ - static_cast<std::uint32_t>(batch.count()) + 1;
  Verdict verdict;
  size_t failedAt = 0;
  for (bool done = false; !done;) {
    split(receive(), [&](const Received& message) {
      if (message.head->nlmsg_type != NLMSG_ERROR) return true;
      const std::uint32_t index = message.head->nlmsg_seq - first;
      if (index >= batch.count()) return true;  // left over from something abandoned
      const int error = -message.header<nlmsgerr>().error;
      if (error != 0 && (verdict.error == 0 || index < failedAt)) {
        failedAt = index;
        verdict = {error, extendedText(message)};
        const std::string_view step = batch.steps_[index];
        if (!step.empty())
          verdict.text =
              verdict.text.empty() ? std::string(step) : fmt::format("{}: {}", step, verdict.text);
      }
      // An nfnetlink transaction that fails as a whole is answered in the name of its first message
      // only.
      done = index == asked || (error != 0 && index == 0 && isTransaction(batch));
      return !done;
    });
  }
  return verdict;
}

Socket::Verdict Socket::perform(Batch& batch) {
  if (batch.empty()) return {};
  const bool transaction = isTransaction(batch);
  // Older kernels do not acknowledge the end mark of a transaction, so the last real message is
  // asked to.
  const size_t asked = transaction && batch.count() > 1 ? batch.count() - 2 : batch.count() - 1;
  batch.at(asked)->nlmsg_flags |= NLM_F_ACK;
  send(batch);
  return await(batch, asked);
}

bool Socket::isTransaction(Batch& batch) const {
  return protocol_ == NETLINK_NETFILTER && batch.at(0)->nlmsg_type == NFNL_MSG_BATCH_BEGIN;
}

int Socket::tryTransact(Batch&& batch) {
  return perform(batch).error;
}

void Socket::transact(Batch&& batch) {
  const Verdict verdict = perform(batch);
  if (verdict.error != 0) base::failErrno(verdict.error, "netlink", verdict.text);
}

void Socket::dump(const Batch& request, const Each& each) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    Batch copy = request;
    send(copy);
    const std::uint32_t sequence = sequence_;
    bool interrupted = false;
    int error = 0;
    std::vector<std::vector<std::byte>>
        kept;  // shown only when the dump turns out to be consistent
    for (bool done = false; !done;) {
      split(receive(), [&](const Received& message) {
        if (message.head->nlmsg_seq != sequence) return true;
        interrupted = interrupted || (message.head->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (message.head->nlmsg_type == NLMSG_DONE || message.head->nlmsg_type == NLMSG_ERROR) {
          const int code = message.header<int>();
          if (code < 0) error = -code;
          done = true;
          return false;
        }
        const auto* raw = reinterpret_cast<const std::byte*>(message.head);
        kept.emplace_back(raw, raw + message.head->nlmsg_len);
        return true;
      });
    }
    if (interrupted || error == EINTR || error == EBUSY) continue;
    if (error != 0) base::failErrno(error, "netlink dump", {});
    for (const auto& message : kept) {
      split(message, [&](const Received& one) { return each(one), true; });
    }
    return;
  }
  base::fail(base::Code::kUnavailable, "netlink dump: the kernel's tables change too fast");
}

std::optional<std::vector<std::byte>> Socket::get(Batch&& request) {
  send(request);
  std::optional<std::vector<std::byte>> answer;
  int error = 0;
  for (bool done = false; !done;) {
    split(receive(), [&](const Received& message) {
      if (message.head->nlmsg_seq != sequence_) return true;
      if (message.head->nlmsg_type == NLMSG_ERROR) {
        error = -message.header<nlmsgerr>().error;
      } else {
        const auto* raw = reinterpret_cast<const std::byte*>(message.head);
        answer.emplace(raw, raw + message.head->nlmsg_len);
      }
      done = true;
      return false;
    });
  }
  if (error != 0 && error != ENOENT && error != ENODEV) base::failErrno(error, "netlink", {});
  return answer;
}

void Socket::join(unsigned group) {
  sys::check(::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)),
             "join", "netlink group");
}

bool Socket::drain(const Each& each) {
  if (buffer_.empty()) buffer_.resize(kReceiveBuffer);
  bool complete = true;
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == ENOBUFS) {
        complete = false;
        continue;
      }
      return complete;
    }
    if (static_cast<size_t>(got) > buffer_.size()) {
      complete = false;
      continue;
    }
    split({buffer_.data(), static_cast<size_t>(got)},
          [&](const Received& message) { return each(message), true; });
  }
}

}  // namespace netlink
