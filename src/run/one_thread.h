#pragma once

#include <tbb/task_scheduler_observer.h>

#include <memory>

namespace attnviz {

/// As long as it lives, LibTorch and the BLAS below it compute on the thread that calls them alone:
/// the texts are what is spread over the cores, and a text's numbers depend on no other's.
class OneThreadEach : public tbb::task_scheduler_observer {
 public:
  explicit OneThreadEach(tbb::task_arena& arena);
  ~OneThreadEach() override;
  OneThreadEach(const OneThreadEach&) = delete;
  OneThreadEach& operator=(const OneThreadEach&) = delete;

  /// LibTorch's number of threads is one of each thread's.
  void on_scheduler_entry(bool is_worker) override;

 private:
  int torch_threads_, blas_threads_;
};

}  // namespace attnviz
