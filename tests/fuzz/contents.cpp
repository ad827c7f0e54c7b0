#include "attnviz/contents.h"

#include "fuzz/archive.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"

namespace attnviz::fuzz {

void contents(std::string_view bytes) {
  const std::size_t middle = std::min(bytes.find('\0'), bytes.size());
  const std::string_view code = bytes.substr(0, middle);
  const std::string_view pickle = bytes.substr(std::min(middle + 1, bytes.size()));
  FileInMemory file;
  write_archive(file, {{"code/__torch__.py", code},
                       {"data.pkl", pickle},
                       {"constants.pkl", "\x80\x02)."},  // an empty tuple
                       {"data/0", some_numbers()}});
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
