// The emulation runs right kernels and finds each kind of fault.

#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>

#include "cuda_emulation/test_kernels.h"
#include "gpu/kernel_check/device_array.h"

namespace retmask::testing {
namespace {

std::vector<int> numbers() {
  std::vector<int> values(kThreads);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

// numbers() after a kernel.
template <typename Launch>
std::vector<int> after(const Launch& launch) {
  DeviceArray<int> data(numbers());
  launch(data.data());
  return data.values();
}

template <typename Launch>
std::string fault_of(const Launch& launch) {
  try {
    after(launch);
  } catch (const std::runtime_error& fault) {
    return fault.what();
  }
  return "none";
}

void expect_fault(const std::string& found, const std::string& expected) {
  EXPECT_NE(found.find(expected), std::string::npos) << found;
}

template <typename Source>
std::vector<int> mapped(const Source& source) {
  std::vector<int> values;
  for (int i = 0; i < kThreads; ++i) values.push_back(source(i));
  return values;
}

TEST(CudaEmulation, FindsARaceBetweenWarps) {
  EXPECT_EQ(after([](int* data) { rotate_by_a_warp(data, true); }),
            mapped([](int i) { return (i + 32) % kThreads; }));
  expect_fault(fault_of([](int* data) { rotate_by_a_warp(data, false); }),
               "block (0, 0, 0), thread 32: race on shared memory: it writes");
}

TEST(CudaEmulation, FindsARaceWithinAWarp) {
  const auto next = mapped([](int i) { return i / 32 * 32 + (i + 1) % 32; });
  EXPECT_EQ(after([](int* data) { rotate_by_a_lane(data, true); }), next);
  expect_fault(fault_of([](int* data) { rotate_by_a_lane(data, false); }), "race on shared memory");
  EXPECT_EQ(after([](int* data) { shuffle_by_a_lane(data, true); }), next);
}

TEST(CudaEmulation, FindsAWriteAfterReads) {
  for (int writer = 0; writer < 32; ++writer) {
    const auto run = [&](bool have_warp_sync) {
      return [=](int* data) { read_then_write(data, {32, writer, have_warp_sync}); };
    };
    EXPECT_EQ(after(run(true))[31], 7);
    expect_fault(fault_of(run(false)), "thread " + std::to_string(writer) + ": race");
  }
  // A warp's own barrier does not order it after another warp.
  expect_fault(fault_of([](int* data) {
                 read_then_write(data, {64, 32, true});
               }),
               "thread 32: race");
}

TEST(CudaEmulation, AtomicsDoNotRace) {
  EXPECT_EQ(after([](int* data) { count_twice(data, Count::kAtomic); }),
            std::vector<int>(kThreads, 2));
  expect_fault(fault_of([](int* data) { count_twice(data, Count::kPlain); }), "race");
  expect_fault(fault_of([](int* data) { count_twice(data, Count::kAtomicWithoutBarrier); }),
               "thread 31: race on shared memory: it reads");
}

TEST(CudaEmulation, FindsReadsOfWhatTheBlockDidNotWrite) {
  // Another block's value is still there.
  EXPECT_EQ(after([](int* data) { read_of_nobody(data, true); }), numbers());
  expect_fault(fault_of([](int* data) { read_of_nobody(data, false); }),
               "thread 40: it reads shared memory that was not written");
}

TEST(CudaEmulation, FindsBarriersThatNotAllThreadsReach) {
  EXPECT_EQ(after([](int* data) { barrier_of_some(data, true); }), numbers());
  expect_fault(fault_of([](int* data) { barrier_of_some(data, false); }),
               "32 of 64 threads never reach a barrier");
  expect_fault(fault_of([](int* data) { shuffle_by_a_lane(data, false); }),
               "only 31 lanes of warp 0 reach a warp operation");
}

TEST(CudaEmulation, FindsAccessesOutsideOfMemory) {
  EXPECT_EQ(after([](int* data) { read_next(data, 63); })[0], 63);
  expect_fault(fault_of([](int* data) { read_next(data, kThreads); }), "reads 4 bytes");
  expect_fault(fault_of([](int* data) { read_next(data, -1); }), "reads 4 bytes");
  EXPECT_EQ(after([](int* data) { read_dynamic(data, kThreads); }), numbers());
  expect_fault(fault_of([](int* data) { read_dynamic(data, kThreads - 1); }),
               "thread 63: it writes 4 bytes");
}

TEST(CudaEmulation, FindsMisalignedVectors) {
  EXPECT_EQ(after([](int* data) { load_vector_from(data, 8, data); })[0], 11);
  expect_fault(fault_of([](int* data) { load_vector_from(data, 2, data); }), "no multiple of 16");
}

TEST(CudaEmulation, RunsBlocksOfThreeDimensions) {
  DeviceArray<int> data(numbers());
  DeviceArray<int> sums(3);
  reduce_each_block(data.data(), sums.data());
  EXPECT_EQ(sums.values(), (std::vector<int>{2016, 5016, 8016}));
}

}  // namespace
}  // namespace retmask::testing
