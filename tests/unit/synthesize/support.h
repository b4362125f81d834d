#pragma once
// Files and prompts for the tests of synthesize.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/synthesize/answers.h"
#include "retmask/synthesize/prompts.h"

namespace retmask::synthesize::testing {

namespace fs = std::filesystem;

inline fs::path golden(const std::string& name) { return fs::path(RETMASK_GOLDEN_DIR) / name; }

// A folder of this test alone, removed at its end.
class TemporaryDir {
 public:
  TemporaryDir() {
    std::string pattern = (fs::temp_directory_path() / "retmask-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDir() { fs::remove_all(path_); }
  TemporaryDir(const TemporaryDir&) = delete;
  TemporaryDir& operator=(const TemporaryDir&) = delete;

  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

  // Writes a file, with its parent folders, and returns its path.
  fs::path write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }

 private:
  fs::path path_;
};

// Runs `action`, which must throw a UserError of one line that contains each of `parts`.
inline void expect_user_error(const std::function<void()>& action,
                              const std::vector<std::string>& parts) {
  try {
    action();
    ADD_FAILURE() << "no error, expected one with \"" << parts.front() << "\"";
  } catch (const UserError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const std::string& part : parts) {
      EXPECT_NE(message.find(part), std::string::npos)
          << "\"" << part << "\" is not in: " << message;
    }
  }
}

inline Prompt prompt(const std::string& id, const std::string& content = "What?") {
  return {.id = id,
          .messages = Json::array({{{"role", "user"}, {"content", content}}}),
          .redacted = false,
          .where = id + ".jsonl:1"};
}

inline std::vector<std::string> ids(const std::vector<Prompt>& prompts) {
  std::vector<std::string> all;
  for (const Prompt& prompt : prompts) all.push_back(prompt.id);
  return all;
}

inline Answer answer(const std::string& text, int64_t tokens = 3, Ending ending = Ending::stop) {
  return {.text = text, .tokens = tokens, .ending = ending, .mean_logprob = -0.5};
}

}  // namespace retmask::synthesize::testing
