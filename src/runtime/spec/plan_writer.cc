#include "runtime/spec/plan_writer.h"

#include "platform/base/error.h"

namespace spec {

std::vector<int> Plan::numbers() const {
  std::vector<int> result;
  for (const auto& fd : fds) result.push_back(fd.get());
  return result;
}

std::uint32_t PlanWriter::append(const void* bytes, std::size_t size) {
  tail_.resize((tail_.size() + 7) / 8 * 8);
  const auto offset = sizeof root + tail_.size();
  if (offset + size > launch::kMaxPlanBytes) {
    base::fail(base::Code::kInvalidArgument,
               "arguments, environment and mounts are too large together");
  }
  tail_.append(static_cast<const char*>(bytes), size);
  return static_cast<std::uint32_t>(offset);
}

launch::Text PlanWriter::text(std::string_view value) {
  if (const auto found = known_.find(value); found != known_.end()) return found->second;
  if (value.find('\0') != value.npos) {
    base::fail(base::Code::kInvalidArgument, "a NUL byte inside {}",
               value.substr(0, value.find('\0')));
  }
  const std::string copy(value);
  const launch::Text result{append(copy.c_str(), copy.size() + 1),
                            static_cast<std::uint32_t>(copy.size())};
  known_.emplace(copy, result);
  return result;
}

launch::Text PlanWriter::optionalText(std::string_view value) {
  return value.empty() ? launch::Text{} : text(value);
}

launch::Blob PlanWriter::blob(std::string_view bytes) {
  if (bytes.empty()) return {};
  return {append(bytes.data(), bytes.size()), static_cast<std::uint32_t>(bytes.size())};
}

launch::List<launch::Text> PlanWriter::texts(const std::vector<std::string>& values) {
  std::vector<launch::Text> all;
  for (const auto& value : values) all.push_back(text(value));
  return list(all);
}

launch::FdRef PlanWriter::fd(sys::Fd fd) {
  if (!fd.valid()) return 0;
  if (fds_.size() == launch::kMaxPlanFds) {
    base::fail(base::Code::kInvalidArgument, "more than {} mounts, devices and streams together",
               launch::kMaxPlanFds);
  }
  fds_.push_back(std::move(fd));
  return static_cast<launch::FdRef>(fds_.size());
}

Plan PlanWriter::finish() {
  tail_.resize((tail_.size() + 7) / 8 * 8);
  root.magic = launch::kPlanMagic;
  root.version = launch::kPlanVersion;
  root.rootSize = sizeof root;
  root.size = static_cast<std::uint32_t>(sizeof root + tail_.size());
  root.fdCount = static_cast<std::uint32_t>(fds_.size());
  Plan plan;
  plan.bytes.assign(reinterpret_cast<const char*>(&root), sizeof root);
  plan.bytes += tail_;
  plan.fds = std::move(fds_);
  return plan;
}

}  // namespace spec
