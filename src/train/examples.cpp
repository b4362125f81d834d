#include "retmask/train/examples.h"

#include <algorithm>
#include <span>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/format_text.h"
#include "retmask/base/log.h"
#include "retmask/base/progress.h"

namespace fs = std::filesystem;

namespace retmask::train {
namespace {

std::vector<int64_t> join(const TokenIds& prompt, int64_t skips, const TokenIds& answer) {
  std::vector<int64_t> ids(prompt.begin() + skips, prompt.end());
  ids.insert(ids.end(), answer.begin(), answer.end());
  return ids;
}

// Nothing predicts a sequence's first token.
int64_t start_after(const TokenIds& prompt, int64_t skips) {
  return std::max<int64_t>(static_cast<int64_t>(prompt.size()) - skips, 1);
}

}  // namespace

std::vector<int64_t> TrainingExample::chosen_sequence() const {
  return join(prompt, chosen_skips, chosen);
}
std::vector<int64_t> TrainingExample::rejected_sequence() const {
  return join(prompt, rejected_skips, rejected);
}

int64_t TrainingExample::chosen_start() const { return start_after(prompt, chosen_skips); }
int64_t TrainingExample::rejected_start() const { return start_after(prompt, rejected_skips); }

int64_t TrainingExample::chosen_length() const {
  return static_cast<int64_t>(prompt.size() + chosen.size()) - chosen_skips;
}

int64_t TrainingExample::rejected_length() const {
  if (rejected.empty()) return 0;
  return static_cast<int64_t>(prompt.size() + rejected.size()) - rejected_skips;
}

int64_t TrainingExample::num_tokens() const { return chosen_length() + rejected_length(); }

int64_t TrainingExample::longest() const { return std::max(chosen_length(), rejected_length()); }

namespace {

Json joined(const Json& prompt, const Json& answer) {
  Json messages = prompt;
  for (const Json& message : answer) messages.push_back(message);
  return messages;
}

// A quoted excerpt of `text` around `position`, always on one line.
std::string excerpt(const std::string& text, size_t position) {
  constexpr size_t kContext = 60;
  const size_t begin = position > kContext ? position - kContext : 0;
  const std::string piece = text.substr(begin, position + kContext - begin);
  return (begin > 0 ? "..." : "") + dump_json_line(piece) +
         (position + kContext < text.size() ? "..." : "");
}

void check_prefix(const std::string& prompt, const std::string& whole, const std::string& where) {
  if (whole.starts_with(prompt)) return;
  const auto differs = std::mismatch(prompt.begin(), prompt.end(), whole.begin(), whole.end());
  const auto position = static_cast<size_t>(differs.first - prompt.begin());
  user_error(where,
             ": the chat template does not render the prompt as a prefix of prompt + answer, so "
             "the answer's tokens are unknown; from character ",
             position,
             " on the prompt reads ",
             excerpt(prompt, position),
             " and prompt + answer reads ",
             excerpt(whole, position),
             "; use a template (or \"chat_template_kwargs\") that renders both alike");
}

size_t common_prefix(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                             a.begin());
}

TokenIds slice(const std::vector<int64_t>& ids, size_t begin, size_t end) {
  return {ids.begin() + static_cast<int64_t>(begin), ids.begin() + static_cast<int64_t>(end)};
}

}  // namespace

RowTokenizer::RowTokenizer(const Tokenizer& tokenizer,
                           fs::path model_dir,
                           std::optional<Moment> moment,
                           int64_t model_vocab_size)
    : tokenizer_(tokenizer),
      model_dir_(std::move(model_dir)),
      model_vocab_size_(model_vocab_size),
      moment_(moment),
      eos_token_(read_eos_token(model_dir_).value_or("")) {}

const ChatTemplate& RowTokenizer::chat_template() const {
  if (!chat_template_) chat_template_ = ChatTemplate::load(model_dir_);
  return *chat_template_;
}

RowTokenizer::Texts RowTokenizer::render_conversation(const TextRow& row) const {
  RenderOptions options;
  options.variables = row.template_variables;
  options.moment = moment_;
  const ChatTemplate& rendering = chat_template();
  Texts texts;
  texts.prompt = rendering.render(row.prompt, options);
  options.add_generation_prompt = false;
  for (const Json* answer : {&row.chosen, &row.rejected}) {
    if (answer->is_null()) continue;
    texts.whole.push_back(rendering.render(joined(row.prompt, *answer), options));
  }
  return texts;
}

RowTokenizer::Texts RowTokenizer::join_plain_text(const TextRow& row) const {
  if (eos_token_.empty()) {
    user_error(row.where,
               ": plain text needs an end-of-sequence token, but the tokenizer's config names no "
               "\"eos_token\"");
  }
  Texts texts{.prompt = row.prompt, .whole = {}};
  for (const Json* answer : {&row.chosen, &row.rejected}) {
    if (answer->is_null()) continue;
    std::string text = texts.prompt + answer->get<std::string>();
    if (!text.ends_with(eos_token_)) text += eos_token_;
    texts.whole.push_back(std::move(text));
  }
  return texts;
}

void RowTokenizer::warn_of_merge(const std::string& where) const {
  if (warned_of_merge_) return;
  warned_of_merge_ = true;
  log::warn(where +
            ": the prompt's last tokens merge with the answer's first, so the completion starts "
            "before them; end prompts at a token boundary (reported once; other rows may be "
            "affected)");
}

void RowTokenizer::check_ids(const std::vector<int64_t>& ids, const std::string& where) const {
  const auto beyond =
      std::ranges::find_if(ids, [&](int64_t id) { return id >= model_vocab_size_; });
  if (beyond == ids.end()) return;
  user_error(where,
             ": token id ",
             *beyond,
             " (",
             dump_json_line(tokenizer_.decode({&*beyond, 1}, /*skip_special_tokens=*/false)),
             ") is outside of the model's vocabulary of ",
             model_vocab_size_,
             "; check that the tokenizer belongs to the model");
}

TrainingExample RowTokenizer::tokenize(const TextRow& row) const {
  return at_place(row.where, [&] { return tokenize_row(row); });
}

TrainingExample RowTokenizer::tokenize_row(const TextRow& row) const {
  const Texts texts = row.conversational() ? render_conversation(row) : join_plain_text(row);
  // A template writes the special tokens itself; for plain text the tokenizer adds them.
  const bool add_special_tokens = !row.conversational();
  const auto prompt = tokenizer_.encode(texts.prompt, add_special_tokens);
  std::vector<std::vector<int64_t>> whole;
  size_t border = prompt.size();
  for (const std::string& text : texts.whole) {
    check_prefix(texts.prompt, text, row.where);
    whole.push_back(tokenizer_.encode(text, add_special_tokens));
    check_ids(whole.back(), row.where);
    border = std::min(border, common_prefix(prompt, whole.back()));
  }
  if (border == 0) {
    user_error(row.where, ": the prompt has no tokens: it is empty or merges with the answer");
  }
  if (border < prompt.size()) warn_of_merge(row.where);

  TrainingExample example{.where = row.where,
                          .prompt = slice(prompt, 0, border),
                          .chosen = slice(whole[0], border, whole[0].size()),
                          .rejected = {}};
  if (whole.size() > 1) example.rejected = slice(whole[1], border, whole[1].size());
  if (example.chosen.empty() || (whole.size() > 1 && example.rejected.empty())) {
    user_error(row.where, ": an answer has no tokens");
  }
  return example;
}

namespace {

void keep_last(TokenIds& ids, int64_t count) {
  const auto excess = std::max<int64_t>(static_cast<int64_t>(ids.size()) - count, 0);
  ids.erase(ids.begin(), ids.begin() + excess);
}

// Tokens cut from the start of the prompt so that prompt + `answer` fit into `max_length`.
int64_t prompt_tokens_to_skip(const TrainingExample& example,
                              const TokenIds& answer,
                              int64_t max_length) {
  const auto prompt = static_cast<int64_t>(example.prompt.size());
  const int64_t excess = prompt + static_cast<int64_t>(answer.size()) - max_length;
  return std::clamp<int64_t>(excess, 0, prompt);
}

}  // namespace

bool truncate_as_reference(TrainingExample& example, const ReferenceTruncation& limits) {
  const int64_t before = example.num_tokens();
  keep_last(example.prompt, limits.max_prompt);
  keep_last(example.chosen, limits.max_length);
  keep_last(example.rejected, limits.max_length);
  example.chosen_skips = prompt_tokens_to_skip(example, example.chosen, limits.max_length);
  example.rejected_skips = prompt_tokens_to_skip(example, example.rejected, limits.max_length);
  return example.num_tokens() < before;
}

namespace {

// Applies --max-length to rows as they come and counts what it did.
class LengthLimit {
 public:
  LengthLimit(const Options& options, int64_t max_positions)
      : limit_(limit_of(options, max_positions)),
        policy_(options.long_rows),
        as_reference_(options.reference_truncation) {
    if (limit_ > max_positions) {
      user_error(as_reference_ ? "--reference-truncation to " : "--max-length ",
                 limit_,
                 " exceeds the model's maximum of ",
                 max_positions,
                 " positions; if the model supports more, give --max-position");
    }
  }

  // False: the row is dropped.
  bool admit(TrainingExample& example) {
    if (as_reference_) {
      if (truncate_as_reference(example)) ++long_;
      return true;
    }
    if (example.longest() <= limit_) return true;
    if (long_++ == 0) {
      first_ = example.where + " with " + std::to_string(example.longest()) + " tokens";
    }
    const auto room = limit_ - static_cast<int64_t>(example.prompt.size());
    if (policy_ != LongRows::truncate || room <= 0) {
      ++dropped_;
      return false;
    }
    for (TokenIds* answer : {&example.chosen, &example.rejected}) {
      answer->resize(std::min(answer->size(), static_cast<size_t>(room)));
    }
    return true;
  }

  // After the last row. Throws UserError under LongRows::error.
  void report(int64_t num_rows) const {
    if (long_ == 0) return;
    if (as_reference_) {
      log::warn(format_text("--reference-truncation truncated %ld of %ld rows", long_, num_rows));
      return;
    }
    const std::string what =
        format_text("%ld of %ld rows are longer than %ld tokens (the first: %s)",
                    long_,
                    num_rows,
                    limit_,
                    first_.c_str());
    if (policy_ == LongRows::error) {
      user_error(
          what,
          "; give --long-rows drop or truncate, or a larger --max-length if the model allows");
    }
    log::warn(what + format_text("; %ld dropped, %ld truncated", dropped_, long_ - dropped_));
  }

 private:
  static int64_t limit_of(const Options& options, int64_t max_positions) {
    if (options.reference_truncation) return ReferenceTruncation{}.max_length;
    return options.max_length > 0 ? options.max_length : max_positions;
  }

  int64_t limit_;
  LongRows policy_;
  bool as_reference_;
  int64_t long_ = 0;
  int64_t dropped_ = 0;
  std::string first_;
};

}  // namespace

std::vector<TrainingExample> read_examples(const std::vector<std::filesystem::path>& files,
                                           const RowTokenizer& tokenizer,
                                           const Options& options,
                                           int64_t max_positions) {
  LengthLimit limit(options, max_positions);
  std::vector<TrainingExample> examples;
  int64_t num_rows = 0;
  Progress progress("tokenize", /*total=*/0, "rows");
  for (const auto& file : files) {
    for_each_row(file, options.loss, [&](const TextRow& row) {
      ++num_rows;
      progress.advance();
      TrainingExample example = tokenizer.tokenize(row);
      if (limit.admit(example)) examples.push_back(std::move(example));
    });
  }
  progress.finish();
  if (num_rows == 0) {
    user_error("the training file ",
               files.front(),
               files.size() > 1 ? " (and the others)" : "",
               " has no rows");
  }
  limit.report(num_rows);
  if (examples.empty())
    user_error("no row is left after --long-rows ", to_string(options.long_rows));
  return examples;
}

std::string hash_examples(const std::vector<TrainingExample>& examples) {
  std::string hashes;  // per row, so that the tokens are never copied as a whole
  for (const TrainingExample& example : examples) {
    std::string bytes;
    for (const TokenIds* ids : {&example.prompt, &example.chosen, &example.rejected}) {
      const auto count = static_cast<int64_t>(ids->size());
      bytes.append(reinterpret_cast<const char*>(&count), sizeof count);
      bytes.append(reinterpret_cast<const char*>(ids->data()), ids->size() * sizeof(int32_t));
    }
    for (const int64_t skips : {example.chosen_skips, example.rejected_skips}) {
      bytes.append(reinterpret_cast<const char*>(&skips), sizeof skips);
    }
    hashes += sha256(bytes);
  }
  return sha256(hashes);
}

}  // namespace retmask::train
