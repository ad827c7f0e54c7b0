#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>

#include "attnviz/checkpoint.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"

namespace attnviz::fuzz {

void pickle(std::string_view bytes) {
  FileInMemory file;
  {
    caffe2::serialize::PyTorchStreamWriter archive([&](const void* data, std::size_t size) {
      file.write({static_cast<const char*>(data), size});
      return size;
    });
    archive.writeRecord("data.pkl", bytes.data(), bytes.size());
    const float numbers[16] = {1, 2, 3, 4};
    archive.writeRecord("data/0", numbers, sizeof numbers);
    archive.writeEndOfFile();
  }
  allowed_to_fail([&] {
    for (const NamedTensor& tensor : read_checkpoint(file.path()).tensors) {
      if (!tensor.values.is_contiguous()) finding("a tensor that is not contiguous");
      (void)tensor.values.to(at::kDouble).sum();  // each number can be read
    }
  });
}

}  // namespace attnviz::fuzz
