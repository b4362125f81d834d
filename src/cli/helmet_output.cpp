#include "helmet_output.h"

#include <iostream>

#include "retmask/base/file.h"
#include "retmask/report/svg.h"

namespace retmask::cli {

void write_helmet_tables(const std::filesystem::path& out,
                         const std::vector<HelmetRun>& runs,
                         const std::string& suffix) {
  for (const HelmetTable& one : helmet_tables(runs)) {
    for (const char* kind : {"txt", "csv", "md", "tex"}) {
      write_file_atomic(out / (one.name + suffix + "." + kind), helmet_table_text(one, kind));
    }
    if (one.name == "helmet_categories") std::cout << helmet_table_text(one, "txt") << std::endl;
  }
}

void write_helmet_output(const std::filesystem::path& out,
                         const std::vector<Json>& rows,
                         const Json& results,
                         const eval::HelmetFileOptions& files) {
  eval::write_helmet_files(out / "helmet", rows, files);
  write_helmet_tables(out, {{.name = {}, .results = results}});
}

}  // namespace retmask::cli
