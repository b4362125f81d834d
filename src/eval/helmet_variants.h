#pragma once
// Files of other sizes than HELMET's, found by their names.

#include <string>
#include <vector>

#include "helmet_data.h"
#include "helmet_task.h"

namespace retmask::eval::helmet {

struct Variant {
  std::string name = {};       // "k5a"
  std::string test_file = {};  // relative to the data folder
  std::string demo_file = {};  // empty: the task's own
};

// Those of the task's test file, by name; none if the folder has any of HELMET's sizes.
std::vector<Variant> find_variants(const Task& task, const DataFolder& data);

}  // namespace retmask::eval::helmet
