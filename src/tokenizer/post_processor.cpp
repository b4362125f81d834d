#include "post_processor.h"

#include "retmask/base/error.h"

namespace retmask::text {
namespace {

// "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}, ..], with the ids in
// "special_tokens".
PostProcessor read_template(const Json& json, const std::string& where) {
  PostProcessor processor;
  const auto special_tokens = json_get<Json>(json, "special_tokens", where);
  bool text_seen = false;
  for (const Json& piece : json_get<Json>(json, "single", where)) {
    if (piece.contains("Sequence")) {
      const auto sequence = json_get<Json>(piece, "Sequence", where);
      if (text_seen || json_get<std::string>(sequence, "id", where) != "A") {
        user_error(where, ": \"single\" must have the sequence A exactly once");
      }
      text_seen = true;
      continue;
    }
    const auto name =
        json_get<std::string>(json_get<Json>(piece, "SpecialToken", where), "id", where);
    const auto token = json_get<Json>(special_tokens, name, where + ": special_tokens");
    for (const Json& id : json_get<Json>(token, "ids", where)) {
      if (!id.is_number_integer())
        user_error(where, ": the ids of ", name, " must be whole numbers");
      (text_seen ? processor.after : processor.before).push_back(id.get<int64_t>());
    }
  }
  if (!text_seen) user_error(where, ": \"single\" must have the sequence A exactly once");
  return processor;
}

}  // namespace

PostProcessor make_post_processor(const Json& json, const std::string& where) {
  if (json.is_null()) return {};
  const auto type = json_get<std::string>(json, "type", where);
  if (type == "ByteLevel") {
    return {
        .before = {}, .after = {}, .trims_spans = json_get_or(json, "trim_offsets", true, where)};
  }
  if (type == "TemplateProcessing") return read_template(json, where);
  if (type == "Sequence") {
    PostProcessor processor;
    for (const Json& step : json_get<Json>(json, "processors", where)) {
      const PostProcessor inner = make_post_processor(step, where);
      if (!inner.before.empty() || !inner.after.empty()) {
        if (!processor.before.empty() || !processor.after.empty()) {
          user_error(where, ": more than one TemplateProcessing in a Sequence is not supported");
        }
        processor.before = inner.before;
        processor.after = inner.after;
      }
      processor.trims_spans = processor.trims_spans || inner.trims_spans;
    }
    return processor;
  }
  user_error(where,
             ": the type \"",
             type,
             "\" is not supported; supported are ByteLevel, TemplateProcessing and Sequence");
}

}  // namespace retmask::text
