// Whatever a container sends to its name server, and whatever an upstream answers.
#include <cstdint>
#include <cstdlib>

#include "network/dns/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const dns::Bytes message(data, size);
  const auto query = dns::parseQuery(message);
  if (!query) return 0;
  if (query->questionEnd > size) std::abort();
  (void)dns::addressOfReverseName(query->question.name);
  const std::vector<dns::Record> records = {*base::IpAddress::parse("10.0.0.1"),
                                            *base::IpAddress::parse("fe80::1"),
                                            query->question.name};
  const auto reply = dns::buildReply(message, *query, dns::kNoError, records, 600, 512);
  if (reply.size() > 512 && reply.size() > query->questionEnd + 11) std::abort();
  if (!dns::answers(reply, query->id, message, *query)) std::abort();
  return 0;
}
