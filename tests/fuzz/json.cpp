#include "attnviz/batch.h"
#include "attnviz/file.h"
#include "attnviz/snapshot.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "run/batch_index.h"
#include "run/batch_text.h"

namespace attnviz::fuzz {
namespace {

void read_lines(const std::filesystem::path& path) {
  for (const BatchText& text : list_texts({{path}})) {
    if (std::filesystem::path(text.name).is_absolute()) finding("a name out of the folder");
    for (const auto& part : std::filesystem::path(text.name)) {
      if (part == "..") finding("a name out of the folder");
    }
    allowed_to_fail([&] { (void)read_text(text, 1U << 20U); });
  }
}

}  // namespace

void json(std::string_view bytes) {
  if (bytes.empty()) return;
  const char kind = bytes.front();
  bytes.remove_prefix(1);
  static const FolderInMemory folder;
  const std::filesystem::path path = folder.path() / (kind == 'l' ? "a.jsonl" : "a.json");
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) finding("a file that cannot be written");
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
  allowed_to_fail([&] {
    switch (kind) {
      case 'l':
        return read_lines(path);
      case 's':
        return (void)read_suite(path);
      case 'i':
        return for_each_entry(path, [](IndexEntry&& entry) { (void)to_json(entry); });
      default:
        return (void)read_checkpoint(path);  // an index of sharded weights
    }
  });
}

}  // namespace attnviz::fuzz
