#include "http_connection.h"

// Included only here: it is a heavy header.
#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "retmask/base/error.h"

namespace retmask::endpoint {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kLongestConnect = 30;             // seconds
constexpr size_t kLongestBody = size_t{64} << 20;  // larger replies are rejected

std::string describe(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return "cannot connect";
    case httplib::Error::ConnectionTimeout:
      return "cannot connect in time";
    case httplib::Error::Write:
      return "the connection was dropped while the request was sent";
    case httplib::Error::Read:
      return "the connection was dropped before the reply was complete";
    case httplib::Error::SSLConnection:
      return "no TLS connection: is this an https server?";
    case httplib::Error::SSLLoadingCerts:
      return "the system's certificates cannot be loaded";
    case httplib::Error::SSLServerVerification:
      return "the server's certificate is not trusted (SSL_CERT_FILE may name others)";
    default:
      return httplib::to_string(error);
  }
}

// By host and port: httplib's URL parser does not accept letters in an IPv6 address.
std::unique_ptr<httplib::ClientImpl> make_client(const Url& url) {
  if (url.encrypted) return std::make_unique<httplib::SSLClient>(url.host, url.port);
  return std::make_unique<httplib::ClientImpl>(url.host, url.port);
}

}  // namespace

struct HttpConnection::Impl {
  explicit Impl(const Url& url) : client(make_client(url)) {}
  std::unique_ptr<httplib::ClientImpl> client;
  std::mutex mutex;
  int socket = -1;  // the most recent one
  bool in_use = false;
  std::string host;  // value of the Host header
  std::string path;
  std::chrono::duration<double> timeout{};
};

HttpConnection::HttpConnection(const Url& url, double timeout_seconds, const std::string& api_key)
    : impl_(std::make_unique<Impl>(url)) {
  httplib::ClientImpl& client = *impl_->client;
  RETMASK_CHECK(client.is_valid(), url.origin);
  impl_->host = url.origin.substr(url.origin.find("//") + 2);
  impl_->path = url.path;
  impl_->timeout = std::chrono::duration<double>(timeout_seconds);
  const auto micros = [](double seconds) {
    return std::chrono::microseconds(std::max<int64_t>(1, static_cast<int64_t>(seconds * 1e6)));
  };
  client.set_connection_timeout(micros(std::min(timeout_seconds, kLongestConnect)));
  client.set_read_timeout(micros(timeout_seconds));
  client.set_write_timeout(micros(timeout_seconds));
  client.set_socket_options([impl = impl_.get()](socket_t socket) {
    httplib::default_socket_options(socket);
    const std::lock_guard lock(impl->mutex);
    impl->socket = static_cast<int>(socket);
  });
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  client.set_url_encode(false);
  if (!api_key.empty()) client.set_bearer_token_auth(api_key);
}

HttpConnection::~HttpConnection() = default;

// Client::stop() would wait for a pending connect, which may take half a minute.
void HttpConnection::stop() {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->in_use && impl_->socket >= 0) ::shutdown(impl_->socket, SHUT_RDWR);
}

void HttpConnection::set_in_use(bool in_use) {
  const std::lock_guard lock(impl_->mutex);
  impl_->in_use = in_use;
}

HttpReply HttpConnection::post(const std::string& body) {
  HttpReply reply;
  const Clock::time_point start = Clock::now();
  const auto late = [&] { return Clock::now() - start >= impl_->timeout; };
  httplib::Request request;
  request.method = "POST";
  request.path = impl_->path;
  request.body = body;
  request.headers = {{"Host", impl_->host},
                     {"Content-Type", "application/json"},
                     {"Accept", "application/json"},
                     {"User-Agent", "retmask"}};
  // The read timeout applies to each chunk; this limit applies to the whole reply.
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    reply.body.append(data, size);
    return !late() && reply.body.size() <= kLongestBody;
  };
  set_in_use(true);
  const httplib::Result result = impl_->client->send(request);
  set_in_use(false);
  if (result) {
    reply.status = result->status;
    reply.retry_after = result->get_header_value("Retry-After");
  } else if (late()) {
    reply.failure =
        detail::concat("no reply within --endpoint-timeout ", impl_->timeout.count(), " s");
  } else if (reply.body.size() > kLongestBody) {
    reply.failure = detail::concat("the reply is longer than ", kLongestBody, " bytes");
  } else {
    reply.failure = describe(result.error());
  }
  return reply;
}

}  // namespace retmask::endpoint
