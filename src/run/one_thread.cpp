#include "run/one_thread.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

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

OneThreadEach::OneThreadEach(tbb::task_arena& arena)
    : tbb::task_scheduler_observer(arena),
      torch_threads_(at::get_num_threads()),
      blas_threads_(blas_threads()) {
  set_blas_threads(1);
  observe(true);
}

OneThreadEach::~OneThreadEach() {
  observe(false);
  set_blas_threads(blas_threads_);
  at::set_num_threads(torch_threads_);
}

void OneThreadEach::on_scheduler_entry(bool) {
  at::set_num_threads(1);
}

}  // namespace attnviz
