#pragma once
// The tiny random Llama as a subject of the suites.

#include "retmask/base/file.h"
#include "retmask/eval/subject.h"
#include "unit/support/tiny_model.h"

namespace retmask::eval {

class TinySubjectTest : public testing::TinyModelTest {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    write_file_atomic(dir_ / name, text);
    return dir_ / name;
  }

  Subject subject(std::vector<Head> masked = {}) const {
    return {model_, *tokenizer_, std::move(masked), checkpoint_.eos_token_ids()};
  }
};

}  // namespace retmask::eval
