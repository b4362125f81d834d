// ALCE's citations (eval_alce.py of HELMET).

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "helmet_data.h"
#include "helmet_metrics.h"
#include "helmet_task.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/eval/helmet_judging.h"
#include "retmask/metrics/citations.h"
#include "retmask/metrics/sentences.h"

namespace retmask::eval {
namespace {

using metrics::CitedAnswer;
using metrics::EntailmentPair;

bool is_cited_row(const Json& row) {
  return row.value("metric", "") == "helmet_citations" && !row.contains("error");
}

bool is_list_row(const Json& row) {
  return row.at("task").get_ref<const std::string&>().starts_with("alce_qampari");
}

// The answers of ALCE's rows with their documents.
class CitedRows {
 public:
  explicit CitedRows(const HelmetSources& sources) : data_(sources.data), punkt_(sources.punkt) {}

  CitedAnswer answer(const Json& row) {
    const std::string where = row.at("id").get<std::string>();
    if (row.contains("docs")) return answer_of(row, {row, where});  // of a file of HELMET's
    const std::vector<helmet::DataRow>& rows = rows_of(row);
    // Result files in HELMET's layout have the question alone.
    const size_t index = row.contains("row") ? json_get<size_t>(row, "row", where)
                                             : index_of(row.at("question"), rows);
    if (index >= rows.size() || rows[index].text("question") != row.at("question")) {
      user_error(where, ": its question is not in --data's file; give the data of the run");
    }
    return answer_of(row, rows[index]);
  }

  metrics::SentenceSplitter splitter() {
    return [this](std::string_view text) { return sentences().split(text); };
  }

 private:
  static CitedAnswer answer_of(const Json& row, const helmet::DataRow& source) {
    CitedAnswer answer{.question = source.text("question"),
                       .output = metrics::alce_output(helmet::scored_output(row)),
                       .documents = {}};
    for (const helmet::DataRow& document : source.objects("docs")) {
      answer.documents.push_back({document.text("title"), document.text("text")});
    }
    return answer;
  }

  // As many as there are rows if there is none.
  static size_t index_of(const Json& question, const std::vector<helmet::DataRow>& rows) {
    const auto found = std::ranges::find_if(
        rows, [&](const helmet::DataRow& row) { return row.text("question") == question; });
    return static_cast<size_t>(found - rows.begin());
  }

  const std::vector<helmet::DataRow>& rows_of(const Json& row) {
    const auto name = helmet::parse_dataset_name(row.at("task").get<std::string>());
    RETMASK_CHECK(name, row.at("task"));
    const helmet::Task task = helmet::make_task(*name, row.at("length").get<int64_t>());
    const std::string file = row.value("data_file", task.test_file);
    auto& rows = rows_[file];
    if (rows.empty()) rows = data_.rows(file, {"question", "docs"}, "HELMET's data archive");
    return rows;
  }

  const metrics::SentenceTokenizer& sentences() {
    if (!sentences_) {
      if (punkt_.empty()) {
        user_error(
            "the citations of ASQA need --punkt: NLTK's folder tokenizers/punkt_tab/english (its "
            "package punkt_tab), which splits answers into sentences");
      }
      sentences_ = metrics::SentenceTokenizer::load(punkt_);
    }
    return *sentences_;
  }

  helmet::DataFolder data_;
  std::filesystem::path punkt_;
  std::map<std::string, std::vector<helmet::DataRow>> rows_;  // by file
  std::optional<metrics::SentenceTokenizer> sentences_;
};

std::string pair_id(const EntailmentPair& pair) {
  return sha256(pair.premise + "\n\n" + pair.claim);
}

JudgeRequest nli_request(const EntailmentPair& pair) {
  const std::string text = "premise: " + pair.premise + " hypothesis: " + pair.claim;
  return {.id = pair_id(pair),
          .chat = {.messages = Json::array({{{"role", "user"}, {"content", text}}}),
                   .temperature = 0.0,
                   .max_tokens = 10},
          .pair = {{"premise", pair.premise}, {"hypothesis", pair.claim}}};
}

// 1 or 0; nullopt for anything else.
std::optional<bool> verdict_of(const std::string* reply) {
  if (reply == nullptr) return {};
  const size_t begin = reply->find_first_not_of(" \t\r\n");
  const size_t end = reply->find_last_not_of(" \t\r\n");
  if (begin == std::string::npos || begin != end) return {};
  if ((*reply)[begin] == '1') return true;
  if ((*reply)[begin] == '0') return false;
  return {};
}

// A verdict that the metrics ask for is missing.
struct NoVerdict {};

}  // namespace

std::vector<JudgeRequest> helmet_nli_requests(const std::vector<Json>& rows,
                                              const HelmetSources& sources) {
  CitedRows cited(sources);
  std::vector<JudgeRequest> requests;
  std::set<std::string> known;
  for (const Json& row : rows) {
    if (!is_cited_row(row)) continue;
    for (const EntailmentPair& pair :
         metrics::entailment_pairs(cited.answer(row), is_list_row(row), cited.splitter())) {
      JudgeRequest request = nli_request(pair);
      if (known.insert(request.id).second) requests.push_back(std::move(request));
    }
  }
  return requests;
}

void add_helmet_citations(std::vector<Json>& rows,
                          const HelmetSources& sources,
                          const FindReply& find) {
  CitedRows cited(sources);
  const auto entails = [&](const std::string& premise, const std::string& claim) {
    const auto verdict = verdict_of(find(pair_id({premise, claim})));
    if (!verdict) throw NoVerdict();
    return *verdict;
  };
  for (Json& row : rows) {
    if (!is_cited_row(row)) continue;
    helmet::erase_metrics(helmet::kCitationMetrics, row);
    try {
      const auto scores =
          metrics::citation_scores(cited.answer(row), is_list_row(row), cited.splitter(), entails);
      if (!scores) continue;  // without a statement: not counted
      row["metrics"]["citation_rec"] = scores->recall;
      row["metrics"]["citation_prec"] = scores->precision;
    } catch (const NoVerdict&) {
      row["unjudged"] = true;
    }
  }
}

}  // namespace retmask::eval
