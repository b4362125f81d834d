#include "retmask/eval/helmet_suite.h"

#include <algorithm>
#include <map>
#include <set>

#include "helmet_example.h"
#include "helmet_tasks.h"
#include "helmet_truncate.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/base/stop_signals.h"
#include "suite_options.h"

namespace fs = std::filesystem;

namespace retmask::eval {
namespace {

using helmet::Example;
using helmet::Task;

// Llama 2's tokenizer as a rule of length. Documents occur in many rows, at every length.
class DocumentLengths {
 public:
  explicit DocumentLengths(const fs::path& folder) {
    if (!folder.empty()) tokenizer_ = Tokenizer::load(folder);
  }

  helmet::LengthRule rule() {
    if (!tokenizer_) return {};
    return {.count_tokens = [this](const std::string& text) { return count(text); },
            .cut =
                [this](const std::string& text, int64_t tokens) {
                  return helmet::cut_documents(*tokenizer_, text, tokens).value_or(text);
                }};
  }

 private:
  int64_t count(const std::string& text) {
    int64_t& tokens = counts_[sha256(text)];
    if (tokens == 0) {
      stop_point();
      tokens = static_cast<int64_t>(tokenizer_->encode(text, /*add_special_tokens=*/true).size());
    }
    return tokens;
  }

  std::unique_ptr<const Tokenizer> tokenizer_;
  std::map<std::string, int64_t> counts_;
};

bool prompts_in_chat(const HelmetOptions& options, const Task& task, const PromptEncoder& encoder) {
  if (encoder.for_server()) return true;  // it has no other way
  if (!encoder.uses_template()) return false;
  return options.chat == ChatUse::all || task.uses_chat();
}

// Where --chat or a server departs from HELMET, whose scores change with it.
void warn_of_other_chat(const HelmetOptions& options,
                        const std::vector<Task>& tasks,
                        const PromptEncoder& encoder) {
  const bool all = encoder.for_server() || options.chat == ChatUse::all;
  std::set<std::string> names;
  for (const Task& task : tasks) {
    const bool departs = all ? !task.uses_chat()
                         : options.chat == ChatUse::none
                             ? task.uses_chat() && encoder.uses_template()
                             : false;
    if (departs) names.insert(task.base);
  }
  if (names.empty()) return;
  log::warn(
      detail::concat(encoder.for_server() ? "--endpoint" : "--chat " + to_string(options.chat),
                     " departs from HELMET, which asks ",
                     helmet::joined({names.begin(), names.end()}, ", "),
                     all ? " without a chat template" : " in the model's chat template",
                     "; scores will differ from published ones"));
}

void warn_of_count(const HelmetOptions& options, const Task& task, size_t rows) {
  const auto expected = task.settings().at("rows").get<size_t>();
  if (options.max_samples || rows == expected) return;
  log::warn(detail::concat(
      task.dataset, " at ", task.length, " tokens has ", rows, " rows, HELMET has ", expected));
}

// A gold answer that a row lacks (QAMPARI, which has lists instead) is an empty one.
std::vector<std::string> references_of(const Json& gold) {
  if (gold.is_null()) return {""};
  if (gold.is_string()) return {gold.get<std::string>()};
  std::vector<std::string> references;
  for (const Json& one : gold) {
    if (one.is_string()) {
      references.push_back(one.get<std::string>());
      continue;
    }
    for (const Json& form : one) references.push_back(form.get<std::string>());
  }
  return references;
}

// Makes the samples of one task.
class SampleMaker {
 public:
  SampleMaker(const Task& task, bool in_chat, bool stop_newline, const PromptEncoder& encoder)
      : task_(task), in_chat_(in_chat), stop_newline_(stop_newline), encoder_(encoder) {
    if (task.length <= task.max_new_tokens()) {
      user_error("--lengths ",
                 task.length,
                 " leaves no room for a prompt: ",
                 task.dataset,
                 " has answers of up to ",
                 task.max_new_tokens(),
                 " tokens");
    }
  }

  Sample make(const Example& example, size_t number) const {
    const std::string id = detail::concat(task_.dataset,
                                          "-",
                                          task_.variant.empty() ? "" : task_.variant + "-",
                                          task_.length,
                                          "-",
                                          number);
    const helmet::FittedPrompt prompt = at_place(id, [&] {
      return helmet::fit_prompt(
          encoder_.tokenizer(),
          {.context = example.text("context"),
           .render = [&](const std::string& context) { return rendered(example, context); },
           .is_chat = in_chat_ && encoder_.chat().uses_template(),
           .limit = task_.length - task_.max_new_tokens()});
    });
    Json meta = {{"category", task_.text("category")}};
    if (!task_.variant.empty()) meta["variant"] = task_.variant;
    if (task_.test_file != helmet::make_task({task_.base, task_.size}, task_.length).test_file) {
      meta["data_file"] = task_.test_file;
    }
    meta["key"] = example.key;
    meta["question"] = example.text("question");
    meta["chat"] = in_chat_;
    if (!in_chat_) meta["answer_start"] = helmet::answer_start(task_, example);
    meta["prompt_sha256"] = sha256(prompt.text);
    if (prompt.dropped > 0) meta["dropped_tokens"] = prompt.dropped;
    meta.update(example.extra);
    const bool asks_server = encoder_.for_server();
    return {.id = id,
            .task = task_.dataset,
            .length = task_.length,
            .prompt = prompt.tokens,
            .opens_thinking = in_chat_ && !asks_server && encoder_.opens_thinking(),
            .messages = asks_server ? messages(example, prompt.context) : Json(),
            .references = references_of(example.gold),
            .metric = task_.style().at("metric").get<std::string>(),
            .max_new_tokens = task_.max_new_tokens(),
            .stop = stop_newline_ ? std::vector<std::string>{"\n"} : std::vector<std::string>{},
            .meta = std::move(meta)};
  }

 private:
  Json messages(Example example, const std::string& context) const {
    example.fields["context"] = context;
    return user_message(helmet::user_text(task_, example));
  }

  std::string rendered(Example example, const std::string& context) const {
    example.fields["context"] = context;
    if (!in_chat_) return helmet::prompt_text(task_, example);
    const std::string text = helmet::user_text(task_, example);
    // Of a server, the folder that counts tokens may have no template.
    return encoder_.chat().uses_template() ? encoder_.chat().render(user_message(text)) : text;
  }

  const Task& task_;
  bool in_chat_;
  bool stop_newline_;
  const PromptEncoder& encoder_;
};

}  // namespace

void HelmetOptions::validate() const {
  if (data.empty()) {
    user_error(
        "--suite helmet needs --data: the folder with data and prompts of HELMET's "
        "repository, with the files of its archive");
  }
  check_no_repeats("--tasks", tasks);
  for (const std::string& task : tasks) helmet::parse_task_request(task);
  check_no_repeats("--categories", categories);
  const std::vector<std::string> known = helmet::category_names();
  for (const std::string& category : categories) {
    if (std::find(known.begin(), known.end(), category) == known.end()) {
      user_error(
          "--categories holds \"", category, "\", expected some of: ", helmet::joined(known, ", "));
    }
  }
  if (!tasks.empty() && !categories.empty()) {
    user_error("--tasks and --categories both select tasks; give only one of them");
  }
  check_sizes("--lengths", lengths);
  if (max_samples && *max_samples < 0)
    user_error("--max-samples is ", *max_samples, ", expected at least 0");
  if (shots && *shots < 0) user_error("--shots is ", *shots, ", expected at least 0");
}

std::vector<int64_t> HelmetOptions::resolved_lengths(int64_t max_positions) const {
  if (!lengths.empty()) return lengths;
  std::vector<int64_t> fitting = helmet::table_lengths();
  std::erase_if(fitting, [&](int64_t length) { return length > max_positions; });
  if (fitting.empty()) fitting.push_back(helmet::table_lengths().front());
  return fitting;
}

HelmetSamples build_helmet_samples(const HelmetOptions& options,
                                   const PromptEncoder& encoder,
                                   int64_t max_positions) {
  options.validate();
  const helmet::DataFolder data(options.data);
  const auto resolved =
      helmet::resolve_tasks(options, data, options.resolved_lengths(max_positions));
  warn_of_other_chat(options, resolved.tasks, encoder);
  DocumentLengths lengths(options.length_tokenizer);
  const helmet::LengthRule rule = lengths.rule();
  HelmetSamples built{.left_out = resolved.left_out};
  std::set<fs::path> files;
  for (const Task& task : resolved.tasks) {
    const std::vector<Example> examples = helmet::load_examples({task, data, rule});
    if (examples.empty()) {
      user_error(task.dataset,
                 ": no document of ",
                 task.test_file,
                 " is as long as HELMET asks for; "
                 "leave --length-tokenizer out for documents that are chosen and cut already");
    }
    warn_of_count(options, task, examples.size());
    const SampleMaker maker(task,
                            prompts_in_chat(options, task, encoder),
                            options.stop_newline && task.asks_for_one_line(),
                            encoder);
    for (size_t i = 0; i < examples.size(); ++i) {
      stop_point();
      built.samples.push_back(maker.make(examples[i], i));
    }
    for (const std::string& file : {task.test_file, task.demo_file}) {
      if (const auto path = file.empty() ? std::nullopt : data.find(file)) files.insert(*path);
    }
  }
  built.files.assign(files.begin(), files.end());
  return built;
}

}  // namespace retmask::eval
