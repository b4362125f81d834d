#include "meeting_place.h"

#include <thread>

namespace retmask::distributed {
namespace {

std::vector<uint8_t> to_bytes(const std::string& text) { return {text.begin(), text.end()}; }
std::string to_text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

MeetingPlace::MeetingPlace(const Placement& placement,
                           bool listen,
                           bool wait_for_all,
                           std::chrono::milliseconds timeout)
    : rank_(placement.rank), ranks_(placement.size) {
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

void MeetingPlace::leave(const std::string& key, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  int64_t gone = store_->add(prefix_ + key, 1);
  while (rank_ == 0 && gone < ranks_ && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    gone = store_->add(prefix_ + key, 0);
  }
}

}  // namespace retmask::distributed
