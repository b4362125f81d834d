#include <gtest/gtest.h>

#include "exchange.h"
#include "unit/support/expect_user_error.h"

namespace retmask::endpoint {
namespace {

constexpr char kKey[] = "sk-secret";
constexpr char kGood[] =
    R"({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"completion_tokens": 1}})";

Outcome outcome(int status, const std::string& body, const std::string& retry_after = "") {
  return interpret({.status = status, .body = body, .retry_after = retry_after, .failure = ""},
                   ChatRequest{},
                   kKey);
}

TEST(Exchange, PassingTroubleIsAskedAgain) {
  EXPECT_EQ(outcome(200, kGood).reply->text, "Hi");
  for (const int status : {408, 429, 500, 502, 503}) {
    const Outcome busy = outcome(status, R"({"error": {"message": "busy"}})", "3");
    EXPECT_FALSE(busy.reply);
    EXPECT_EQ(busy.reason, "status " + std::to_string(status) + ": busy");
    EXPECT_EQ(busy.retry_after, 3);
  }
  EXPECT_EQ(outcome(200, "<html>").reason, "the reply is not a JSON object: <html>");
  const Outcome dropped = interpret(
      {.status = 0, .body = "", .retry_after = "", .failure = "dropped"}, ChatRequest{}, kKey);
  EXPECT_EQ(dropped.reason, "dropped");
  EXPECT_FALSE(dropped.reply);
}

TEST(Exchange, OtherStatusesAreTheUsersMistake) {
  for (const int status : {301, 400, 401, 404, 422}) {
    expect_user_error([&] { outcome(status, R"({"error": "no"})"); },
                      {std::to_string(status), "no"});
  }
  const Outcome too_long = outcome(400, R"({"error": {"code": "context_length_exceeded"}})");
  EXPECT_EQ(too_long.reply->ending, ChatEnding::prompt_too_long);
}

TEST(Exchange, APromptThatDoesNotFitIsAnAnswerWhateverTheStatus) {
  const std::string said =
      R"({"error": {"message": "The request exceeds the available context size (256 tokens)."}})";
  for (const int status : {200, 400, 422, 500}) {
    EXPECT_EQ(outcome(status, said).reply->ending, ChatEnding::prompt_too_long) << status;
  }
  EXPECT_EQ(outcome(413, "<html>Request Entity Too Large").reply->ending,
            ChatEnding::prompt_too_long);
  EXPECT_FALSE(outcome(503, said).reply) << "a proxy's, perhaps";
}

TEST(Exchange, TheKeyIsCutOutOfWhatTheServerSays) {
  const std::string padding(295, 'x');  // cutting to one line would split the key
  for (const std::string& said : {std::string("Bearer sk-secret?"), padding + kKey}) {
    for (const int status : {200, 401, 500}) {
      std::string shown;
      try {
        shown = outcome(status, said).reason;
      } catch (const UserError& error) {
        shown = error.what();
      }
      EXPECT_EQ(shown.find("sk-"), std::string::npos) << shown;
      EXPECT_NE(shown.find("***"), std::string::npos) << shown;
    }
  }
}

}  // namespace
}  // namespace retmask::endpoint
