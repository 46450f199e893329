// A netlink socket. It belongs to the network namespace of the thread that made it and stays there,
// whatever thread uses it later.
#pragma once

#include <functional>
#include <optional>

#include "network/netlink/message.h"
#include "platform/sys/fd.h"

namespace netlink {

// Not thread-safe: one owner, or a lock around it.
class Socket {
 public:
  explicit Socket(int protocol);  // NETLINK_ROUTE, NETLINK_NETFILTER

  // Sends the messages at once and waits for the kernel's verdict on the last. The kernel goes on
  // behind a message that failed (except inside an nfnetlink transaction); the first failure is
  // thrown: kInternal with errno and the kernel's own words. The batch is consumed.
  void transact(Batch&& batch);
  // The same, but a failure is returned: errno of the first failing message, or 0.
  int tryTransact(Batch&& batch);

  // One request, many answers. Repeats the dump when the kernel says that it changed meanwhile.
  using Each = std::function<void(const Received&)>;
  void dump(const Batch& request, const Each& each);
  // One request, one answer. nullopt: ENOENT or ENODEV.
  std::optional<std::vector<std::byte>> get(Batch&& request);

  // ---- notices
  void join(unsigned group);
  // Reads what is there without blocking. False: notices were lost (ENOBUFS), look for yourself.
  bool drain(const Each& each);

  int fd() const noexcept { return fd_.get(); }
  std::uint32_t portId() const noexcept { return port_id_; }

 private:
  struct Verdict {
    int error = 0;
    std::string text;
  };
  void send(Batch& batch);
  Verdict perform(Batch& batch);
  Verdict await(Batch& batch, size_t asked);
  bool isTransaction(Batch& batch) const;
  std::span<const std::byte> receive();

  sys::Fd fd_;
  int protocol_;
  std::uint32_t port_id_ = 0;
  std::uint32_t sequence_ = 0;
  size_t send_buffer_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace netlink
