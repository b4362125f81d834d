// The LLM judge of NarrativeQA and of the summaries (scripts/eval_gpt4_longqa.py and
// eval_gpt4_summ.py of HELMET).

#include <map>
#include <optional>

#include "builtin_data.h"
#include "helmet_data.h"
#include "helmet_metrics.h"
#include "python_format.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/eval/helmet_judging.h"
#include "retmask/jinja/unicode.h"
#include "retmask/metrics/judge_replies.h"

namespace fs = std::filesystem;

namespace retmask::eval {
namespace {

enum class Judged { no, answer, book, lawsuit };

Judged judged_kind(const Json& row) {
  if (row.contains("error")) return Judged::no;
  const auto& task = row.at("task").get_ref<const std::string&>();
  if (task.starts_with("narrativeqa")) return Judged::answer;
  if (task.starts_with("infbench_sum")) return Judged::book;
  if (task.starts_with("multi_lexsum")) return Judged::lawsuit;
  return Judged::no;
}

// The judge's prompts: files <name>.txt of a folder, or our own.
class JudgePrompts {
 public:
  explicit JudgePrompts(fs::path folder) : folder_(std::move(folder)) {}

  std::string fill(const std::string& name, const Json& values) {
    auto& text = texts_[name];
    const fs::path file = folder_ / (name + ".txt");
    if (text.empty()) {
      text = folder_.empty() ? builtin_data("helmet_judge").at(name).get<std::string>()
                             : read_text_file(file, "prompt of HELMET's judge");
    }
    return python_format(
        text, values, folder_.empty() ? "configs/eval/helmet_judge.json" : file.string());
  }

 private:
  fs::path folder_;
  std::map<std::string, std::string> texts_;
};

// Key points of the right summaries, by their rows' ids.
class KeyPoints {
 public:
  explicit KeyPoints(const fs::path& data) : data_(data) {}

  const std::vector<std::string>& of(const Json& row, Judged kind) {
    const bool is_book = kind == Judged::book;
    auto& points = is_book ? books_ : lawsuits_;
    if (points.empty()) {
      const char* field = is_book ? "keypoints" : "summary/short_keypoints";
      for (const helmet::DataRow& one :
           data_.rows(is_book ? "data/infbench/longbook_sum_eng_keypoints.jsonl"
                              : "data/multi_lexsum/multi_lexsum_val.jsonl",
                      {"id", field},
                      "HELMET's data archive")) {
        if (one.has(field)) points[one.key_text("id")] = one.texts(field);
      }
    }
    const auto key = row.at("key").get<std::string>();
    const auto found = points.find(key);
    if (found == points.end()) {
      user_error(row.at("id").get<std::string>(),
                 ": there are no key points of the row \"",
                 key,
                 "\" in --data");
    }
    return found->second;
  }

 private:
  helmet::DataFolder data_;
  std::map<std::string, std::vector<std::string>> books_;
  std::map<std::string, std::vector<std::string>> lawsuits_;
};

constexpr const char* kSummaryParts[] = {"fluency", "recall", "precision"};

JudgeRequest request_of(std::string id, std::string text, int64_t max_tokens) {
  return {.id = std::move(id),
          .chat = {.messages = Json::array({{{"role", "user"}, {"content", std::move(text)}}}),
                   .temperature = 0.1,
                   .top_p = 0.9,
                   .max_tokens = max_tokens,
                   .seed = 42}};
}

std::string numbered(const std::vector<std::string>& points) {
  std::string lines;
  for (size_t i = 0; i < points.size(); ++i) {
    lines += detail::concat(i == 0 ? "" : "\n", i + 1, ". ", points[i]);
  }
  return lines;
}

std::string id_of(const Json& row) { return row.at("id").get<std::string>(); }

JudgeRequest answer_request(const Json& row, JudgePrompts& prompts) {
  const auto golds = json_get<std::vector<std::string>>(row, "references", id_of(row));
  return request_of(
      id_of(row),
      prompts.fill("narrativeqa",
                   {{"question", row.at("question")},
                    {"correct_answers", metrics::python_list(golds)},
                    {"parsed_output", metrics::judged_answer(helmet::scored_output(row))}}),
      2048);
}

void add_summary_requests(const Json& row,
                          Judged kind,
                          JudgePrompts& prompts,
                          KeyPoints& points,
                          std::vector<JudgeRequest>& requests) {
  const std::string output = helmet::scored_output(row);
  const std::string text(jinja::strip_spaces(output, /*left=*/true, /*right=*/true));
  const std::string expert =
      kind == Judged::book
          ? json_get<std::vector<std::string>>(row, "references", id_of(row)).front()
          : json_get<std::string>(row, "expert_summary", id_of(row));
  const Json values = {{"text", text},
                       {"summary", text},
                       {"keypoints", numbered(points.of(row, kind))},
                       {"expert_summary", expert}};
  for (const char* part : kSummaryParts) {
    const std::string name = (kind == Judged::book ? "book_" : "lawsuit_") + std::string(part);
    requests.push_back(request_of(id_of(row) + "/" + part, prompts.fill(name, values), 4096));
  }
}

}  // namespace

std::vector<JudgeRequest> helmet_judge_requests(const std::vector<Json>& rows,
                                                const HelmetSources& sources) {
  JudgePrompts prompts(sources.prompts);
  KeyPoints points(sources.data);
  std::vector<JudgeRequest> requests;
  for (const Json& row : rows) {
    const Judged kind = judged_kind(row);
    if (kind == Judged::no) continue;
    if (kind == Judged::answer) {
      requests.push_back(answer_request(row, prompts));
    } else {
      add_summary_requests(row, kind, prompts, points, requests);
    }
  }
  return requests;
}

void add_helmet_judgements(std::vector<Json>& rows,
                           const HelmetSources& sources,
                           const FindReply& find) {
  KeyPoints points(sources.data);
  for (Json& row : rows) {
    const Judged kind = judged_kind(row);
    if (kind == Judged::no) continue;
    helmet::erase_metrics(helmet::kJudgeMetrics, row);
    if (kind == Judged::answer) {
      const std::string* reply = find(id_of(row));
      const auto verdict = reply == nullptr ? std::nullopt : metrics::answer_verdict(*reply);
      if (verdict) {
        row["metrics"]["gpt-4-score"] = verdict->fluency * verdict->correctness;
      } else {
        row["unjudged"] = true;
      }
      continue;
    }
    std::optional<std::string> replies[3];
    for (size_t i = 0; i < 3; ++i) {
      const std::string* reply = find(id_of(row) + "/" + kSummaryParts[i]);
      if (reply != nullptr) replies[i] = *reply;
    }
    const auto verdict =
        metrics::summary_verdict(replies[0], replies[1], replies[2], points.of(row, kind).size());
    if (!verdict) {
      row["unjudged"] = true;
      continue;
    }
    row["metrics"]["gpt-4-fluency"] = verdict->fluency;
    row["metrics"]["gpt-4-recall"] = verdict->recall;
    row["metrics"]["gpt-4-precision"] = verdict->precision;
    row["metrics"]["gpt-4-f1"] = verdict->f1;
  }
}

}  // namespace retmask::eval
