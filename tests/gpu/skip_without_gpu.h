#pragma once
// Skips a test that needs a GPU, with a message.

#include <gtest/gtest.h>
#include <torch/cuda.h>

#define RETMASK_SKIP_WITHOUT_GPU() \
  if (!torch::cuda::is_available()) GTEST_SKIP() << "SKIPPED: no CUDA device here"
