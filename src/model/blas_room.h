#pragma once

namespace attnviz {

/// OpenBLAS takes 128 MiB of address space for the first product of each thread, and where it gets
/// none, asks again for ever. Throws std::bad_alloc where the process has a limit (ulimit -v) that
/// leaves it none; where there is no limit, looks at nothing.
void require_blas_room();

}  // namespace attnviz
