#include "head_scorer.h"

#include "retmask/niah/answer_samples.h"

namespace retmask::detect {

void HeadScorer::generate(const std::vector<GenerationRequest>& requests,
                          const ResultVisitor& on_finish,
                          const StepObserver& observer,
                          const RowVisitor& on_rows) {
  GeneratorOptions options = niah::generator_options(
      input_.samples, input_.options.batch_size, input_.options.grid.max_new_tokens);
  options.kv_cache_bytes = input_.options.kv_cache_bytes;
  Generator(model(), options).run(source_of(requests), on_finish, observer, &times_, on_rows);
}

}  // namespace retmask::detect
