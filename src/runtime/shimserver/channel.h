// Standard input and output of one process, the clients attached to it and, for the task, its log.
//
//   pipes or pty ──> ring ──> log
//                      └────> every attacher, each at its own offset; a slow one holds the process
//                      back
//   attachers ──> stdin pipe or pty
//
// The ring holds what framed clients get, {stream, 0, 0, 0, length} and the bytes; with a terminal
// the bare bytes.
#pragma once

#include <cstdint>

#include "runtime/logfile/writer.h"
#include "runtime/shimserver/attachers.h"
#include "runtime/shimserver/poller.h"
#include "runtime/shimserver/ring.h"

namespace shimserver {

// What all channels share.
struct Hub {
  Poller poller;
  Attachers attachers;
  void (*detached)(std::uint64_t number, bool byKeys) = nullptr;
};

class Channel {
 public:
  struct Ends {
    int in = -1;  // ours of the stdin pipe
    int out = -1;
    int err = -1;
    bool terminal = false;
    bool stdinOnce = false;
  };

  // Takes the descriptors. `index` is what tags carry. 0 or a negative errno.
  int open(Hub& hub, std::uint16_t index, const Ends& ends, logfile::Writer* log) noexcept;
  // The process runs; `master` is its terminal's, taken, or -1.
  void start(int master) noexcept;
  void close() noexcept;

  // Takes socket and unread of `attacher`, a slot of the hub's table.
  void attach(Attacher& attacher) noexcept;
  int resize(std::uint16_t rows, std::uint16_t columns) noexcept;
  void closeInput() noexcept;

  void onOutput(int part, std::uint32_t events) noexcept;
  void onInput(std::uint32_t events) noexcept;
  void onAttacher(Attacher& attacher, std::uint32_t events) noexcept;

  // All output has come to its end by itself.
  bool ended() const noexcept { return eof_[0] && eof_[1]; }
  // Output waits for a slow client.
  bool heldBack() const noexcept { return paused_[0] || paused_[1]; }
  std::int64_t lastOutputNs() const noexcept { return last_output_; }
  // Lets a client go at once.
  void drop(Attacher& attacher) noexcept;
  // Nobody is attached: the slot may be used anew.
  bool deserted() const noexcept { return attached_ == 0; }
  // Makes room for all that the pipes hold, so that a client that does not read cannot keep it from
  // the log.
  void makeRoom() noexcept;
  // The last of the output: reads what is there, ends the log, lets the clients go once they have
  // everything.
  void finish() noexcept;
  // Nothing ran: lets the clients go without an end of their streams. Whoever holds the other
  // copies of their sockets, with the reason to tell, has the last word.
  void disown() noexcept;
  // A pty whose last user is gone tells no more; look again.
  void poke() noexcept;
  bool dormant() const noexcept { return dormant_; }
  void trim() noexcept;

 private:
  std::uint64_t tail() noexcept;
  bool readOnce(int part) noexcept;
  void endOutput(int part) noexcept;
  void endAttachers() noexcept;
  void watchOutput(int part) noexcept;
  void resumeOutput() noexcept;
  void pumpAll() noexcept;
  void pump(Attacher& attacher) noexcept;
  std::uint64_t nextWanted(Attacher& attacher) noexcept;
  void settle(Attacher& attacher) noexcept;
  void linger(Attacher& attacher) noexcept;
  void discardInput(Attacher& attacher) noexcept;
  void watch(Attacher& attacher) noexcept;
  void pumpInput(Attacher& attacher) noexcept;
  bool splicePipe(Attacher& attacher) noexcept;
  bool typeTerminal(Attacher& attacher) noexcept;
  bool scanKeys(Attacher& attacher, const std::uint8_t* bytes, std::size_t count) noexcept;
  bool sourceEnded(Attacher& attacher) noexcept;
  void inputEnded(Attacher& attacher) noexcept;
  void flushPending() noexcept;
  void blockInput(bool blocked) noexcept;
  template <class Body>
  void each(Body&& body) noexcept;

  Hub* hub_ = nullptr;
  logfile::Writer* log_ = nullptr;
  Ring ring_;
  std::int64_t last_output_ = 0;
  int out_[2] = {-1, -1};  // stdout and stderr, or the pty in [0]
  int in_ = -1;
  std::uint16_t index_ = 0;
  std::uint16_t attached_ = 0;
  bool terminal_ = false;
  bool stdin_once_ = false;
  bool started_ = false;
  bool finished_ = false;
  bool eof_[2] = {true, true};
  bool paused_[2] = {false, false};
  bool dormant_ = false;  // the pty has no user at the moment
  bool input_blocked_ = false;
  bool input_watched_ = false;
  std::uint8_t* pending_ =
      nullptr;  // typed, not yet taken by the pty; a page, made when first needed
  std::uint16_t pending_from_ = 0;
  std::uint16_t pending_to_ = 0;
};

template <class Body>
void Channel::each(Body&& body) noexcept {
  if (attached_ == 0) return;
  for (std::size_t i = 0; i < hub_->attachers.size(); ++i) {
    Attacher& attacher = hub_->attachers[i];
    if (attacher.phase != Attacher::Phase::kFree && attacher.channel == index_) body(attacher);
  }
}

}  // namespace shimserver
