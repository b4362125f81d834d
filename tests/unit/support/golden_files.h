#pragma once
// The committed golden files.

#include <cstdlib>
#include <filesystem>
#include <string>

#include "retmask/base/json.h"

namespace retmask::testing {

// RETMASK_GOLDEN_DIR in the environment overrides the checkout that built the test.
inline std::filesystem::path golden_dir() {
  const char* elsewhere = std::getenv("RETMASK_GOLDEN_DIR");
  return elsewhere != nullptr ? elsewhere : RETMASK_GOLDEN_DIR;
}

// A JSON file, by its path in that folder.
inline Json golden_json(const std::string& name) {
  return read_json_file(golden_dir() / name, "golden file");
}

}  // namespace retmask::testing
