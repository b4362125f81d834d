#pragma once
// The metrics of HELMET that need another model: citations (Cite) by one that decides entailment,
// and the scores of an LLM judge (NarrativeQA, Summ). Requests are answered as in judge.h; a row
// whose replies are missing lacks the metrics.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "retmask/eval/judge.h"

namespace retmask::eval {

// The reply to a request; null if there is none.
using FindReply = std::function<const std::string*(const std::string& id)>;

struct HelmetSources {
  std::filesystem::path data = {};     // as HelmetOptions::data
  std::filesystem::path punkt = {};    // NLTK's tokenizers/punkt_tab/english, for ASQA's sentences
  std::filesystem::path prompts = {};  // folder of the judge's prompts; empty: our own
};

// Whether a document entails a claim, for every citation of the rows of ALCE: requests as for
// google/t5_xxl_true_nli_mixture, "premise: ... hypothesis: ...", with the reply 1 or 0. Throws
// UserError if the documents or, for ASQA, Punkt's parameters are not there.
std::vector<JudgeRequest> helmet_nli_requests(const std::vector<Json>& rows,
                                              const HelmetSources& sources);
// Adds citation_rec and citation_prec to "metrics".
void add_helmet_citations(std::vector<Json>& rows,
                          const HelmetSources& sources,
                          const FindReply& find);

// Throws UserError if a prompt or the key points of the summaries are not there.
std::vector<JudgeRequest> helmet_judge_requests(const std::vector<Json>& rows,
                                                const HelmetSources& sources);
// Adds gpt-4-score (0..3), or gpt-4-fluency, -recall, -precision and -f1 (0..1) to "metrics".
void add_helmet_judgements(std::vector<Json>& rows,
                           const HelmetSources& sources,
                           const FindReply& find);

}  // namespace retmask::eval
