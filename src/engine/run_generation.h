#pragma once
// Generator::run with a given step executor, so that tests can compare executors.

#include <functional>
#include <memory>

#include "retmask/engine/generator.h"
#include "step_executor.h"

namespace retmask {

using StepExecutorFactory = std::function<std::unique_ptr<StepExecutor>(
    const InferenceLm& model, const BlockPool& pool, const StepExecutorOptions& options)>;

void run_generation(const InferenceLm& model,
                    const GeneratorOptions& options,
                    const StepExecutorFactory& make_executor,
                    const RequestSource& source,
                    const ResultVisitor& on_finish,
                    const StepObserver& observer,
                    GenerationTimes* times,
                    const RowVisitor& on_rows = nullptr);

}  // namespace retmask
