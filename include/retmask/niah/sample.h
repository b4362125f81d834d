#pragma once
// NIAH samples as token ids: one question about one needle, at one depth of a context of one
// length.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retmask/niah/grid.h"
#include "retmask/niah/needles.h"
#include "retmask/tokenizer/chat_encoder.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::niah {

// Positions [begin, end) in a prompt; {-1, -1} if the needle is absent.
struct TokenSpan {
  int64_t begin = -1;
  int64_t end = -1;

  bool found() const { return begin >= 0; }
  bool contains(int64_t position) const { return begin <= position && position < end; }
  bool operator==(const TokenSpan&) const = default;
};

struct Sample {
  int64_t needle = 0;           // index
  int64_t length = 0;           // requested context length in tokens
  int64_t depth = 0;            // index, 0 .. GridOptions::depths - 1
  double depth_fraction = 0.0;  // 0: start of the context, 1: its end
  std::string real_needle = {};
  std::vector<int64_t> needle_tokens = {};  // of real_needle
  std::vector<int64_t> prompt = {};
  bool opens_thinking = false;  // the prompt, at its end
  std::string message = {};     // that the prompt renders, if PromptTools::keeps_messages
  TokenSpan span = {};          // position of real_needle in the prompt

  // Of the question's tokens in the prompt; absent if the template does not end in the same tokens
  // for every context.
  TokenSpan question = {};
  // The prompt that asks kNullQuestion instead: the first null_shared tokens of the prompt and then
  // these; and the place of its question.
  int64_t null_shared = 0;
  std::vector<int64_t> null_tail = {};
  TokenSpan null_question = {};
};

// A question about nothing, to compare the real one with (QRHead, attn_retriever.py: null_query).
inline constexpr const char* kNullQuestion = "N/A";

// The first window of the size of `needle` whose token set covers at least 90 % of the token set of
// the needle (more than 90 % under NeedlePlacement::reference). Linear in the prompt.
TokenSpan find_needle(std::span<const int64_t> prompt,
                      std::span<const int64_t> needle,
                      NeedlePlacement placement);

struct PromptTools {
  ChatEncoder encoder;
  int64_t max_positions = 0;
  bool keeps_messages = false;  // for a server, which renders them itself
};

// Returns all samples, ordered by needle, length and depth. A haystack with fewer words than the
// longest context has tokens is repeated, with a warning. Throws UserError for a needle longer than
// a context, and for a prompt that, with its answer, exceeds the model's maximum.
std::vector<Sample> build_samples(const GridOptions& grid,
                                  const NeedlesAndHaystacks& data,
                                  const PromptTools& tools);

// Judges an answer: right if its ROUGE-1 recall (stemmed) against real_needle is above one half
// and, with `needs_span`, the prompt contains the needle.
struct NeedleScore {
  double recall = 0.0;
  bool right = false;
};
NeedleScore judge(const Sample& sample, std::string_view answer, bool needs_span = true);

}  // namespace retmask::niah
