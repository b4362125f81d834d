// RULER's common and frequent words: scripts/data/synthetic/common_words_extraction.py and
// freq_words_extraction.py there.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "builtin_data.h"
#include "ruler_task.h"
#include "word_list.h"

namespace retmask::eval {
namespace {

// "1. word 2. word ..."
std::string numbered(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += ' ';
    text += std::to_string(i + 1) + ". " + words[i];
  }
  return text;
}

// How often common and other words occur: [common, others].
struct Frequencies {
  explicit Frequencies(const Json& pair) : common(pair.at(0)), others(pair.at(1)) {}
  int64_t common;
  int64_t others;
};

// The first words of `words` more often than the others, in random order.
std::vector<std::string> mix(const std::vector<std::string>& words,
                             size_t num_common,
                             const Frequencies& frequencies,
                             RandomStream random) {
  std::vector<std::string> all;
  for (size_t i = 0; i < words.size(); ++i) {
    const int64_t times = i < num_common ? frequencies.common : frequencies.others;
    all.insert(all.end(), static_cast<size_t>(times), words[i]);
  }
  shuffle(all, random);
  return all;
}

std::vector<std::string> first_of(std::vector<std::string> words, size_t count) {
  words.resize(count);
  return words;
}

// Words drawn by frequency rank, the first of which is noise.
std::vector<std::string> coded_words(const RulerRequest& request, int64_t count) {
  RandomStream random = request.random("words");
  std::set<std::string> used;
  std::vector<std::string> words = {"..."};
  while (static_cast<int64_t>(words.size()) < count) {
    words.push_back(
        draw_new(used, [&] { return draw_letters(random, request.number("word_length"), 'a'); }));
  }
  return words;
}

}  // namespace

RulerDraft draft_cwe(const RulerRequest& request) {
  const auto num_common = static_cast<size_t>(request.number("num_common"));
  const Json& size =
      request.task.at(request.length < request.number("short_below") ? "short" : "long");
  const std::string list_text = request.text("template");

  RandomStream random = request.random("example");
  const auto shown = draw_words(random, size.at("words").get<size_t>());
  const std::string example = fill_template(list_text,
                                            {{"context",
                                              numbered(mix(shown,
                                                           num_common,
                                                           Frequencies(size.at("example")),
                                                           request.random("example order")))}}) +
                              request.text("answer_start") + " " +
                              numbered(first_of(shown, num_common));

  RandomStream draws = request.random("words");
  return {.references = draw_words(draws, num_common),
          .smallest = static_cast<int64_t>(num_common),
          .prompt = [=, frequencies = Frequencies(size.at("list"))](int64_t num_words) {
            RandomStream same_draws = request.random("words");
            const auto words = draw_words(same_draws, static_cast<size_t>(num_words));
            const auto list = mix(words, num_common, frequencies, request.random("order"));
            return user_prompt(
                example + "\n" + fill_template(list_text, {{"context", numbered(list)}}),
                request.text("answer_start"));
          }};
}

RulerDraft draft_fwe(const RulerRequest& request) {
  constexpr int64_t kTokensPerCodedWord = 50;  // of the prompt, which sets the number of words
  constexpr int64_t kFewestWords = 8;
  constexpr double kZeta2 = std::numbers::pi * std::numbers::pi / 6;
  const auto words =
      coded_words(request, std::max(kFewestWords, request.length / kTokensPerCodedWord));
  return {.references = {words[1], words[2], words[3]},
          .smallest = 80,  // the fourth rank occurs, and more often than the fifth
          .prompt = [=](int64_t size) {
            std::vector<std::string> all;
            for (size_t rank = 1; rank <= words.size(); ++rank) {
              const double share = 1 / (static_cast<double>(rank * rank) * kZeta2);
              all.insert(all.end(),
                         static_cast<size_t>(static_cast<double>(size) * share),
                         words[rank - 1]);
            }
            RandomStream order = request.random("order");
            shuffle(all, order);
            std::string text;
            for (const std::string& word : all) text += (text.empty() ? "" : " ") + word;
            return user_prompt(fill_template(request.text("template"), {{"context", text}}),
                               request.text("answer_start"));
          }};
}

}  // namespace retmask::eval
