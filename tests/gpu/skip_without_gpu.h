#pragma once
// For tests that need a GPU: they say that they did not run.

#include <gtest/gtest.h>
#include <torch/torch.h>

#define RETMASK_SKIP_WITHOUT_GPU() \
  if (!torch::cuda::is_available()) GTEST_SKIP() << "SKIPPED: no CUDA device here"
