#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/train/examples.h"

namespace fs = std::filesystem;

namespace retmask::train {
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

}  // namespace retmask::train
