#include <gtest/gtest.h>

#include <cstdlib>

#include "retmask/endpoint/options.h"
#include "unit/support/expect_user_error.h"

namespace retmask::endpoint {
namespace {

Options valid() { return {.url = "http://localhost:1/v1", .model = "m"}; }

void check(const Options& options) { options.validate("--endpoint", "--endpoint-model"); }

TEST(EndpointOptions, MistakesAreUserErrors) {
  check({});
  check(valid());
  Options options = valid();
  options.model = "";
  expect_user_error([&] { check(options); }, {"--endpoint-model is missing"});
  expect_user_error([] { check({.url = "", .model = "m"}); },
                    {"--endpoint-model is given without --endpoint"});
  options = valid();
  options.concurrency = 0;
  expect_user_error([&] { check(options); }, {"--endpoint-concurrency is 0"});
  options = valid();
  options.timeout = 0;
  expect_user_error([&] { check(options); }, {"--endpoint-timeout is 0"});
  options = valid();
  options.tries = 0;
  expect_user_error([&] { check(options); }, {"--endpoint-tries is 0"});
}

TEST(ApiKey, ComesFromTheEnvironmentWithoutWhiteSpace) {
  ::setenv("RETMASK_TEST_KEY", " sk-1234\n", 1);
  EXPECT_EQ(read_api_key("RETMASK_TEST_KEY"), "sk-1234");
  ::unsetenv("OPENAI_API_KEY");
  EXPECT_EQ(read_api_key("OPENAI_API_KEY"), "");
}

TEST(ApiKey, MistakesNeverShowIt) {
  ::setenv("RETMASK_TEST_KEY", "sk-12\n34", 1);
  // The key itself, given in place of the variable's name.
  for (const char* variable : {"RETMASK_TEST_KEY", "sk-1234", "sk_1234", ""}) {
    try {
      read_api_key(variable);
      ADD_FAILURE() << variable;
    } catch (const UserError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("--endpoint-key-env"), std::string::npos) << message;
      EXPECT_EQ(message.find("sk"), std::string::npos) << message;
    }
  }
}

}  // namespace
}  // namespace retmask::endpoint
