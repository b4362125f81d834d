#include "retmask/eval/options.h"

#include "retmask/base/error.h"

namespace retmask::eval {

void NiahOptions::validate() const {
  grid.validate();
  thinking.validate();
  if (batch_size < 1) user_error("--batch-size is ", batch_size, ", expected at least 1");
}

void ChoiceOptions::validate() const {
  if (batch_tokens < 1) user_error("--batch-tokens is ", batch_tokens, ", expected at least 1");
}

void LogprobOptions::validate() const {
  if (batch_tokens < 1) user_error("--batch-tokens is ", batch_tokens, ", expected at least 1");
}

}  // namespace retmask::eval
