#include "attnviz/batch.h"
#include "attnviz/checkpoint.h"
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
  const std::filesystem::path path = write_in_memory(kind == 'l' ? "a.jsonl" : "a.json", bytes);
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
