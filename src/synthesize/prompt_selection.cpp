#include "prompt_selection.h"

#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/synthesize/prompt_encoder.h"

namespace retmask::synthesize {

PromptSet read_selected_prompts(const Options& options) {
  PromptSet set = read_prompts(options.prompts);
  const PromptFilters& filters = options.prompts.filters;
  if (filters.min_tokens > 0 || filters.max_tokens > 0) {
    leave_out_by_tokens(
        filters, PromptEncoder(options.model, options.render_variables(), options.moment), set);
    if (set.prompts.empty()) user_error("no prompt is left in --prompts: ", set.describe());
  }
  select_prompts(options.selection, set);
  log::info(set.describe());
  return set;
}

}  // namespace retmask::synthesize
