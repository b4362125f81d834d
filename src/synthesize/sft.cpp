#include "sft.h"

#include "outputs.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

Json summary_json(const Summary& summary) {
  Json json = Json::object();
  const Json pairs = summary.to_json();
  for (const auto& [key, value] : pairs.items()) {
    if (key == "rejected") continue;  // there is none
    json[key == "pairs" ? "rows" : key] = value;
  }
  return json;
}

}  // namespace

Json sft_row(const Prompt& prompt, int64_t sample, const Answer& answer) {
  Json messages = prompt.messages;
  messages.push_back({{"role", "assistant"}, {"content", answer.text}});
  Json meta = {{"sample", sample}};
  meta.update(answer_meta(answer));
  return {{"messages", std::move(messages)}, {"id", prompt.id}, {"meta", std::move(meta)}};
}

Summary write_sft(const Options& options,
                  const PromptSet& set,
                  const AnswerJournal& answers,
                  const fs::path& out) {
  Summary summary;
  summary.set_prompts(static_cast<int64_t>(set.prompts.size()), set.blank);
  std::vector<Json> rows;
  for (const Prompt& prompt : set.prompts) {
    int64_t sample = 0;
    for (const Answer* answer : answers_to(prompt, Policy::chosen, options.samples, answers)) {
      summary.add_answer(Policy::chosen, *answer);
      const std::optional<DropReason> dropped = drop_reason(*answer, options.pairs);
      summary.add_pair(dropped);
      if (!dropped) rows.push_back(sft_row(prompt, sample, *answer));
      ++sample;
    }
  }
  write_answers(out / "chosen.jsonl.gz", Policy::chosen, options, set, answers);
  write_json_lines(out / "sft.jsonl", rows);
  write_json_file(out / "summary.json", summary_json(summary));
  return summary;
}

}  // namespace retmask::synthesize
