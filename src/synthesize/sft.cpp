#include "sft.h"

#include "sources.h"

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
  Json row = {{"messages", std::move(messages)}, {"id", prompt.id}, {"meta", std::move(meta)}};
  add_template_variables(prompt, row);
  return row;
}

Summary write_sft(const Options& options,
                  const PromptSet& set,
                  const AnswerLookup& answers,
                  const fs::path& out) {
  JsonLinesWriter chosen_file = open_output(out, "chosen.jsonl.gz");
  JsonLinesWriter sft_file = open_output(out, "sft.jsonl");
  const FinalAnswers final_answers(Policy::chosen, options, answers);
  Summary summary;
  summary.set_prompts(set);
  for (const Prompt& prompt : set.prompts) {
    const std::vector<Answer> chosen = final_answers.to(prompt);
    chosen_file.append(reference_row(prompt, chosen, source_name(options, Policy::chosen)));
    for (size_t i = 0; i < chosen.size(); ++i) {
      summary.add_answer(Policy::chosen, chosen[i]);
      const std::optional<DropReason> dropped = drop_reason(prompt, chosen[i], options.pairs);
      summary.add_pair(dropped);
      if (!dropped) sft_file.append(sft_row(prompt, static_cast<int64_t>(i), chosen[i]));
    }
  }
  chosen_file.commit();
  sft_file.commit();
  write_json_file(out / "summary.json", summary_json(summary));
  return summary;
}

}  // namespace retmask::synthesize
