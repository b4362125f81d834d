#include "retmask/metrics/rouge.h"
#include "retmask/niah/sample.h"

namespace retmask::niah {
namespace {

constexpr double kRecallOfRightAnswers = 0.5;  // a right answer must exceed it

}  // namespace

NeedleScore judge(const Sample& sample, std::string_view answer, bool needs_span) {
  const double recall = rouge1(sample.real_needle, answer, {.use_stemmer = true}).recall;
  const bool counts = sample.span.found() || !needs_span;
  return {.recall = recall, .right = recall > kRecallOfRightAnswers && counts};
}

}  // namespace retmask::niah
