#include "tokenizer_json.h"

#include <cstdint>

#include "retmask/base/error.h"
#include "retmask/base/file.h"

namespace retmask::text {
namespace {

// Ten times the largest known vocabulary. Tables have a slot for each id up to the largest.
constexpr uint64_t kMostIds = uint64_t{1} << 24;

// Builds `rest` like a DOM parser, but intercepts model.vocab and model.merges: as JSON values they
// would take seconds and hundreds of megabytes.
class Handler : public nlohmann::json_sax<Json> {
 public:
  Handler(TokenizerJson& out, std::string where) : out_(out), where_(std::move(where)) {}

  bool null() override { return value(Json()); }
  bool boolean(bool flag) override { return value(Json(flag)); }
  bool number_integer(number_integer_t number) override { return value(Json(number)); }
  bool number_float(number_float_t number, const string_t&) override { return value(Json(number)); }
  bool binary(binary_t&) override { return false; }

  bool number_unsigned(number_unsigned_t number) override {
    if (part_ != Part::kVocabulary) return value(Json(number));
    if (number >= kMostIds) {
      user_error(where_,
                 ": the id of \"",
                 key_,
                 "\" in model.vocab is too large: ",
                 number,
                 ", expected less than ",
                 kMostIds);
    }
    out_.vocabulary.emplace_back(std::move(key_), static_cast<int32_t>(number));
    return true;
  }

  bool string(string_t& text) override {
    if (part_ != Part::kMerges) return value(Json(std::move(text)));
    if (in_pair_) {
      pair_.push_back(std::move(text));
    } else {
      add_merge_line(text);
    }
    return true;
  }

  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }

  bool start_object(size_t) override {
    if (part_ == Part::kRest && is_model_key("vocab")) {
      part_ = Part::kVocabulary;
      return true;
    }
    return open(Json::object());
  }

  bool end_object() override {
    if (part_ == Part::kVocabulary) {
      part_ = Part::kRest;
      return true;
    }
    return close();
  }

  bool start_array(size_t) override {
    if (part_ == Part::kRest && is_model_key("merges")) {
      out_.has_merges = true;
      part_ = Part::kMerges;
      return true;
    }
    if (part_ == Part::kMerges && !in_pair_) {
      in_pair_ = true;
      return true;
    }
    return open(Json::array());
  }

  bool end_array() override {
    if (part_ != Part::kMerges) return close();
    if (in_pair_) {
      add_pair();
    } else {
      part_ = Part::kRest;
    }
    return true;
  }

  bool parse_error(size_t, const std::string&, const Json::exception& error) override {
    std::string reason =
        error.what();  // "[json.exception.parse_error.101] parse error at line ..."
    const size_t bracket = reason.find("] ");
    if (bracket != std::string::npos) reason.erase(0, bracket + 2);
    user_error(where_, " is not valid JSON: ", reason);
  }

 private:
  enum class Part { kRest, kVocabulary, kMerges };

  // Whether the next value is model.<name>.
  bool is_model_key(const char* name) const {
    return open_.size() == 2 && open_keys_.back() == "model" && key_ == name;
  }

  Json& place(Json&& json) {
    if (open_.empty()) return out_.rest = std::move(json);
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(json));
      return parent.back();
    }
    return parent[key_] = std::move(json);
  }

  bool value(Json&& json) {
    if (part_ == Part::kVocabulary) {
      user_error(where_, ": the id of \"", key_, "\" in model.vocab must be a whole number from 0");
    }
    if (part_ == Part::kMerges) refuse_merge();
    place(std::move(json));
    return true;
  }

  bool open(Json&& json) {
    if (part_ == Part::kMerges) refuse_merge();
    if (part_ == Part::kVocabulary) user_error(where_, ": model.vocab must map tokens to ids");
    Json& placed = place(std::move(json));
    open_.push_back(&placed);
    open_keys_.push_back(key_);
    return true;
  }

  bool close() {
    open_.pop_back();
    open_keys_.pop_back();
    return true;
  }

  [[noreturn]] void refuse_merge() const {
    user_error(where_,
               ": merge number ",
               out_.merges.size() + 1,
               " in model.merges must be \"a b\" or [\"a\", \"b\"]");
  }

  void add_merge_line(const std::string& line) {
    if (line.starts_with("#version")) return;
    const size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos)
      refuse_merge();
    out_.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }

  void add_pair() {
    if (pair_.size() != 2) refuse_merge();
    out_.merges.emplace_back(std::move(pair_[0]), std::move(pair_[1]));
    pair_.clear();
    in_pair_ = false;
  }

  TokenizerJson& out_;
  std::string where_;
  Part part_ = Part::kRest;
  bool in_pair_ = false;
  std::vector<std::string> pair_;
  std::string key_;
  std::vector<Json*> open_;             // enclosing objects and arrays, outermost first
  std::vector<std::string> open_keys_;  // the key of each of them in its parent
};

}  // namespace

TokenizerJson read_tokenizer_json(const std::filesystem::path& path) {
  const std::string text = read_text_file(path, "tokenizer file");
  check_json_depth(text, path.string());
  TokenizerJson out;
  Handler handler(out, path.string());
  Json::sax_parse(text, &handler);
  if (!out.rest.is_object()) user_error(path.string(), " must hold a JSON object");
  return out;
}

}  // namespace retmask::text
