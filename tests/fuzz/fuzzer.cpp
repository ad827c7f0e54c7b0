// What libFuzzer calls. ATTNVIZ_FUZZ names the target.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace attnviz::fuzz;
  static const Target* const chosen = [] {
    const char* name = std::getenv("ATTNVIZ_FUZZ");
    for (const Target& target : kTargets) {
      if (name && std::string_view(name) == target.name) return &target;
    }
    std::fprintf(stderr, "ATTNVIZ_FUZZ names no target\n");
    std::exit(2);
  }();
  chosen->run({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
