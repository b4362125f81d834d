#include <gtest/gtest.h>

#include "retmask/endpoint/url.h"
#include "unit/support/expect_user_error.h"

namespace retmask::endpoint {
namespace {

TEST(Url, BaseUrlsLeadToTheChatCompletions) {
  for (const char* text : {"http://host:8000",
                           "http://host:8000/",
                           "http://host:8000/v1",
                           "http://host:8000/v1/",
                           "http://host:8000/v1/chat/completions"}) {
    const Url url = parse_chat_url(text, "--endpoint");
    EXPECT_EQ(url.origin, "http://host:8000") << text;
    EXPECT_EQ(url.path, "/v1/chat/completions") << text;
    EXPECT_FALSE(url.encrypted);
    EXPECT_FALSE(url.loopback);
  }
  EXPECT_EQ(parse_chat_url("https://host/openai/v2", "--endpoint").text(),
            "https://host/openai/v2/chat/completions");
}

TEST(Url, KnowsWhatStaysOnThisMachine) {
  EXPECT_TRUE(parse_chat_url("http://localhost:8000", "--endpoint").loopback);
  EXPECT_TRUE(parse_chat_url("http://127.0.0.1:8000", "--endpoint").loopback);
  EXPECT_TRUE(parse_chat_url("http://[::1]:8000/v1", "--endpoint").loopback);
  EXPECT_TRUE(parse_chat_url("https://host", "--endpoint").encrypted);
  const auto is_loopback = [](const std::string& host) {
    return parse_chat_url("http://" + host + ":8000", "--endpoint").loopback;
  };
  for (const char* host : {"LocalHost", "127.9.8.7", "127.1", "[0:0::1]", "[::ffff:127.0.0.1]"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"127.0.0.1.example.com",
                           "127.example",
                           "127.0.0.1x",
                           "localhost.example",
                           "local",
                           "128.0.0.1",
                           "[::]",
                           "[::2]",
                           "[::ffff:10.0.0.1]",
                           "[fe80::1]"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

TEST(Url, TakesEveryIpv6Address) {
  const Url url = parse_chat_url("https://[fd00:abcd::1]/v1", "--endpoint");
  EXPECT_EQ(url.host, "fd00:abcd::1");
  EXPECT_EQ(url.port, 443);
  EXPECT_EQ(url.origin, "https://[fd00:abcd::1]");
  EXPECT_EQ(parse_chat_url("http://[FE80::A%25eth0]:81", "--endpoint").host, "FE80::A%eth0");
  EXPECT_EQ(parse_chat_url("http://[FE80::A%25eth0]:81", "--endpoint").port, 81);
  EXPECT_EQ(parse_chat_url("http://host", "--endpoint").port, 80);
}

TEST(Url, SecretsAreRefusedAndNotRepeated) {
  for (const char* text : {"http://me:hunter2@host/v1", "http://host/v1?api_key=hunter2"}) {
    try {
      parse_chat_url(text, "--judge-endpoint");
      ADD_FAILURE() << text;
    } catch (const UserError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("--judge-endpoint"), std::string::npos) << message;
      EXPECT_EQ(message.find("hunter2"), std::string::npos) << message;
    }
  }
}

TEST(Url, OtherTextsAreUserErrors) {
  for (const char* text : {"host:8000",
                           "ftp://host",
                           "http://",
                           "http://:80",
                           "http://host:0",
                           "http://host:99999",
                           "http://host:port",
                           "http://ho st",
                           "http://::1",
                           "http://fd00::1:8000",
                           "http://[::g]",
                           "http://[1.2.3.4]",
                           "http://[]:80",
                           "http://[::1",
                           "http://[::1]x"}) {
    SCOPED_TRACE(text);
    expect_user_error([&] { parse_chat_url(text, "--endpoint"); }, {"--endpoint", "http://host"});
  }
}

}  // namespace
}  // namespace retmask::endpoint
