// Compares every supported component of tokenizer.json with Hugging Face's tokenizers.

#include <gtest/gtest.h>

#include "support.h"

namespace retmask {
namespace {

using testing::golden_json;

class Parts : public ::testing::TestWithParam<const char*> {};

TEST_P(Parts, EncodeAndDecodeLikeHuggingFace) {
  const Json golden = golden_json("tokenizer/" + std::string(GetParam()));
  const auto texts = golden["texts"].get<std::vector<std::string>>();
  for (const Json& row : golden["cases"]) {
    Json json = row["tokenizer"];
    json["model"] = golden["models"][json["model"].get<std::string>()];
    const auto tokenizer = testing::load_tokenizer(json);
    for (size_t i = 0; i < texts.size(); ++i) {
      SCOPED_TRACE(row["name"].get<std::string>() + ": \"" + texts[i] + "\"");
      const auto ids = row["ids"][i].get<std::vector<int64_t>>();
      EXPECT_EQ(tokenizer->encode(texts[i], /*add_special_tokens=*/true), ids);
      EXPECT_EQ(tokenizer->decode(ids, /*skip_special_tokens=*/false),
                testing::expected_text(row["decoded"], i, texts[i]));
      EXPECT_EQ(tokenizer->decode(ids, /*skip_special_tokens=*/true),
                testing::expected_text(row["decoded_skip"], i, texts[i]));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Parts, ::testing::Values("parts_bytes.json", "parts_chars.json"));

}  // namespace
}  // namespace retmask
