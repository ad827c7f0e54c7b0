#include "model/blas_room.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <cstddef>
#include <new>

namespace attnviz {

void require_blas_room() {
  constexpr std::size_t kRoom = std::size_t{144} << 20U;  // its buffer, and what comes beside it
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  void* const room =
      ::mmap(nullptr, kRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  ::munmap(room, kRoom);
}

}  // namespace attnviz
