#include "retmask/detect/options.h"

#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"

namespace retmask::detect {

namespace {

constexpr EnumNames<Scorer, 4> kScorerNames{{{{Scorer::copy, "copy"},
                                              {Scorer::logit, "logit"},
                                              {Scorer::query, "query"},
                                              {Scorer::ablation, "ablation"}}}};
constexpr EnumNames<Scoring, 2> kScoringNames{{{{Scoring::set, "set"}, {Scoring::steps, "steps"}}}};
constexpr EnumNames<StopRule, 2> kStopNames{
    {{{StopRule::eos, "eos"}, {StopRule::reference, "reference"}}}};

}  // namespace

bool reads_answers(Scorer scorer) { return scorer == Scorer::copy || scorer == Scorer::logit; }

std::string to_string(Scorer scorer) { return kScorerNames.name_of(scorer); }
std::string to_string(Scoring scoring) { return kScoringNames.name_of(scoring); }
std::string to_string(StopRule rule) { return kStopNames.name_of(rule); }

Scorer parse_scorer(const std::string& name) { return kScorerNames.parse("--scorer", name); }
Scoring parse_scoring(const std::string& name) { return kScoringNames.parse("--scoring", name); }
StopRule parse_stop_rule(const std::string& name) { return kStopNames.parse("--stop", name); }

void Options::validate() const {
  grid.validate();
  if (batch_size < 1) user_error("--batch-size is ", batch_size, ", expected at least 1");
}

}  // namespace retmask::detect
