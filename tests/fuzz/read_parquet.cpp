#include "harnesses.h"
#include "prompt_rows.h"
#include "retmask/base/error.h"
#include "retmask/rows/row_files.h"
#include "scratch_file.h"

namespace retmask::fuzz {

void read_parquet(std::string_view bytes) {
  static const ScratchFile scratch("rows.parquet");
  const synthesize::PromptOptions options;
  rows::for_each_row({.path = scratch.holding(bytes),
                      .what = "rows",
                      .columns = synthesize::known_columns(options)},
                     [&](const Json& row, int64_t, const std::string& where) {
                       dump_json_line(row);
                       try {
                         synthesize::read_record(row, options, where);
                       } catch (const UserError&) {
                       }
                     });
}

}  // namespace retmask::fuzz
