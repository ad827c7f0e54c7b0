#include "load_commands.h"

#include <dlfcn.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "attnviz/error.h"

namespace attnviz::cli {
namespace {

/// LibTorch's own dependencies, first. A library looks for its symbols in everything that is loaded
/// with it: opened one by one, each looks in its own few. Of Debian's LibTorch, with its 285
/// libraries, that takes a fifth of the time away. One that is not there is found missing below.
void load_dependencies() {
  std::istringstream libraries(ATTNVIZ_LIBTORCH_NEEDS);
  for (std::string library; libraries >> library;) {
    ::dlopen(library.c_str(), RTLD_LAZY);
  }
}

/// Threads of OpenBLAS that have nothing to do give the processor back at once: else they keep it
/// for a tenth of a second, from the moment they are loaded.
void let_threads_rest() {
  ::setenv("OPENBLAS_THREAD_TIMEOUT", "4", /*overwrite=*/0);
}

/// Bytes of address space that ulimit -v allows; none: as many as there are.
std::optional<rlim_t> allowed_memory() {
  rlimit most{};
  if (::getrlimit(RLIMIT_AS, &most) != 0 || most.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return most.rlim_cur;
}

FileError not_loaded(const std::string& reason) {
  const auto allowed = allowed_memory();
  if (!allowed) return FileError("attnviz is not whole" + reason + "; install it again");
  return FileError("attnviz does not fit into the " + std::to_string(*allowed / 1'000'000) +
                   " MB of memory that ulimit -v allows" + reason + "; allow 3 GB");
}

/// OpenBLAS, as it is loaded, asks for its buffers again and again until it gets them (0.3.29 does
/// so for ever), and LibTorch ends the program: less than this holds neither.
void require_room() {
  constexpr rlim_t kLeast = 900'000'000;
  if (allowed_memory().value_or(kLeast) < kLeast) throw not_loaded("");
}

}  // namespace

const command::Commands& load_commands() {
  const auto start = std::chrono::steady_clock::now();
  require_room();
  let_threads_rest();
  load_dependencies();
  void* module = ::dlopen("attnviz-commands.so", RTLD_LAZY);
  void* function = module == nullptr ? nullptr : ::dlsym(module, command::kGetCommands);
  if (function == nullptr) {
    throw not_loaded(std::string(": ") + ::dlerror());
  }
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  return *reinterpret_cast<command::GetCommands*>(function)(
      {spdlog::default_logger(), time.count()});
}

}  // namespace attnviz::cli
