#include <ATen/ATen.h>

#include "attnviz/checkpoint.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "text/utf8.h"

namespace attnviz::fuzz {

void numpy(std::string_view bytes) {
  // Deflate makes of a byte at most 1,032; u2 and u4 are kept in twice their bytes.
  constexpr std::size_t kMostOfAByte = 2 * 1032;
  const FileInMemory file(bytes);
  allowed_to_fail([&] {
    const NumpyFile read = read_numpy(file.path());
    std::size_t total = 0;
    for (const NamedTensor& tensor : read.tensors) {
      if (!tensor.values.is_contiguous()) finding("a tensor that is not contiguous");
      total += tensor.values.nbytes();
      (void)tensor.values.to(at::kDouble).sum();  // each number can be read
    }
    for (const auto& [name, texts] : read.texts) {
      for (const std::string& text : texts) {
        if (text::valid_prefix(text) != text.size()) finding("a text that is no UTF-8");
        total += text.size();
      }
    }
    if (total > bytes.size() * kMostOfAByte) finding("more than the file's bytes can become");
  });
}

}  // namespace attnviz::fuzz
