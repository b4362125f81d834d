#pragma once
// Suite "niah": needle-in-a-haystack accuracy, optionally with masked heads.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/endpoint/options.h"
#include "retmask/eval/answer_samples.h"
#include "retmask/eval/options.h"
#include "retmask/eval/subject.h"
#include "retmask/niah/answer_samples.h"

namespace retmask::eval {

struct NiahAnswer {
  niah::NeedleScore verdict = {};
  std::string answer = {};
};

// Answers the samples that wait in `journal` (niah::open_journal). Decodes greedily. Throws
// UserError for bad options.
niah::AnsweredSamples run_niah(const Subject& subject,
                               const std::vector<niah::Sample>& samples,
                               const NiahOptions& options,
                               SampleJournal& journal);

// The same by a server, from the samples' messages. Throws UserError for a prompt that it finds too
// long, and like ask_server().
AnsweredSamples run_niah_by_server(const endpoint::Options& server,
                                   const std::vector<niah::Sample>& samples,
                                   const NiahOptions& options,
                                   SampleJournal& journal);

// The answers in the rows of samples. Throws UserError with `where` for a malformed row.
std::vector<NiahAnswer> niah_answers(const std::vector<Json>& rows, const std::string& where);

// {"suite", "success", "total", "rate", "cells": [{"needle", "length", "depth", "depth_fraction",
// "recall", "success", "answer"}, ...], "by_length": [{"length", "success", "total", "rate"}, ...],
// "by_depth": [{"depth", ...}, ...]}
Json niah_results_json(const std::vector<NiahAnswer>& answers,
                       const std::vector<niah::Sample>& samples);

}  // namespace retmask::eval
