#pragma once
// Suite "niah": how many needles a model finds, with any heads switched off.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/eval/subject.h"
#include "retmask/niah/sample.h"

namespace retmask::eval {

struct NiahSuiteOptions {
  int64_t max_new_tokens = 50;              // of an answer
  std::vector<int64_t> eos_token_ids = {};  // where it ends before
  int64_t batch_size = 8;                   // samples that are answered at once
};

struct NiahAnswer {
  niah::NeedleScore verdict = {};
  std::string answer = {};
};

struct NiahResult {
  std::vector<NiahAnswer> answers;  // in the samples' order
  int64_t answered_now = 0;         // without those of an earlier run
  double seconds = 0.0;             // spent on those

  int64_t num_right() const;
};

// Answers greedily. `journal` gets one row per sample as it is answered, and what an earlier run
// left there is not computed again; at the end its file is put into the samples' order. Throws
// UserError when the journal's rows belong to other samples.
NiahResult run_niah(const EvalSubject& subject,
                    const std::vector<niah::Sample>& samples,
                    const NiahSuiteOptions& options,
                    Journal& journal);

// {"suite", "success", "total", "rate", "cells": [{"needle", "length", "depth", "depth_fraction",
// "recall", "success", "answer"}, ...], "by_length": [{"length", "success", "total", "rate"}, ...],
// "by_depth": [{"depth", ...}, ...]}
Json niah_results_json(const NiahResult& result, const std::vector<niah::Sample>& samples);

}  // namespace retmask::eval
