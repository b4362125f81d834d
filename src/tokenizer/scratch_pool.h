#pragma once
// A pool of scratch memory that is reused across calls, each object used by one thread at a time.

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace retmask::text {

template <typename T>
class ScratchPool {
 public:
  // Returned to the pool on destruction.
  class Loan {
   public:
    Loan(const ScratchPool& pool, std::unique_ptr<T> item) : pool_(pool), item_(std::move(item)) {}
    ~Loan() { pool_.give_back(std::move(item_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    T& operator*() const { return *item_; }

   private:
    const ScratchPool& pool_;
    std::unique_ptr<T> item_;
  };

  Loan borrow() const {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return Loan(*this, std::make_unique<T>());
    std::unique_ptr<T> item = std::move(free_.back());
    free_.pop_back();
    return Loan(*this, std::move(item));
  }

 private:
  void give_back(std::unique_ptr<T> item) const {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(item));
  }

  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<T>> free_;
};

}  // namespace retmask::text
