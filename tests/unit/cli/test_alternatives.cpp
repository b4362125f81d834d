#include <gtest/gtest.h>

#include "alternatives.h"

namespace retmask::cli {
namespace {

const std::vector<Alternatives> kGroups = {
    {.sets = {{"threshold"}, {"top-k"}, {"heads", "layers"}}},
    {.sets = {{"epochs"}, {"steps!=0"}}},
    {.sets = {{"mask", "way=masked"}, {"server", "way=remote"}, {"way=none"}}},
    {.sets = {{"model"}, {"server"}}, .unless = {"mask"}},
};

bool excluded(const GivenFlags& stronger,
              const std::string& name,
              const std::string& value = "1",
              const GivenFlags& more = {}) {
  GivenFlags all = stronger;
  all.insert(more.begin(), more.end());
  return has_alternative(kGroups, stronger, all, name, value);
}

TEST(Alternatives, ExcludeEachOther) {
  EXPECT_TRUE(excluded({{"top-k", "5"}}, "threshold"));
  EXPECT_TRUE(excluded({{"top-k", "5"}}, "heads"));
  EXPECT_TRUE(excluded({{"heads", "1-1"}}, "top-k"));
  EXPECT_FALSE(excluded({{"heads", "1-1"}}, "layers")) << "they go together";
  EXPECT_FALSE(excluded({{"top-k", "5"}}, "top-k")) << "the same flag is another matter";
  EXPECT_FALSE(excluded({{"seed", "5"}}, "threshold"));
  EXPECT_FALSE(excluded({}, "threshold"));
}

TEST(Alternatives, MayDependOnValues) {
  EXPECT_TRUE(excluded({{"steps", "100"}}, "epochs"));
  EXPECT_FALSE(excluded({{"steps", "0"}}, "epochs"));
  EXPECT_TRUE(excluded({{"epochs", "2"}}, "steps", "100"));
  EXPECT_FALSE(excluded({{"epochs", "2"}}, "steps", "0"));
  EXPECT_FALSE(excluded({{"way", "masked"}}, "mask"));
  EXPECT_TRUE(excluded({{"way", "none"}}, "mask"));
  EXPECT_TRUE(excluded({{"mask", "m"}}, "way", "remote"));
  EXPECT_FALSE(excluded({{"mask", "m"}}, "way", "unheard-of"));
}

TEST(Alternatives, MayBeAllowedByAThirdFlag) {
  EXPECT_TRUE(excluded({{"server", "s"}}, "model"));
  EXPECT_FALSE(excluded({{"server", "s"}}, "model", "m", {{"mask", "weaker"}}));
}

}  // namespace
}  // namespace retmask::cli
