#pragma once
// How HELMET chooses rows and demonstrations by their keys (load_qa and load_msmarco_rerank there).

#include <string>
#include <vector>

#include "helmet_data.h"
#include "helmet_task.h"

namespace retmask::eval::helmet {

// The rows of max_samples keys drawn from the distinct ones, in file order; all for max_samples 0.
std::vector<DataRow> rows_of_drawn_keys(const Task& task,
                                        const std::vector<DataRow>& rows,
                                        const char* key);

// The first `shots` rows with different keys, after a shuffle by a seed that `row_key` gives.
// Throws UserError if there are fewer.
std::vector<const DataRow*> draw_demos(const Task& task,
                                       const std::vector<const DataRow*>& demos,
                                       const char* key,
                                       const std::string& row_key);

// Those rows whose keys are not `excluded`.
std::vector<const DataRow*> rows_except(const std::vector<const DataRow*>& rows,
                                        const char* key,
                                        const std::vector<std::string>& excluded);
std::vector<const DataRow*> pointers_to(const std::vector<DataRow>& rows);

}  // namespace retmask::eval::helmet
