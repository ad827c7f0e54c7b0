#include <ATen/ATen.h>
#include "attnviz/checkpoint.h"
#include "fuzz/archive.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"

namespace attnviz::fuzz {

void pickle(std::string_view bytes) {
  FileInMemory file;
  write_archive(file, {{"data.pkl", bytes}, {"data/0", some_numbers()}});
  allowed_to_fail([&] {
    for (const NamedTensor& tensor : read_checkpoint(file.path()).tensors) {
      if (!tensor.values.is_contiguous()) finding("a tensor that is not contiguous");
      (void)tensor.values.to(at::kDouble).sum();  // each number can be read
    }
  });
}

}  // namespace attnviz::fuzz
