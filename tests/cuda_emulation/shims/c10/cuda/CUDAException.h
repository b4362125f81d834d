#pragma once
// In the place of libtorch's header: a launch has run when it returns.

#include "cuda_emulation/block.h"
#include "retmask/base/error.h"

#define C10_CUDA_KERNEL_LAUNCH_CHECK()                                        \
  do {                                                                        \
    const std::string fault = ::retmask::cuda_emulation::take_fault();        \
    if (!fault.empty()) throw ::retmask::InternalError("a kernel: " + fault); \
  } while (false)
