#include "harnesses.h"
#include "prompt_record.h"
#include "prompt_rows.h"
#include "retmask/base/error.h"
#include "scratch_file.h"

namespace retmask::fuzz {

void read_parquet(std::string_view bytes) {
  static const ScratchFile scratch("rows.parquet");
  const synthesize::PromptOptions options;
  synthesize::for_each_parquet_row(
      scratch.holding(bytes), synthesize::known_columns(options), [&](const Json& row, int64_t) {
        dump_json_line(row);
        try {
          synthesize::read_record(row, options, "rows.parquet:1");
        } catch (const UserError&) {
        }
      });
}

}  // namespace retmask::fuzz
