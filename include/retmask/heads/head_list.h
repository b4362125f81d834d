#pragma once
// Attention heads as found by retmask and by other detectors, read from the files that each of them
// writes or publishes. The form of a file is recognized by its content:
//   head_scores    {"18-6": [score of sample 1, ...], ...}: detect's head_scores.json, and the
//   files
//                  of RetMask and of Wu et al. (github.com/nightdessert/Retrieval_Head), whose
//                  readers take the first line alone
//   summary        detect's summary.json: mean scores
//   mask           {"heads": [[layer, head], ...], ...}: mask.json
//   locos          {"meta", "scores": {"18-6": [...], ...}, "trial_ids", "confidence_intervals"} of
//                  LOCOS's detectors (github.com/aryopg/locos); only "scores" is mandatory
//   qrhead_scores  [["18-6", score], ...] of QRHead's detection (github.com/princeton-pli/QRHead)
//   qrhead         YAML with attn_head_set: "18-6,17-3,..."
//   dysco          YAML with selected_heads (later: dysco_qrheads): "[(18,6),(17,3),...]"
//                  (github.com/princeton-pli/DySCO)
//   duo_attention  a table of gate values, a line per layer and a column per key/value head
//                  (github.com/mit-han-lab/duo-attention, full_attention_heads.tsv)

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "retmask/base/head_scores.h"

namespace retmask {

enum class HeadForm {
  head_scores,
  summary,
  mask,
  locos,
  qrhead_scores,
  qrhead,
  dysco,
  duo_attention,
};

// "head_scores"
std::string to_string(HeadForm form);

struct HeadGrid {
  int64_t layers = 0;
  int64_t heads = 0;  // per layer

  int64_t size() const { return layers * heads; }
  bool operator==(const HeadGrid&) const = default;
};

struct HeadList {
  HeadForm form = HeadForm::head_scores;
  // Best first, each once: by descending score, ties by layer and head; without scores in the
  // file's order. mask.json is ordered by its "mean_scores" if it has them.
  std::vector<Head> ranked;
  // Of all heads in `ranked`; empty if the file has only an order.
  std::optional<HeadMeans> scores = {};
  int64_t num_samples = 0;            // that the scores are means of; 0: unknown
  std::optional<HeadGrid> grid = {};  // all heads of the model, if the file tells
  bool of_kv_heads = false;           // key/value heads, each shared by a group of query heads
};

// The forms above in short, for errors.
extern const char* const kHeadListForms;

// Throw UserError naming the file and the place in it: unknown form or key, a head listed twice,
// something that is not a head or a finite score, no head or score at all. `what` names the file if
// it cannot be opened.
HeadList read_head_list(const std::filesystem::path& path, std::string_view what);
HeadList parse_head_list(std::string_view text, const std::string& where);

// A list with these scores, and its grid if they are those of all heads of a model.
HeadList list_with_scores(HeadForm form, HeadMeans scores);

// Throws UserError naming `where` if the list has a head outside of `grid`.
void check_within(const HeadList& list, const HeadGrid& grid, const std::string& where);

// Grouped-query attention: of `heads` query heads in a layer, heads / kv_heads consecutive ones
// share a key/value head. Both functions require that kv_heads divides heads.
// Each query head gets the score of its key/value head.
HeadList to_query_heads(const HeadList& list, int64_t heads, int64_t kv_heads);
// Each key/value head gets the largest score, or the first place, of its group.
HeadList to_kv_heads(const HeadList& list, int64_t heads, int64_t kv_heads);

// A file of the form duo_attention for `grid` of key/value heads: gate = score / largest score, 0
// for negative ones, so that the values are in 0..1. Without scores 1 for the listed heads, 0 for
// the others. Throws UserError if no score is above 0.
std::string duo_attention_table(const HeadList& kv_heads, const HeadGrid& grid);

}  // namespace retmask
