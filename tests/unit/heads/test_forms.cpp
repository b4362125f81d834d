#include <gtest/gtest.h>

#include "retmask/heads/head_list.h"
#include "unit/support/expect_user_error.h"

namespace retmask {
namespace {

using Heads = std::vector<Head>;

HeadList parse(const std::string& text) { return parse_head_list(text, "heads.txt"); }

void expect_error(const std::string& text, std::vector<std::string> parts) {
  parts.push_back("heads.txt");
  SCOPED_TRACE(text);
  expect_user_error([&] { parse(text); }, parts);
}

TEST(HeadForms, HeadScores) {
  const HeadList list =
      parse(R"({"0-0": [0, 0.5], "0-1": [1, 1], "1-0": [-1, 0], "1-1": [0, 0.5]})");
  EXPECT_EQ(to_string(list.form), "head_scores");
  EXPECT_EQ(list.ranked, (Heads{{0, 1}, {0, 0}, {1, 1}, {1, 0}}));
  EXPECT_EQ(list.scores, (HeadMeans{{{0, 0}, 0.25}, {{0, 1}, 1}, {{1, 0}, -0.5}, {{1, 1}, 0.25}}));
  EXPECT_EQ(list.num_samples, 2);
  EXPECT_EQ(list.grid, (HeadGrid{2, 2}));
  EXPECT_FALSE(list.of_kv_heads);
  EXPECT_EQ(parse(R"({"0-0": [1], "3-1": [2]})").grid, std::nullopt);  // not all heads
}

TEST(HeadForms, OnlyTheFirstLineOfHeadScoresCounts) {
  const HeadList list = parse("{\"0-0\": [1], \"0-1\": [2]}\n{\"0-0\": [9], \"0-1\": [2]}\n");
  EXPECT_EQ(list.ranked, (Heads{{0, 1}, {0, 0}}));
}

TEST(HeadForms, HeadScoresMistakes) {
  expect_error("", {"is empty", "attn_head_set", "DuoAttention"});
  expect_error("{", {"not valid JSON"});
  expect_error("{}", {"something else", "head_scores.json", "mask.json", "selected_heads"});
  expect_error(R"({"first": [1], "0-1": [1]})", {"\"first\" is not a head"});
  expect_error(R"({"0-0": [1], "0-0": [1]})", {"\"0-0\" is listed twice"});
  expect_error(R"({"0-0": [1], "00-0": [1]})", {"00-0", "listed twice"});
  expect_error(R"({"0-0": [1], "0-1": [1, 2]})", {"head 0-1 has 2 scores, the first head has 1"});
  expect_error(R"({"0-0": ["1"]})", {"head 0-0 has the score \"1\""});
  expect_error(R"({"0-0": [], "0-1": []})", {"no answer was right"});
  expect_error(R"({"9999999999-0": [1]})", {"no model has a head 9999999999-0"});
  expect_error(R"({"model_type": "llama"})", {"config.json", "expected heads"});
  expect_error("{\"needle\": 0, \"right\": true, \"scores\": {}}\n{\"needle\": 1}\n",
               {"JSON lines", "a detection's samples"});
}

TEST(HeadForms, Summary) {
  const std::string begin =
      R"({"samples": 30, "right": 17, "num_layers": 2, "num_heads": 2, "heads_at_least": {}, "heads": [)";
  const HeadList list = parse(begin + R"({"head": [1, 0], "mean": 0.25, "interval": [0.1, 0.3]},
                                         {"head": [0, 1], "mean": 0.5}]})");
  EXPECT_EQ(to_string(list.form), "summary");
  EXPECT_EQ(list.ranked, (Heads{{0, 1}, {1, 0}}));
  EXPECT_EQ(list.num_samples, 17);
  EXPECT_EQ(list.grid, (HeadGrid{2, 2}));
  expect_error(begin + R"({"head": [1, 0], "mean": null}]})", {"head 1-0 has the score null"});
  expect_error(begin + R"({"head": [1], "mean": 1}]})", {"the entry [1]", "[layer, head]"});
  expect_error(begin + R"({"head": [1, 1], "mean": 1}, {"head": [1, 1], "mean": 1}]})",
               {"1-1 is listed twice"});
  expect_error(begin + R"({"head": [2, 1], "mean": 1}]})", {"no head 2-1", "layers 0 to 1"});
  expect_error(begin + "]}", {"lists no heads"});
}

TEST(HeadForms, Mask) {
  const HeadList list = parse(R"({"heads": [[3, 1], [0, 2]], "select": "retrieval",
                                  "model": {"num_hidden_layers": 4, "num_attention_heads": 5}})");
  EXPECT_EQ(to_string(list.form), "mask");
  EXPECT_EQ(list.ranked, (Heads{{3, 1}, {0, 2}}));
  EXPECT_FALSE(list.scores);
  EXPECT_EQ(list.grid, (HeadGrid{4, 5}));
  EXPECT_EQ(parse(R"({"heads": [[0, 2], [3, 1]], "mean_scores": [0.1, 0.2]})").ranked,
            (Heads{{3, 1}, {0, 2}}));
  expect_error(R"({"heads": []})", {"lists no heads"});
  expect_error(R"({"heads": [[0, -1]]})", {"the entry [0,-1]", "whole numbers"});
  expect_error(R"({"heads": [[0, 1], [0, 1]]})", {"0-1 is listed twice"});
  expect_error(R"({"heads": [[0, 1]], "mean_scores": [1, 2]})", {"mean_scores", "wrong shape"});
  expect_error(
      R"({"heads": [[0, 1]], "model": {"num_hidden_layers": 0, "num_attention_heads": 1}})",
      {"no model has 0 layers"});
}

TEST(HeadForms, Locos) {
  const HeadList list = parse(R"({"meta": {"method": "logit_contribution", "model": "m"},
      "scores": {"0-0": [-0.5, 0.25], "0-1": [2.5, 1.5], "1-0": [], "1-1": [1]},
      "trial_ids": ["a", "b"], "confidence_intervals": {"0-0": [-1, 1]}})");
  EXPECT_EQ(to_string(list.form), "locos");
  EXPECT_EQ(list.ranked, (Heads{{0, 1}, {1, 1}, {1, 0}, {0, 0}}));
  EXPECT_EQ(list.scores->at({1, 0}), 0);
  EXPECT_EQ(list.num_samples, 2);
  EXPECT_EQ(list.grid, (HeadGrid{2, 2}));
  // consensus_heads.py writes the heads of a set alone.
  EXPECT_EQ(parse(R"({"scores": {"7-3": [1.0], "2-4": [1.0]}})").ranked, (Heads{{2, 4}, {7, 3}}));
  EXPECT_TRUE(parse(R"({"meta": {"gqa_ratio": 4}, "scores": {"0-0": [1]}})").of_kv_heads);
  expect_error(R"({"scores": {"0-0": [1]}, "score": 1})", {"\"score\"", "trial_ids"});
  expect_error(R"({"scores": {"a": [1]}})", {"\"scores\"", "\"a\" is not a head"});
  expect_error(R"({"scores": []})", {"\"scores\" is not an object"});
  expect_error(R"({"scores": {"0-0": [], "0-1": []}})", {"no answer was right"});
}

TEST(HeadForms, QrheadScores) {
  const HeadList list = parse(R"([["1-0", 0.25], ["0-1", 0.75], ["0-0", -1]])");
  EXPECT_EQ(to_string(list.form), "qrhead_scores");
  EXPECT_EQ(list.ranked, (Heads{{0, 1}, {1, 0}, {0, 0}}));
  EXPECT_EQ(list.num_samples, 0);
  expect_error("[]", {"lists no heads"});
  expect_error("[1]", {"the row 1", "[\"18-6\", 0.5]"});
  expect_error(R"([["1-0", 1], ["1-0", 2]])", {"head 1-0 is listed twice"});
  expect_error(R"([["1-0", "1"]])", {"head 1-0 has the score \"1\""});
}

TEST(HeadForms, QrheadYaml) {
  const HeadList list = parse(
      "# Default configuration\n\nattn_head_set: \"14-22,13-16,0-3\" # top16\n"
      "model_base_class: \"Llama-3.1-8B-Instruct\"");
  EXPECT_EQ(to_string(list.form), "qrhead");
  EXPECT_EQ(list.ranked, (Heads{{14, 22}, {13, 16}, {0, 3}}));
  EXPECT_FALSE(list.scores);
  EXPECT_EQ(list.grid, std::nullopt);
  const Heads two{{1, 2}, {3, 4}};
  EXPECT_EQ(parse("attn_head_set: 1-2,3-4").ranked, two);
  EXPECT_EQ(parse("\xEF\xBB\xBF---\r\n'attn_head_set' : '1-2, 3-4'\r\n").ranked, two);
  EXPECT_EQ(parse("attn_head_set: [1-2, \"3-4\"]\nx: 1\n").ranked, two);
  EXPECT_EQ(parse("attn_head_set: # ranked\n- 1-2\n- '3-4' # last\nx: 1\n").ranked, two);
  EXPECT_EQ(parse("attn_head_set:\n  - 1-2\n  - 3-4\n").ranked, two);
  EXPECT_EQ(parse("attn_head_set: \"1-2,\n  3-4\"\n").ranked, two);
  EXPECT_EQ(parse(R"({"attn_head_set": "1-2,3-4"})").ranked, two);
}

TEST(HeadForms, DyscoYaml) {
  const HeadList list = parse(
      "selected_heads: \"[(17,24),(14,31)]\"\ntop_k: 4096\ntemplate_sequences:\n"
      "  - [128000]      # <|begin_of_text|>\n");
  EXPECT_EQ(to_string(list.form), "dysco");
  EXPECT_EQ(list.ranked, (Heads{{17, 24}, {14, 31}}));
  const Heads two{{1, 2}, {3, 4}};
  EXPECT_EQ(parse("dysco_qrheads: '[(1, 2),\n  (3, 4)]'\n").ranked, two);
  EXPECT_EQ(parse("selected_heads: [[1, 2], [3, 4]]").ranked, two);
  EXPECT_EQ(parse("selected_heads:\n- [1, 2]\n- [3, 4]\n").ranked, two);
  EXPECT_EQ(parse(R"({"selected_heads": [[1, 2], [3, 4]]})").ranked, two);
}

TEST(HeadForms, YamlMistakes) {
  expect_error("heads: 1-2\n", {"something else", "attn_head_set", "selected_heads"});
  expect_error("x: 1\nattn_head_set: \"1-2,3_4\"\n", {":2", "attn_head_set", "\"3_4\""});
  expect_error("attn_head_set: \"1-2 3-4\"\n", {":1", "\"3-4\""});
  expect_error("attn_head_set: \"1-2,a\"\n", {"\"a\""});
  expect_error("attn_head_set: 1-2,-1-3\n", {"\"-1-3\""});
  expect_error("attn_head_set: \"\"\n", {"lists no heads"});
  expect_error("attn_head_set: full_heads\n", {"full_heads", "every head"});
  expect_error("attn_head_set: 1-2,3-4,1-2\n", {"1-2 is listed twice"});
  expect_error("attn_head_set: 1-2\nselected_heads: '[(1,2)]'\n", {"both", "selected_heads"});
  expect_error("attn_head_set: 1-2\nattn_head_set: 1-3\n", {"both"});
  expect_error("selected_heads: \"[(17,24),(14,31)\"\n", {"its end"});
  expect_error("selected_heads: \"[(17,24),(14)]\"\n", {"\")]"});
  expect_error("selected_heads: \"[(17,24,3)]\"\n", {"\",3)]"});
  expect_error("selected_heads: \"[(17,-24)]\"\n", {"\"-24)]"});
  expect_error("selected_heads: 17,24\n", {"\"17,24\""});
  expect_error("selected_heads: [(1,2)] 5\n", {"\"5\""});
  expect_error("just words", {"something else"});
  expect_error(std::string("\0\1\2", 3), {"something else"});
}

TEST(HeadForms, DuoAttention) {
  const HeadList list = parse("1.0e+00\t0.000e+00\n-2.5e-04\t5e-1\n0.25\t+0.75\n");
  EXPECT_EQ(to_string(list.form), "duo_attention");
  EXPECT_TRUE(list.of_kv_heads);
  EXPECT_EQ(list.grid, (HeadGrid{3, 2}));
  EXPECT_EQ(list.ranked, (Heads{{0, 0}, {2, 1}, {1, 1}, {2, 0}, {0, 1}, {1, 0}}));
  EXPECT_EQ(list.scores->at({1, 0}), -2.5e-04);
  EXPECT_EQ(parse("# layers\n0.5 1\r\n\n0 0.25\n\n").grid, (HeadGrid{2, 2}));
  expect_error("0.5\t1\n0.5\n", {":2 has 1 values", "first line has 2"});
  expect_error("0.5\t1\n0.5\tx\n", {":2: value 2 is x"});
  expect_error("0.5\tnan\n", {":1: value 2 is nan"});
  expect_error("0.5,1\n", {"something else"});
}

}  // namespace
}  // namespace retmask
