#include "attnviz/contents.h"

#include <caffe2/serialize/inline_container.h>

#include "fuzz/input.h"
#include "fuzz/targets.h"

namespace attnviz::fuzz {

void contents(std::string_view bytes) {
  const std::size_t middle = std::min(bytes.find('\0'), bytes.size());
  const std::string_view code = bytes.substr(0, middle);
  const std::string_view pickle = bytes.substr(std::min(middle + 1, bytes.size()));
  FileInMemory file;
  {
    caffe2::serialize::PyTorchStreamWriter archive([&](const void* data, std::size_t size) {
      file.write({static_cast<const char*>(data), size});
      return size;
    });
    constexpr std::string_view kNone = "\x80\x02).";  // an empty tuple
    archive.writeRecord("code/__torch__.py", code.data(), code.size());
    archive.writeRecord("data.pkl", pickle.data(), pickle.size());
    archive.writeRecord("constants.pkl", kNone.data(), kNone.size());
    const float numbers[16] = {1, 2, 3, 4};
    archive.writeRecord("data/0", numbers, sizeof numbers);
    archive.writeEndOfFile();
  }
  allowed_to_fail([&] {
    const ModelContents read = read_model_contents(file.path());
    if (read.file_size == 0) finding("a file without bytes");
    // Where no disguise is needed, at least.
    const bool saves = code.find("torch.save(") != std::string_view::npos;
    if (saves && code.find_first_of("#\"'\\") == std::string_view::npos && read.effects.empty()) {
      finding("an effect that was not seen");
    }
  });
}

}  // namespace attnviz::fuzz
