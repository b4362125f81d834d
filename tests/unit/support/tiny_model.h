#pragma once
// A fixture with the tiny random Llama, its tokenizer and template, and a folder of its own.

#include <gtest/gtest.h>

#include <memory>

#include "retmask/tokenizer/chat_template.h"
#include "retmask/tokenizer/tokenizer.h"
#include "unit/support/golden.h"
#include "unit/support/temp_dir.h"

namespace retmask::testing {

class TinyModelTest : public ::testing::Test {
 protected:
  const TempDir dir_;
  const Checkpoint checkpoint_{golden_dir() / "tiny" / "llama"};
  const InferenceLm model_ = load_tiny_for_inference("llama");
  const std::unique_ptr<const Tokenizer> tokenizer_ = Tokenizer::load(checkpoint_.dir());
  const std::unique_ptr<const ChatTemplate> template_ = ChatTemplate::load(checkpoint_.dir());
};

}  // namespace retmask::testing
