#include "cuda_emulation/block.h"

#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>
#include <vector>

#include "cuda_emulation/access_log.h"

namespace retmask::cuda_emulation {
namespace {

constexpr unsigned kAllLanes = 0xffffffffU;
constexpr size_t kStackBytes = 64 << 10;

alignas(16) char dynamic_memory[kMaxDynamicBytes];

enum class State { kReady, kAtWarp, kAtBlock, kDone };

// A fiber. It is made once and runs the kernel of block after block.
struct Thread {
  explicit Thread(int in_number) : number(in_number) {}
  int number;
  State state = State::kReady;
  bool is_started = false;
  void* paused[5] = {};  // of __builtin_setjmp
  std::unique_ptr<char[]> stack{new char[kStackBytes]};
};

struct Warp {
  int waiting = 0;
  uint32_t operations = 0;
  uint32_t epoch = 0;
  // Of the lanes, in turns: the next operation may start before all have read this one's.
  uint64_t values[2][32] = {};
};

struct Grid {
  Extent extent;
  Extent block;
  Extent index;  // of the block that runs
  int num_threads = 0;
  void (*kernel)(const void*) = nullptr;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  Thread* thread = nullptr;  // that runs
  RunningThread running;
  void* scheduler[5] = {};
  std::string fault;
};
Grid grid;

// Registers are saved and restored by the compiler: a switch takes a few nanoseconds, and
// swapcontext a system call.
[[noreturn, gnu::noinline]] void jump(void** where) { __builtin_longjmp(where, 1); }

[[gnu::noinline]] void pause(State state) {
  grid.thread->state = state;
  if (__builtin_setjmp(grid.thread->paused) == 0) jump(grid.scheduler);
}

void run_thread() {
  for (;;) {
    grid.kernel(grid.running.parameters.begin);
    pause(State::kDone);
  }
}

void start(Thread& thread) {
  thread.is_started = true;
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = thread.stack.get();
  context.uc_stack.ss_size = kStackBytes;
  makecontext(&context, run_thread, 0);
  setcontext(&context);
}

[[gnu::noinline]] void resume(Thread& thread) {
  grid.thread = &thread;
  grid.running.position.thread = thread.number;
  grid.running.position.warp_epoch = grid.warps[static_cast<size_t>(thread.number / 32)].epoch;
  grid.running.stack = {thread.stack.get(), kStackBytes};
  if (__builtin_setjmp(grid.scheduler) == 0) {
    if (thread.is_started) jump(thread.paused);
    start(thread);
  }
  grid.thread = nullptr;
}

Warp& own_warp() { return grid.warps[static_cast<size_t>(grid.thread->number / 32)]; }

// Waits for all lanes.
void meet(unsigned mask, bool orders_memory) {
  if (mask != kAllLanes) fail("a warp operation of some lanes is not emulated");
  Warp& warp = own_warp();
  if (++warp.waiting < 32) return pause(State::kAtWarp);
  warp.waiting = 0;
  ++warp.operations;
  if (orders_memory) grid.running.position.warp_epoch = ++warp.epoch;
  const auto first = static_cast<size_t>(grid.thread->number / 32 * 32);
  for (size_t lane = 0; lane < 32; ++lane) grid.threads[first + lane].state = State::kReady;
}

// The values that all lanes brought.
const uint64_t* gather(unsigned mask, uint64_t value) {
  Warp& warp = own_warp();
  uint64_t* const values = warp.values[warp.operations % 2];
  values[lane()] = value;
  meet(mask, /*orders_memory=*/false);
  return values;
}

void record(const std::string& fault) {
  const auto text = [](Extent at) {
    return "(" + std::to_string(at.x) + ", " + std::to_string(at.y) + ", " + std::to_string(at.z) +
           ")";
  };
  grid.fault = "block " + text(grid.index) + ", thread " +
               (grid.thread == nullptr ? "-" : std::to_string(grid.thread->number)) + ": " + fault;
}

// Runs the threads of a warp until each is done or at a barrier of the block.
void run_warp(size_t warp) {
  const auto begin = grid.threads.begin() + static_cast<std::ptrdiff_t>(warp * 32);
  for (bool is_running = true; is_running;) {
    is_running = false;
    for (auto thread = begin; thread != begin + 32; ++thread) {
      if (thread->state != State::kReady) continue;
      is_running = true;
      resume(*thread);
      if (!grid.fault.empty()) return;
    }
  }
  if (grid.warps[warp].waiting > 0) {
    record("only " + std::to_string(grid.warps[warp].waiting) + " lanes of warp " +
           std::to_string(warp) + " reach a warp operation");
  }
}

void run_block() {
  const auto threads = static_cast<size_t>(grid.num_threads);
  grid.running.first_block_epoch = grid.running.position.block_epoch + 1;
  for (;;) {
    ++grid.running.position.block_epoch;
    for (size_t i = 0; i < threads; ++i) grid.threads[i].state = State::kReady;
    for (size_t warp = 0; warp < threads / 32; ++warp) {
      run_warp(warp);
      if (!grid.fault.empty()) return;
    }
    size_t done = 0;
    for (size_t i = 0; i < threads; ++i) done += grid.threads[i].state == State::kDone ? 1 : 0;
    if (done == threads) return;
    if (done > 0) {
      return record(std::to_string(done) + " of " + std::to_string(threads) +
                    " threads never reach a barrier of the block");
    }
  }
}

}  // namespace

Extent thread_index() {
  const auto number = static_cast<unsigned>(grid.thread->number);
  return {number % grid.block.x,
          number / grid.block.x % grid.block.y,
          number / grid.block.x / grid.block.y};
}
Extent block_index() { return grid.index; }
Extent block_extent() { return grid.block; }
Extent grid_extent() { return grid.extent; }
int lane() { return grid.thread->number % 32; }

void sync_block() { pause(State::kAtBlock); }
void sync_warp(unsigned mask) { meet(mask, /*orders_memory=*/true); }
unsigned ballot(unsigned mask, bool vote) {
  const uint64_t* votes = gather(mask, vote ? 1 : 0);
  unsigned set = 0;
  for (int i = 0; i < 32; ++i) set |= static_cast<unsigned>(votes[i]) << i;
  return set;
}
uint64_t exchange(unsigned mask, uint64_t value, int source) { return gather(mask, value)[source]; }

void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  uint64_t words[6][32];
  for (int i = 0; i < 6; ++i) std::copy_n(gather(kAllLanes, i < 4 ? a[i] : b[i - 4]), 32, words[i]);
  const auto element = [](uint64_t pair, int which) {
    const auto bits = static_cast<uint32_t>(which == 0 ? pair << 16 : pair & 0xffff0000U);
    return std::bit_cast<float>(bits);
  };
  for (int i = 0; i < 4; ++i) {
    const int row = lane() / 4 + i / 2 * 8;
    const int column = lane() % 4 * 2 + i % 2;
    for (int k = 0; k < 16; ++k) {
      const int pair = k % 8 / 2;  // among the lanes of a row of a, or of a column of b
      const uint64_t left = words[row / 8 + k / 8 * 2][row % 8 * 4 + pair];
      const uint64_t right = words[4 + k / 8][column * 4 + pair];
      d[i] += element(left, k % 2) * element(right, k % 2);
    }
  }
}

void* dynamic_shared() { return dynamic_memory; }

const RunningThread* running_thread() { return grid.thread == nullptr ? nullptr : &grid.running; }

void fail(const std::string& fault) {
  record(fault);
  jump(grid.scheduler);
}

void run_grid(Extent extent,
              Extent block,
              size_t dynamic_bytes,
              void (*kernel)(const void* parameters),
              Memory parameters) {
  if (!grid.fault.empty()) return;
  grid.extent = extent;
  grid.block = block;
  grid.num_threads = static_cast<int>(block.x * block.y * block.z);
  if (grid.num_threads % 32 != 0 || grid.num_threads > 1024)
    return record(std::to_string(grid.num_threads) + " threads per block are not emulated");
  if (dynamic_bytes > kMaxDynamicBytes)
    return record(std::to_string(dynamic_bytes) + " bytes of shared memory are too many");
  grid.kernel = kernel;
  grid.running.parameters = parameters;
  grid.running.dynamic = {dynamic_memory, dynamic_bytes};
  while (static_cast<int>(grid.threads.size()) < grid.num_threads)
    grid.threads.emplace_back(static_cast<int>(grid.threads.size()));
  grid.warps.resize(grid.threads.size() / 32);
  for (unsigned z = 0; z < extent.z; ++z) {
    for (unsigned y = 0; y < extent.y; ++y) {
      for (unsigned x = 0; x < extent.x; ++x) {
        grid.index = {x, y, z};
        run_block();
        if (!grid.fault.empty()) return;
      }
    }
  }
}

std::string take_fault() {
  if (!grid.fault.empty()) {  // the fibers stopped in the middle
    grid.threads.clear();
    grid.warps.clear();
  }
  return std::exchange(grid.fault, {});
}

}  // namespace retmask::cuda_emulation
