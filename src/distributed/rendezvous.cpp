#include "rendezvous.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "retmask/base/file_descriptor.h"

namespace retmask::distributed {
namespace {

std::vector<uint8_t> to_bytes(const std::string& text) { return {text.begin(), text.end()}; }
std::string to_text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

constexpr int kConnectMilliseconds = 1000;
constexpr int kBacklog = 1024;

// Returns a listening socket; the store takes ownership.
int listen_on_loopback(uint16_t port) {
  FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (socket.get() < 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    throw std::runtime_error("cannot listen on port " + std::to_string(port) +
                             " of this machine: " + std::strerror(errno));
  }
  return socket.release();
}

}  // namespace

bool answers(const Placement& placement) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(placement.master_port);
  if (::getaddrinfo(placement.master_address.c_str(), port.c_str(), &hints, &found) != 0) {
    return false;
  }
  bool connected = false;
  for (const addrinfo* address = found; address != nullptr && !connected;
       address = address->ai_next) {
    const FileDescriptor socket(
        ::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) continue;
    connected = ::connect(socket.get(), address->ai_addr, address->ai_addrlen) == 0;
    pollfd ready{.fd = socket.get(), .events = POLLOUT, .revents = 0};
    if (connected || errno != EINPROGRESS || ::poll(&ready, 1, kConnectMilliseconds) != 1) continue;
    int error = 0;
    socklen_t size = sizeof error;
    connected = ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
  }
  ::freeaddrinfo(found);
  return connected;
}

Rendezvous::Rendezvous(const Placement& placement, bool listen, std::chrono::milliseconds timeout)
    : rank_(placement.rank), ranks_(placement.size) {
  // torchrun restarts a failed job with the same server.
  const std::string attempt = process_environment("TORCHELASTIC_RESTART_COUNT").value_or("0");
  prefix_ = "retmask/" + attempt + "/";
  c10d::TCPStoreOptions options;
  options.port = placement.master_port;
  options.isServer = listen;
  options.waitWorkers = false;
  options.timeout = timeout;
  // By default c10d listens on all network interfaces.
  if (listen && placement.launcher == Launcher::nproc) {
    options.masterListenFd = listen_on_loopback(placement.master_port);
  }
  store_ = c10::make_intrusive<c10d::TCPStore>(placement.master_address, options);
}

void Rendezvous::set(const std::string& key, const std::string& value) {
  store_->set(prefix_ + key, to_bytes(value));
}

std::vector<std::string> Rendezvous::get(const std::vector<std::string>& keys) {
  std::vector<std::string> prefixed;
  for (const std::string& key : keys) prefixed.push_back(prefix_ + key);
  std::vector<std::string> values;
  for (const auto& bytes : store_->multiGet(prefixed)) values.push_back(to_text(bytes));
  return values;
}

std::string Rendezvous::claim(const std::string& key, const std::string& value) {
  return to_text(store_->compareSet(prefix_ + key, {}, to_bytes(value)));
}

std::vector<std::string> Rendezvous::missing(const std::vector<std::string>& keys) {
  std::vector<std::string> prefixed;
  for (const std::string& key : keys) prefixed.push_back(prefix_ + key);
  if (store_->check(prefixed)) return {};
  std::vector<std::string> absent;
  for (const std::string& key : keys) {
    if (!has(key)) absent.push_back(key);
  }
  return absent;
}

bool Rendezvous::has(const std::string& key) { return store_->check({prefix_ + key}); }

void Rendezvous::leave(const std::string& key, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  int64_t gone = store_->add(prefix_ + key, 1);
  while (rank_ == 0 && gone < ranks_ && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    gone = store_->add(prefix_ + key, 0);
  }
}

}  // namespace retmask::distributed
