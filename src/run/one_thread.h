#pragma once

#include <tbb/task_scheduler_observer.h>

#include <cstddef>
#include <functional>
#include <memory>

namespace attnviz {

/// As long as it lives, the BLAS computes on one thread: some split sums among threads, so that
/// their number changes last bits. LibTorch's own threads, which each have rows of their own, may
/// be as many as there are.
class OneBlasThread {
 public:
  OneBlasThread();
  ~OneBlasThread();
  OneBlasThread(const OneBlasThread&) = delete;
  OneBlasThread& operator=(const OneBlasThread&) = delete;

 private:
  int threads_;
};

/// As long as it lives, LibTorch and the BLAS below it compute on this thread alone, so that the
/// number of threads changes no bit. Measured on two cores, a survey of heads takes less than half
/// of the time so: small products cost less than handing them out.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  OneBlasThread blas_;
  int torch_threads_;
};

/// The same on every thread of an arena: the texts are what is spread over the cores, and a text's
/// numbers depend on no other's.
class OneThreadEach : public tbb::task_scheduler_observer {
 public:
  explicit OneThreadEach(tbb::task_arena& arena);
  ~OneThreadEach() override;
  OneThreadEach(const OneThreadEach&) = delete;
  OneThreadEach& operator=(const OneThreadEach&) = delete;

  /// LibTorch's number of threads is one of each thread's.
  void on_scheduler_entry(bool is_worker) override;

 private:
  OneThread one_thread_;
};

/// Calls run(0) to run(n - 1), several at once, each computing on one thread. Whatever one of them
/// throws passes through.
void for_each_on_one_thread(std::size_t n, const std::function<void(std::size_t)>& run);

}  // namespace attnviz
