#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace attnviz {

/// Lets in no more than it has room for.
class MemoryGate {
 public:
  explicit MemoryGate(std::uint64_t room) : room_(room), free_(room) {}

  [[nodiscard]] std::uint64_t room() const { return room_; }

  bool try_enter(std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    if (size > free_) return false;
    free_ -= size;
    return true;
  }

  void leave(std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    free_ += size;
    left_.notify_all();
  }

  /// Until there is room for that much.
  void wait_for(std::uint64_t size) {
    std::unique_lock lock(mutex_);
    left_.wait(lock, [&] { return free_ >= size; });
  }

 private:
  const std::uint64_t room_;
  std::uint64_t free_;
  std::mutex mutex_;
  std::condition_variable left_;
};

}  // namespace attnviz
