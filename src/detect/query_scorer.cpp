// Scorer::query: how much more the question attends to the needle than a null question does.
// QRHead (Zhang et al. 2025, arXiv 2506.09944; github.com/princeton-pli/QRHead, attn_retriever.py):
//
//   mass(q) = 1 / |q| * sum over tokens t of q, needle positions j of alpha(t, j)
//   S = mass(question) - mass(null question "N/A")
//
// No answer is generated, and as there no sample is left out because the model would answer wrong.
// Unlike there, q is the question alone, without the instruction and the template's end around it,
// and no needle token is dropped as an outlier (their mean - 2 standard deviations, which the paper
// does not have).

#include <algorithm>

#include "head_scorer.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"

namespace retmask::detect {
namespace {

// One of the two questions about a sample.
struct Question {
  size_t sample = 0;
  double size = 0;                // tokens
  std::vector<double> mass = {};  // [L * H], summed over the tokens
  bool is_done = false;
};

class QueryScorer : public HeadScorer {
 public:
  using HeadScorer::HeadScorer;

  void score(const std::vector<size_t>& waiting,
             Progress& progress,
             const Finish& finish) override {
    // The question and then its null question: they share the prompt up to there.
    std::vector<Question> questions;
    std::vector<GenerationRequest> requests;
    for (const size_t index : waiting) {
      if (!is_measurable(sample(index))) {
        finish(index, {.answered = false, .measured = false});
        progress.advance();
        continue;
      }
      add_questions(index, questions, requests);
    }
    generate(
        requests,
        [&](size_t request, size_t, const GenerationResult&) {
          questions[request].is_done = true;
          const size_t asked = request - request % 2;
          if (!questions[asked].is_done || !questions[asked + 1].is_done) return;
          finish(questions[asked].sample, difference(questions[asked], questions[asked + 1]));
          progress.advance();
        },
        /*observer=*/nullptr,
        [&](size_t request, size_t, const AttentionRows& rows) {
          add_mass(rows, questions[request]);
        });
  }

 private:
  static bool is_measurable(const niah::Sample& sample) {
    if (!sample.question.found()) {
      log::warn(detail::concat("the question about needle ",
                               sample.needle,
                               " is not found in the prompt of length ",
                               sample.length,
                               ": this sample has no scores"));
    }
    return sample.question.found() && sample.span.found() &&
           sample.span.begin < sample.question.begin;
  }

  void add_questions(size_t index,
                     std::vector<Question>& questions,
                     std::vector<GenerationRequest>& requests) const {
    const niah::Sample& asked = sample(index);
    const auto add = [&](std::vector<int64_t> prompt, const niah::TokenSpan& question) {
      GenerationRequest& request = requests.emplace_back();
      request.prompt = std::move(prompt);
      request.max_new_tokens = 1;
      request.visited_rows = {question.begin, question.end};
      questions.push_back(
          {.sample = index,
           .size = static_cast<double>(question.end - question.begin),
           .mass = std::vector<double>(static_cast<size_t>(model().config().num_hidden_layers() *
                                                           model().config().num_attention_heads))});
    };
    add(asked.prompt, asked.question);
    std::vector<int64_t> null(asked.prompt.begin(), asked.prompt.begin() + asked.null_shared);
    null.insert(null.end(), asked.null_tail.begin(), asked.null_tail.end());
    add(std::move(null), asked.null_question);
  }

  void add_mass(const AttentionRows& rows, Question& question) const {
    const niah::Sample& asked = sample(question.sample);
    const int64_t begin = asked.span.begin;
    const int64_t end = std::min(asked.span.end, asked.null_shared);
    const torch::Tensor mass =  // [H]
        rows.weights().narrow(2, begin, end - begin).sum({1, 2}).to(torch::kCPU, torch::kFloat64);
    const auto first = static_cast<size_t>(rows.layer * mass.size(0));
    for (int64_t head = 0; head < mass.size(0); ++head)
      question.mass[first + static_cast<size_t>(head)] += mass[head].item<double>();
  }

  Detection difference(const Question& asked, const Question& null) const {
    Detection detection{.answered = false};
    const int64_t heads = model().config().num_attention_heads;
    for (size_t i = 0; i < asked.mass.size(); ++i) {
      const auto head = static_cast<int64_t>(i);
      detection.scores[{head / heads, head % heads}] =
          asked.mass[i] / asked.size - null.mass[i] / null.size;
    }
    return detection;
  }
};

}  // namespace

std::unique_ptr<HeadScorer> make_query_scorer(const ScorerInput& input) {
  return std::make_unique<QueryScorer>(input);
}

}  // namespace retmask::detect
