#include "retmask/eval/options.h"

#include "retmask/base/error.h"
#include "suite_options.h"

namespace retmask::eval {

void NiahOptions::validate() const {
  grid.validate();
  thinking.validate();
  if (batch_size < 1) user_error("--batch-size is ", batch_size, ", expected at least 1");
}

void ChoiceOptions::validate() const {
  if (batch_tokens < 1) user_error("--batch-tokens is ", batch_tokens, ", expected at least 1");
  if (max_samples) check_max_samples(*max_samples);
}

void LogprobOptions::validate() const {
  if (batch_tokens < 1) user_error("--batch-tokens is ", batch_tokens, ", expected at least 1");
  if (max_samples) check_max_samples(*max_samples);
}

}  // namespace retmask::eval
