#include "pool.h"

#include <algorithm>

#include "exchange.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/stop_signals.h"

namespace retmask::endpoint {
namespace {

constexpr auto kStopInterval = std::chrono::milliseconds(20);
// Signal poll interval of next() while it waits for a reply.
constexpr auto kSignalInterval = std::chrono::milliseconds(100);

}  // namespace

Pool::Pool(const PoolOptions& options) : options_(options) {
  working_ = std::min(options.count, static_cast<size_t>(options.options.concurrency));
  for (size_t i = 0; i < working_; ++i) {
    connections_.push_back(
        std::make_unique<HttpConnection>(options.url, options.options.timeout, options.api_key));
  }
  for (const auto& connection : connections_) {
    threads_.emplace_back(
        [this, &connection](const std::stop_token& stop) { work(stop, *connection); });
  }
}

Pool::~Pool() {
  for (std::jthread& thread : threads_) thread.request_stop();
  // Repeatedly: a thread may have been about to call post().
  while (!all_ended()) {
    for (const auto& connection : connections_) connection->stop();
    std::this_thread::sleep_for(kStopInterval);
  }
}

bool Pool::all_ended() const {
  const std::lock_guard lock(mutex_);
  return working_ == 0;
}

std::optional<Pool::Arrived> Pool::next() {
  std::unique_lock lock(mutex_);
  const auto has_news = [&] { return !arrived_.empty() || failure_ || working_ == 0; };
  while (!changed_.wait_for(lock, kSignalInterval, has_news)) stop_point();
  if (arrived_.empty()) {
    stop_point();
    return std::nullopt;
  }
  Arrived first = std::move(arrived_.front());
  arrived_.pop_front();
  return first;
}

std::optional<Failure> Pool::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Pool::work(const std::stop_token& stop, HttpConnection& connection) {
  try {
    while (const auto taken = take(stop)) {
      std::optional<ChatReply> reply = ask(taken->second, connection, stop);
      if (!reply) break;
      const std::lock_guard lock(mutex_);
      arrived_.push_back({.index = taken->first, .reply = std::move(*reply)});
      changed_.notify_all();
    }
  } catch (const Stopped&) {  // raised while making the request; next() detects the stop itself
  } catch (const UserError& error) {
    fail(/*users_mistake=*/true, error.what());
  } catch (const std::exception& error) {
    fail(/*users_mistake=*/false, error.what());
  }
  const std::lock_guard lock(mutex_);
  --working_;
  changed_.notify_all();
}

std::optional<std::pair<size_t, ChatRequest>> Pool::take(const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  if (stop.stop_requested() || failure_ || next_index_ == options_.count) return std::nullopt;
  const size_t index = next_index_++;
  return std::pair{index, options_.make_request(index)};
}

std::optional<ChatReply> Pool::ask(const ChatRequest& request,
                                   HttpConnection& connection,
                                   const std::stop_token& stop) {
  const std::string body = chat_body(request, options_.options.model);
  RandomStream jitter(request.seed, "backoff");
  for (int64_t tries = 1; !stop.stop_requested(); ++tries) {
    const Outcome outcome = interpret(connection.post(body), request, options_.api_key);
    if (outcome.reply) return outcome.reply;
    if (stop.stop_requested()) break;
    if (tries == options_.options.tries) {
      throw EndpointFailure(
          detail::concat("no answer after ", tries, " tries, the last one: ", outcome.reason));
    }
    if (outcome.retry_after.value_or(0.0) > ChatClient::kLongestWait) {
      throw EndpointFailure(
          detail::concat("asks to wait for ", *outcome.retry_after, " s: ", outcome.reason));
    }
    warn_once(outcome.reason);
    if (!wait(options_.backoff.delay(tries, outcome.retry_after, jitter), stop)) break;
  }
  return std::nullopt;
}

bool Pool::wait(double seconds, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, std::chrono::duration<double>(seconds), [] { return false; });
  return !stop.stop_requested();
}

void Pool::warn_once(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (warned_) return;
    warned_ = true;
  }
  log::warn(options_.url.text() + ": " + reason + "; trying again (reported once)");
}

void Pool::fail(bool users_mistake, const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = {.users_mistake = users_mistake, .message = message};
}

}  // namespace retmask::endpoint
