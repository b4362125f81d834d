#include "retmask/detect/options.h"

#include "retmask/base/error.h"

namespace retmask::detect {

std::string to_string(Scoring scoring) { return scoring == Scoring::set ? "set" : "steps"; }

std::string to_string(StopRule rule) { return rule == StopRule::eos ? "eos" : "reference"; }

Scoring parse_scoring(const std::string& name) {
  for (const Scoring scoring : {Scoring::set, Scoring::steps}) {
    if (name == to_string(scoring)) return scoring;
  }
  user_error("--scoring is \"", name, "\", expected set or steps");
}

StopRule parse_stop_rule(const std::string& name) {
  for (const StopRule rule : {StopRule::eos, StopRule::reference}) {
    if (name == to_string(rule)) return rule;
  }
  user_error("--stop is \"", name, "\", expected eos or reference");
}

void DetectOptions::validate() const {
  grid.validate();
  if (batch_size < 1) user_error("--batch-size is ", batch_size, ", expected at least 1");
}

}  // namespace retmask::detect
