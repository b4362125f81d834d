// The emulation runs right kernels and finds each kind of fault.

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
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

// Element (row, column) of a matrix in the registers of PTX's mma.m16n8k16, as the tables of the
// PTX ISA place them: 9.7.15.5.8, "Matrix Fragments for mma.m16n8k16 with floating point type".
struct Place {
  size_t lane;
  size_t element;  // of the lane's
};
Place place_in_a(size_t row, size_t column) {
  return {row % 8 * 4 + column % 8 / 2, column % 2 + row / 8 * 2 + column / 8 * 4};
}
Place place_in_b(size_t row, size_t column) {
  return {column * 4 + row % 8 / 2, row % 2 + row / 8 * 2};
}
Place place_in_d(size_t row, size_t column) {
  return {row % 8 * 4 + column / 2, column % 2 + row / 8 * 2};
}

TEST(CudaEmulation, MultipliesOnTensorCores) {
  std::vector<uint32_t> a(4 * 32), b(2 * 32);
  const auto put = [](std::vector<uint32_t>& registers, Place place, int value) {
    const uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(value)) >> 16;
    registers[place.element / 2 * 32 + place.lane] |= bits << (place.element % 2 * 16);
  };
  const auto left = [](size_t row, size_t k) { return static_cast<int>(row * 5 + k * 3) % 17 - 8; };
  const auto right = [](size_t k, size_t column) {
    return static_cast<int>(k * 7 + column * 11) % 13 - 6;
  };
  for (size_t row = 0; row < 16; ++row)
    for (size_t k = 0; k < 16; ++k) put(a, place_in_a(row, k), left(row, k));
  for (size_t k = 0; k < 16; ++k)
    for (size_t column = 0; column < 8; ++column) put(b, place_in_b(k, column), right(k, column));
  DeviceArray<uint32_t> device_a(a), device_b(b);
  DeviceArray<float> d(4 * 32);
  multiply(device_a.data(), device_b.data(), d.data(), /*by_all_lanes=*/true);
  const std::vector<float> found = d.values();
  for (size_t row = 0; row < 16; ++row) {
    for (size_t column = 0; column < 8; ++column) {
      int expected = 1;
      for (size_t k = 0; k < 16; ++k) expected += left(row, k) * right(k, column);
      const Place place = place_in_d(row, column);
      EXPECT_EQ(found[place.element * 32 + place.lane], static_cast<float>(expected))
          << row << ", " << column;
    }
  }
  multiply(device_a.data(), device_b.data(), d.data(), /*by_all_lanes=*/false);
  EXPECT_THROW(d.values(), std::runtime_error);
}

}  // namespace
}  // namespace retmask::testing
