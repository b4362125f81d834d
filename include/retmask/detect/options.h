#pragma once
// What detect can be told.

#include <cstdint>
#include <string>

#include "retmask/niah/grid.h"

namespace retmask::detect {

// What a head gets for a sample, out of the steps at which its largest key lay in the needle and
// held the token that was just generated.
enum class Scoring {
  set,    // distinct tokens copied / distinct tokens of the needle (Ma & Okazaki, Eq. 1)
  steps,  // copying steps / length of the needle, as the published implementation counts; can
          // exceed 1
};

// When an answer ends before max_new_tokens.
enum class StopRule {
  eos,        // at one of the checkpoint's EOS ids
  reference,  // at the token "<0x0A>" or the id 144, as in the published implementation: in
              // practice never
};

std::string to_string(Scoring scoring);
std::string to_string(StopRule rule);
// Throw UserError with the known names.
Scoring parse_scoring(const std::string& name);
StopRule parse_stop_rule(const std::string& name);

struct DetectOptions {
  niah::GridOptions grid;
  Scoring scoring = Scoring::set;
  StopRule stop = StopRule::eos;
  int64_t batch_size = 8;  // samples that are answered at once

  // Throws UserError.
  void validate() const;
};

}  // namespace retmask::detect
