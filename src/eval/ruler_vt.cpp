// RULER's variable tracking: scripts/data/synthetic/variable_tracking.py there.

#include <algorithm>

#include "builtin_data.h"
#include "fill.h"
#include "ruler_task.h"
#include "word_list.h"

namespace retmask::eval {
namespace {

// Variables that get the same value one from the other, hidden in repeated sentences.
struct Chains {
  std::string value = {};                            // of the first chain
  std::vector<std::string> variables = {};           // of the first chain
  std::vector<std::vector<std::string>> lines = {};  // per chain
  std::vector<std::vector<double>> places = {};      // of each line, sorted, in [0, 1)
};

Chains draw_chains(const RulerRequest& request, const std::string& purpose, int64_t name_length) {
  RandomStream random = request.random(purpose);
  std::set<std::string> used;
  Chains chains;
  for (int64_t c = 0; c < request.number("num_chains"); ++c) {
    std::vector<std::string> names;
    for (int64_t hop = 0; hop <= request.number("num_hops"); ++hop) {
      names.push_back(draw_new(used, [&] { return draw_letters(random, name_length, 'A'); }));
    }
    const std::string value =
        draw_new(used, [&] { return std::to_string(10'000 + random.below(89'999)); });
    std::vector<std::string> lines = {"VAR " + names[0] + " = " + value};
    for (size_t i = 1; i < names.size(); ++i) {
      lines.push_back("VAR " + names[i] + " = VAR " + names[i - 1] + " ");
    }
    std::vector<double> places;
    for (size_t i = 0; i < lines.size(); ++i) places.push_back(random.uniform());
    std::sort(places.begin(), places.end());
    if (c == 0) chains.value = value;
    if (c == 0) chains.variables = names;
    chains.lines.push_back(std::move(lines));
    chains.places.push_back(std::move(places));
  }
  return chains;
}

std::string hide(const Chains& chains, const std::string& noise, int64_t size) {
  std::vector<std::string> sentences(static_cast<size_t>(size), noise);
  for (size_t c = 0; c < chains.lines.size(); ++c) {
    const auto count = static_cast<double>(sentences.size());
    for (size_t i = 0; i < chains.lines[c].size(); ++i) {
      const auto place =
          static_cast<std::ptrdiff_t>(chains.places[c][i] * count) + static_cast<std::ptrdiff_t>(i);
      sentences.insert(sentences.begin() + place, chains.lines[c][i]);
    }
  }
  std::string text;
  for (size_t i = 0; i < sentences.size(); ++i) text += (i == 0 ? "" : "\n") + sentences[i];
  return text;
}

struct Question {
  std::string text;
  std::string answer_start;
};

Question ask(const RulerRequest& request, const Chains& chains, int64_t size) {
  const Json values = {{"query", chains.value},
                       {"num_v", std::to_string(chains.variables.size())},
                       {"context", hide(chains, request.text("noise"), size)}};
  return {fill_template(request.text("template"), values),
          fill_template(request.text("answer_start"), values)};
}

// A solved example that precedes the question: with shorter names, at most 500 tokens, and at most
// half of the prompt.
std::string example(const RulerRequest& request) {
  constexpr int64_t kMostTokens = 500;
  const Chains chains = draw_chains(request, "example", /*name_length=*/3);
  const auto text = [&](int64_t size) {
    const Question question = ask(request, chains, size);
    std::string solved = question.text + question.answer_start;
    for (const std::string& variable : chains.variables) solved += " " + variable;
    return solved + "\n";
  };
  const auto tokens = [&](int64_t size) {
    return static_cast<int64_t>(
        request.encoder.tokenizer().encode(text(size), /*add_special_tokens=*/false).size());
  };
  const int64_t limit = std::min(kMostTokens, request.length / 2);
  return text(std::max<int64_t>(1, largest_fitting(1, kMostTokens, limit, tokens)));
}

}  // namespace

RulerDraft draft_vt(const RulerRequest& request) {
  const Chains chains = draw_chains(request, "chains", /*name_length=*/5);
  return {.references = chains.variables,
          .smallest = 1,
          .prompt = [request, chains, shown = example(request)](int64_t size) {
            const Question question = ask(request, chains, size);
            return user_prompt(shown + "\n" + question.text, question.answer_start);
          }};
}

}  // namespace retmask::eval
