#include "harnesses.h"
#include "prompt_rows.h"
#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/train/rows.h"
#include "scratch_file.h"

namespace retmask::fuzz {

// Reads lines of a prompt file and of a training file.
void read_rows(std::string_view bytes) {
  static const ScratchFile scratch("rows.jsonl");
  const auto attempt = [](auto action) {
    try {
      action();
    } catch (const UserError&) {
    }
  };
  for_each_json_line(scratch.holding(bytes), "rows", [&](const Json& row, int64_t) {
    for (const auto turns : {synthesize::Turns::first, synthesize::Turns::all}) {
      for (const char* field : {"", "prompt"}) {
        attempt([&] {
          synthesize::PromptOptions options{.field = field, .system_prompt = "S", .turns = turns};
          const auto record = synthesize::read_record(row, options, "rows.jsonl:1");
          if (record.messages) dump_json_line(*record.messages);
        });
      }
    }
    for (const auto loss : {train::LossKind::dpo, train::LossKind::sft})
      attempt([&] { train::parse_row(row, loss, "rows.jsonl:1"); });
  });
}

}  // namespace retmask::fuzz
