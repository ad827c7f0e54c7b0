#include <ATen/ATen.h>

#include "attnviz/checkpoint.h"
#include "attnviz/snapshot.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"

namespace attnviz::fuzz {

void safetensors(std::string_view bytes) {
  const FileInMemory file(bytes);
  allowed_to_fail([&] {
    std::size_t total = 0;
    for (const NamedTensor& tensor : read_safetensors(file.path()).tensors) {
      if (!tensor.values.is_contiguous()) finding("a tensor that is not contiguous");
      total += tensor.values.nbytes();
    }
    if (total > bytes.size()) finding("more numbers than the file has bytes");
  });
  allowed_to_fail([&] { (void)read_snapshot(file.path()); });
}

}  // namespace attnviz::fuzz
