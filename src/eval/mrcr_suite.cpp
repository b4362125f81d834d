#include "retmask/eval/mrcr_suite.h"

#include <algorithm>
#include <map>
#include <set>

#include "builtin_data.h"
#include "essay.h"
#include "fill.h"
#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"
#include "retmask/rows/messages.h"
#include "retmask/rows/row_files.h"
#include "suite_options.h"
#include "word_list.h"

namespace retmask::eval {
namespace {

constexpr int64_t kDefaultLength = 4096;
// The answer repeats a text whose tokens are known; some more, in case it starts differently.
constexpr int64_t kSpareTokens = 32;

const Json& mrcr_data() { return builtin_data("mrcr"); }

std::string mrcr_text(const char* key) { return mrcr_data().at(key).get<std::string>(); }

std::string task_of(int64_t needles) { return "mrcr_" + std::to_string(needles) + "needle"; }

// A request and the answer to it.
struct Turn {
  std::string request;
  std::string answer;
};

struct TurnSubject {
  std::string format;
  std::string topic;
};

// Draws turns of one conversation.
class TurnMaker {
 public:
  explicit TurnMaker(const Essay& essay) : sentences_(essay.sentences(essay.num_words())) {}

  static TurnSubject draw_subject(RandomStream& random) {
    const Json& formats = mrcr_data().at("formats");
    return {formats.at(random.below(formats.size())).get<std::string>(),
            "the " + draw_noun(random)};
  }

  Turn draw(const TurnSubject& subject, RandomStream& random) const {
    constexpr uint64_t kFewest = 3;
    constexpr uint64_t kMost = 8;
    std::string text;
    for (uint64_t left = kFewest + random.below(kMost - kFewest + 1); left > 0; --left) {
      text += (text.empty() ? "" : " ") + sentences_[random.below(sentences_.size())];
    }
    const Json words = {{"format", subject.format}, {"topic", subject.topic}, {"text", text}};
    return {fill_template(mrcr_text("request"), words), fill_template(mrcr_text("answer"), words)};
  }

 private:
  std::vector<std::string> sentences_;
};

// The draws of a sample, apart from the turns around its needles.
struct MrcrDraft {
  TurnSubject subject = {};
  std::vector<Turn> needles = {};
  std::vector<double> places = {};  // of the needles among the others, sorted, in [0, 1)
  std::string prefix = {};
  std::string question = {};
  std::string reference = {};
};

MrcrDraft draw_draft(const TurnMaker& maker, int64_t needles, RandomStream random) {
  MrcrDraft draft{.subject = TurnMaker::draw_subject(random)};
  for (int64_t i = 0; i < needles; ++i) {
    draft.needles.push_back(maker.draw(draft.subject, random));
    draft.places.push_back(random.uniform());
  }
  std::sort(draft.places.begin(), draft.places.end());
  const size_t asked = random.below(draft.needles.size());
  draft.prefix = draw_letters(random, 5, 'A') + draw_letters(random, 5, 'a');
  draft.question = fill_template(mrcr_text("question"),
                                 {{"prefix", draft.prefix},
                                  {"ordinal", mrcr_data().at("ordinals").at(asked)},
                                  {"format", draft.subject.format},
                                  {"topic", draft.subject.topic}});
  draft.reference = draft.prefix + draft.needles[asked].answer;
  return draft;
}

Prompt conversation(const MrcrDraft& draft,
                    const TurnMaker& maker,
                    int64_t size,
                    RandomStream random) {
  Json messages = Json::array();
  const auto add = [&](const char* role, const std::string& text) {
    messages.push_back({{"role", role}, {"content", text}});
  };
  const auto add_turn = [&](const Turn& turn) {
    add("user", turn.request);
    add("assistant", turn.answer);
  };
  size_t next = 0;
  for (int64_t i = 0; i <= size; ++i) {
    while (next < draft.needles.size() &&
           static_cast<int64_t>(draft.places[next] * static_cast<double>(size)) <= i) {
      add_turn(draft.needles[next++]);
    }
    if (i == size) break;
    TurnSubject subject = TurnMaker::draw_subject(random);
    while (subject.format == draft.subject.format && subject.topic == draft.subject.topic) {
      subject = TurnMaker::draw_subject(random);
    }
    add_turn(maker.draw(subject, random));
  }
  add("user", draft.question);
  return {.messages = std::move(messages)};
}

Sample make_sample(std::string id,
                   int64_t needles,
                   const std::string& reference,
                   const std::string& prefix,
                   const PromptEncoder& encoder) {
  const auto tokens = static_cast<int64_t>(
      encoder.tokenizer().encode(reference, /*add_special_tokens=*/false).size());
  return {.id = std::move(id),
          .task = task_of(needles),
          .references = {reference, prefix},
          .metric = mrcr_text("metric"),
          .max_new_tokens = tokens + kSpareTokens};
}

}  // namespace

void MrcrOptions::validate(bool has_data) const {
  for (const std::string& task : tasks) {
    if (mrcr_data().at("tasks").contains(task)) continue;
    std::string known;
    for (const auto& [name, settings] : mrcr_data().at("tasks").items()) {
      known += (known.empty() ? "" : ", ") + name;
    }
    user_error("--tasks holds \"", task, "\", expected some of: ", known);
  }
  check_no_repeats("--tasks", tasks);
  check_sizes("--lengths", lengths);
  check_max_samples(max_samples);
  if (has_data && !lengths.empty()) {
    user_error("--lengths does not apply to the conversations of --data; give only one of them");
  }
}

std::vector<Sample> build_mrcr_samples(const MrcrOptions& options,
                                       const std::string& essays,
                                       const PromptEncoder& encoder,
                                       int64_t max_positions) {
  options.validate(/*has_data=*/false);
  const Essay essay(essays);
  const TurnMaker maker(essay);
  const std::vector<int64_t> lengths =
      options.lengths.empty() ? std::vector<int64_t>{kDefaultLength} : options.lengths;
  std::vector<Sample> samples;
  for (const auto& [task, settings] : mrcr_data().at("tasks").items()) {
    if (!options.tasks.empty() && std::ranges::find(options.tasks, task) == options.tasks.end()) {
      continue;
    }
    const auto needles = settings.at("needles").get<int64_t>();
    for (const int64_t length : lengths) {
      for (int64_t i = 0; i < options.max_samples; ++i) {
        stop_point();
        const std::string id = task + "-" + std::to_string(length) + "-" + std::to_string(i);
        const std::string stream = "mrcr/" + id;
        const MrcrDraft draft = draw_draft(maker, needles, {options.seed, stream});
        Sample sample = make_sample(id, needles, draft.reference, draft.prefix, encoder);
        const auto prompt = [&](int64_t size) {
          return conversation(draft, maker, size, {options.seed, stream + "/turns"});
        };
        const int64_t new_tokens = sample.max_new_tokens + encoder.thinking_tokens();
        const int64_t limit = prompt_limit(length, new_tokens, max_positions);
        const int64_t size = largest_fitting(1, INT64_MAX / 4, limit, [&](int64_t turns) {
          return static_cast<int64_t>(encoder.encode(prompt(turns)).size());
        });
        if (size < 0) {
          user_error("the task ",
                     task,
                     " needs conversations of at least ",
                     encoder.encode(prompt(1)).size(),
                     " tokens here, but there is room for ",
                     limit,
                     "; use larger --lengths");
        }
        sample.length = length;
        encoder.encode(prompt(size), sample);
        samples.push_back(std::move(sample));
      }
    }
  }
  return samples;
}

std::vector<Sample> read_mrcr_samples(const std::filesystem::path& path,
                                      const MrcrOptions& options,
                                      const PromptEncoder& encoder) {
  options.validate(/*has_data=*/true);
  std::vector<Sample> samples;
  std::map<std::string, int64_t> counts;
  rows::for_each_row(
      {.path = path,
       .what = "file of conversations",
       .columns = {"prompt", "answer", "random_string_to_prepend", "n_needles"},
       .hint = "expected a file of openai/mrcr on Hugging Face"},
      [&](const Json& row, int64_t number, const std::string& where) {
        const auto needles = json_get<int64_t>(row, "n_needles", where);
        const std::string task = task_of(needles);
        const bool wanted =
            options.tasks.empty() || std::ranges::find(options.tasks, task) != options.tasks.end();
        if (!wanted || counts[task] == options.max_samples) return;
        ++counts[task];
        if (!row.contains("prompt")) user_error(where, ": \"prompt\" is missing");
        Sample sample = make_sample(task + "-" + std::to_string(number),
                                    needles,
                                    json_get<std::string>(row, "answer", where),
                                    json_get<std::string>(row, "random_string_to_prepend", where),
                                    encoder);
        encoder.encode({.messages = rows::standard_messages(
                            row["prompt"], "prompt", where, rows::MessageFields::known)},
                       sample);
        samples.push_back(std::move(sample));
      });
  if (samples.empty()) user_error(path, " has no conversations of the tasks asked for");
  return samples;
}

}  // namespace retmask::eval
