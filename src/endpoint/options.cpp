#include "retmask/endpoint/options.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "retmask/base/error.h"
#include "retmask/endpoint/url.h"

namespace retmask::endpoint {
namespace {

bool is_variable_name(const std::string& name) {
  const auto is_word = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) == 0 &&
         std::ranges::all_of(name, is_word);
}

}  // namespace

void Options::validate(const std::string& flag, const std::string& model_flag) const {
  if (!given()) {
    if (!model.empty()) user_error(model_flag, " is given without ", flag);
    return;
  }
  parse_chat_url(url, flag);
  if (model.empty()) {
    user_error(model_flag, " is missing: give the name of the model on the server at ", flag);
  }
  read_api_key(key_env);
  if (concurrency < 1 || concurrency > 1024) {
    user_error("--endpoint-concurrency is ", concurrency, ", expected 1 to 1024");
  }
  if (!(timeout > 0 && timeout <= 86400)) {
    user_error("--endpoint-timeout is ", timeout, ", expected seconds above 0, at most a day");
  }
  if (tries < 1) user_error("--endpoint-tries is ", tries, ", expected at least 1");
}

std::string read_api_key(const std::string& variable) {
  if (!is_variable_name(variable)) {
    user_error(
        "--endpoint-key-env is not the name of an environment variable; give the name, never the "
        "key itself");
  }
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr) {
    if (variable == Options{}.key_env) return "";
    user_error(
        "the environment variable that --endpoint-key-env names is not set; export it with the API "
        "key");
  }
  std::string key = value;
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  while (!key.empty() && is_space(static_cast<unsigned char>(key.back()))) key.pop_back();
  key.erase(key.begin(), std::ranges::find_if_not(key, is_space));
  if (!std::ranges::all_of(key, [](unsigned char c) { return c > ' ' && c < 0x7f; })) {
    user_error(
        "the API key in the environment variable that --endpoint-key-env names contains characters "
        "not allowed in a key (white space, control or non-ASCII characters)");
  }
  return key;
}

}  // namespace retmask::endpoint
