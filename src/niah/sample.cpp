#include "retmask/niah/sample.h"

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include "placement.h"
#include "question_tails.h"
#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/base/log.h"
#include "retmask/base/stop_signals.h"

namespace retmask::niah {
namespace {

constexpr double kCoverage = 0.9;

int64_t count_words(const std::string& text) {
  std::istringstream words(text);
  int64_t count = 0;
  for (std::string word; words >> word;) ++count;
  return count;
}

// Repeats each haystack until it has at least as many words as the longest context has tokens.
std::vector<std::string> fill(std::vector<std::string> haystacks, int64_t max_length) {
  bool repeated = false;
  for (std::string& text : haystacks) {
    const std::string once = text;
    const int64_t words = count_words(once);
    if (words == 0) user_error("the haystack holds no words");
    for (int64_t filled = words; filled < max_length; filled += words) {
      text += once;
      repeated = true;
    }
  }
  if (repeated) {
    log::warn(detail::concat("a haystack is shorter than the longest context of ",
                             max_length,
                             " tokens: it is repeated"));
  }
  return haystacks;
}

// Checked early, before memory fills with haystacks for an absurd length.
void check_length(int64_t longest, int64_t max_position_embeddings) {
  constexpr int64_t kShortfall = 200;  // reference placement may be this much below the length
  if (longest <= max_position_embeddings + kShortfall) return;
  user_error("a context of ",
             longest,
             " tokens exceeds the model's maximum of ",
             max_position_embeddings,
             "; use smaller --lengths");
}

// The prompt of the published implementation.
std::string prompt_text(const std::string& context, const std::string& question) {
  return "<book>" + context + "</book>\nBased on the content of the book, Question: " + question +
         "\nAnswer:";
}

void check_fits(const Sample& sample, int64_t max_new_tokens, int64_t max_positions) {
  const auto tokens = static_cast<int64_t>(sample.prompt.size());
  if (tokens + max_new_tokens <= max_positions) return;
  user_error("a context of ",
             sample.length,
             " tokens makes a prompt of ",
             tokens,
             ", which with ",
             max_new_tokens,
             " new tokens exceeds the model's maximum of ",
             max_positions,
             "; use smaller --lengths or, if the model can, give --max-position");
}

}  // namespace

TokenSpan find_needle(std::span<const int64_t> prompt,
                      std::span<const int64_t> needle,
                      NeedlePlacement placement) {
  std::unordered_map<int64_t, int64_t> in_window;  // count of each needle token in the window
  for (const int64_t token : needle) in_window[token] = 0;
  const auto wanted = static_cast<double>(in_window.size());
  int64_t covered = 0;
  const auto enter = [&](int64_t token) {
    const auto found = in_window.find(token);
    if (found != in_window.end() && found->second++ == 0) ++covered;
  };
  const auto leave = [&](int64_t token) {
    const auto found = in_window.find(token);
    if (found != in_window.end() && --found->second == 0) --covered;
  };

  const size_t width = needle.size();
  for (size_t i = 0; i < std::min(width, prompt.size()); ++i) enter(prompt[i]);
  for (size_t begin = 0; begin < prompt.size(); ++begin) {
    const double coverage = static_cast<double>(covered) / wanted;
    if (placement == NeedlePlacement::reference ? coverage > kCoverage : coverage >= kCoverage) {
      return {static_cast<int64_t>(begin), static_cast<int64_t>(begin + width)};
    }
    leave(prompt[begin]);
    if (begin + width < prompt.size()) enter(prompt[begin + width]);
  }
  return {};
}

std::vector<Sample> build_samples(const GridOptions& grid,
                                  const NeedlesAndHaystacks& data,
                                  const PromptTools& tools) {
  RETMASK_CHECK(data.needles.size() == data.haystacks.size());
  if (grid.needles_per_context > static_cast<int64_t>(data.needles.size())) {
    user_error("--needles-per-context is ",
               grid.needles_per_context,
               ", but there are only ",
               data.needles.size(),
               " needles");
  }
  const std::vector<int64_t> lengths = grid.context_lengths();
  const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  check_length(longest, tools.max_positions);
  const std::vector<std::string> haystacks = fill(data.haystacks, longest);
  std::vector<std::string> texts;
  for (const Needle& needle : data.needles) texts.push_back(needle.needle);
  const Tokenizer& tokenizer = tools.encoder.tokenizer();
  const auto encode = [&](const std::string& text) {
    return tools.encoder.encode(user_message(text));
  };
  const bool opens = tools.encoder.opens_thinking();
  std::vector<Sample> samples;
  for (size_t n = 0; n < data.needles.size(); ++n) {
    const Needle& needle = data.needles[n];
    const ContextMaker contexts(tokenizer, haystacks[n], texts, n, grid);
    const std::vector<int64_t> needle_tokens =
        tokenizer.encode((needle.follows_space ? " " : "") + needle.real_needle,
                         /*add_special_tokens=*/false);
    const QuestionTails tails(
        [&](const std::string& question) { return encode(prompt_text(needle.needle, question)); },
        needle.question);
    for (const int64_t length : lengths) {
      for (int64_t depth = 0; depth < grid.depths; ++depth) {
        stop_point();
        std::string message = prompt_text(contexts.make(length, depth), needle.question);
        Sample sample{.needle = static_cast<int64_t>(n),
                      .length = length,
                      .depth = depth,
                      .depth_fraction = contexts.depth_fraction(length, depth),
                      .real_needle = needle.real_needle,
                      .needle_tokens = needle_tokens,
                      .prompt = encode(message),
                      .opens_thinking = opens,
                      .span = {}};
        sample.span = find_needle(sample.prompt, needle_tokens, grid.placement);
        if (tools.keeps_messages) sample.message = std::move(message);
        tails.locate(sample);
        check_fits(sample, grid.max_new_tokens, tools.max_positions);
        samples.push_back(std::move(sample));
      }
    }
  }
  return samples;
}

}  // namespace retmask::niah
