// One question on its way to the upstream servers. Everything here runs on the server's loop
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "network/dns/message.h"
#include "platform/sys/fd.h"
#include "platform/sys/loop.h"

namespace dns {

// Tries the servers in turn: a server that is silent for 2.5 seconds, cannot be reached or says
// SERVFAIL or REFUSED is passed over. Each try has a socket of its own (a source port of the
// kernel's choice) and a random id, and takes only answers from that server to that question: a
// forger must guess both.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  using Done = std::function<void(std::vector<std::uint8_t> reply)>;  // empty: no server answered

  Exchange(sys::Loop& loop, std::vector<std::uint8_t> query, const Query& parsed,
           std::vector<base::IpAddress> servers, std::uint16_t port, bool tcp, Done done);
  ~Exchange();
  void start() { next(); }
  // `done` will not be called any more.
  void cancel();

 private:
  void next();
  void tryServer(const base::IpAddress& server);
  void onReadable();
  void onTcp(std::uint32_t events);
  void take(std::vector<std::uint8_t> reply);
  void closeSocket();

  sys::Loop& loop_;
  std::vector<std::uint8_t> query_;
  const Query parsed_;
  const std::vector<base::IpAddress> servers_;
  const std::uint16_t port_;
  const bool tcp_;
  Done done_;
  size_t tried_ = 0;
  std::uint16_t id_ = 0;
  sys::Fd socket_;
  std::uint64_t timer_ = 0;
  std::vector<std::uint8_t> out_, in_;  // TCP: with the two length bytes
  std::vector<std::uint8_t> refusal_;   // what the last server that declined said
};

}  // namespace dns
