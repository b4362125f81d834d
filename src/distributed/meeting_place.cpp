#include "meeting_place.h"

namespace retmask::distributed {
namespace {

std::vector<uint8_t> to_bytes(const std::string& text) { return {text.begin(), text.end()}; }
std::string to_text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

MeetingPlace::MeetingPlace(const Placement& placement,
                           bool listen,
                           bool wait_for_all,
                           std::chrono::milliseconds timeout) {
  // torchrun starts a failed job again beside the same server.
  const std::string attempt = process_environment("TORCHELASTIC_RESTART_COUNT").value_or("0");
  prefix_ = "retmask/" + attempt + "/";
  c10d::TCPStoreOptions options;
  options.port = placement.master_port;
  options.isServer = listen;
  options.waitWorkers = wait_for_all;
  if (wait_for_all) options.numWorkers = static_cast<size_t>(placement.size);
  options.timeout = timeout;
  store_ = c10::make_intrusive<c10d::TCPStore>(placement.master_address, options);
}

void MeetingPlace::set(const std::string& key, const std::string& value) {
  store_->set(prefix_ + key, to_bytes(value));
}

std::vector<std::string> MeetingPlace::get(const std::vector<std::string>& keys) {
  std::vector<std::string> prefixed;
  for (const std::string& key : keys) prefixed.push_back(prefix_ + key);
  std::vector<std::string> values;
  for (const auto& bytes : store_->multiGet(prefixed)) values.push_back(to_text(bytes));
  return values;
}

std::string MeetingPlace::claim(const std::string& key, const std::string& value) {
  return to_text(store_->compareSet(prefix_ + key, {}, to_bytes(value)));
}

bool MeetingPlace::has(const std::string& key) { return store_->check({prefix_ + key}); }

int64_t MeetingPlace::add(const std::string& key, int64_t value) {
  return store_->add(prefix_ + key, value);
}

}  // namespace retmask::distributed
