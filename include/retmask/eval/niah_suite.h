#pragma once
// Suite "niah": needle-in-a-haystack accuracy, optionally with masked heads.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/eval/options.h"
#include "retmask/eval/subject.h"
#include "retmask/niah/sample.h"

namespace retmask::eval {

struct NiahAnswer {
  niah::NeedleScore verdict = {};
  std::string answer = {};
};

struct NiahResult {
  std::vector<NiahAnswer> answers;  // in sample order
  int64_t answered_now = 0;         // excluding those of an earlier run
  double seconds = 0.0;             // spent on those

  int64_t num_right() const;
};

// Decodes greedily. Each answered sample is appended to `journal`, and samples already in it are
// not computed again. At the end its file is rewritten in sample order. Throws UserError for bad
// options and if the journal has rows of other samples.
NiahResult run_niah(const Subject& subject,
                    const std::vector<niah::Sample>& samples,
                    const NiahOptions& options,
                    Journal& journal);

// {"suite", "success", "total", "rate", "cells": [{"needle", "length", "depth", "depth_fraction",
// "recall", "success", "answer"}, ...], "by_length": [{"length", "success", "total", "rate"}, ...],
// "by_depth": [{"depth", ...}, ...]}
Json niah_results_json(const NiahResult& result, const std::vector<niah::Sample>& samples);

}  // namespace retmask::eval
