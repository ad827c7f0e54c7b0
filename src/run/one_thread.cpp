#include "run/one_thread.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

namespace attnviz {
namespace {

/// OpenBLAS's own, where that is the BLAS below LibTorch (Debian's); null elsewhere.
template <typename Function>
Function* of_openblas(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

int blas_threads() {
  const auto get = of_openblas<int()>("openblas_get_num_threads");
  return get == nullptr ? 0 : get();
}

void set_blas_threads(int n) {
  const auto set = of_openblas<void(int)>("openblas_set_num_threads");
  if (set != nullptr && n > 0) set(n);
}

}  // namespace

OneBlasThread::OneBlasThread() : threads_(blas_threads()) {
  set_blas_threads(1);
}

OneBlasThread::~OneBlasThread() {
  set_blas_threads(threads_);
}

OneThread::OneThread() : torch_threads_(at::get_num_threads()) {
  at::set_num_threads(1);
}

OneThread::~OneThread() {
  at::set_num_threads(torch_threads_);
}

OneThreadEach::OneThreadEach(tbb::task_arena& arena) : tbb::task_scheduler_observer(arena) {
  observe(true);
}

OneThreadEach::~OneThreadEach() {
  observe(false);
}

void OneThreadEach::on_scheduler_entry(bool) {
  at::set_num_threads(1);
}

void for_each_on_one_thread(std::size_t n, const std::function<void(std::size_t)>& run) {
  tbb::task_arena arena;
  const OneThreadEach one_thread_each(arena);
  arena.execute([&] { tbb::parallel_for(std::size_t{0}, n, run); });
}

}  // namespace attnviz
