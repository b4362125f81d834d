#pragma once
// The tiny random Llama with its tokenizer and template, and a folder that goes away with the test.

#include <gtest/gtest.h>
#include <unistd.h>

#include "retmask/base/file.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/eval/subject.h"
#include "retmask/tokenizer/chat_template.h"

namespace retmask::eval {

class TinySubjectTest : public ::testing::Test {
 protected:
  TinySubjectTest()
      : dir_(std::filesystem::temp_directory_path() /
             ("retmask_eval" + std::to_string(::getpid()))),
        checkpoint_(RETMASK_GOLDEN_DIR "/tiny/llama"),
        model_(CausalLm::load(checkpoint_, torch::kCPU, torch::kFloat32)),
        tokenizer_(Tokenizer::load(checkpoint_.dir())) {
    std::filesystem::create_directories(dir_);
  }
  ~TinySubjectTest() override { std::filesystem::remove_all(dir_); }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    write_file_atomic(dir_ / name, text);
    return dir_ / name;
  }

  Subject subject(std::vector<Head> masked = {}) const {
    return {model_, *tokenizer_, std::move(masked), checkpoint_.eos_token_ids()};
  }

  std::filesystem::path dir_;
  Checkpoint checkpoint_;
  CausalLm model_;
  std::unique_ptr<const Tokenizer> tokenizer_;
};

}  // namespace retmask::eval
