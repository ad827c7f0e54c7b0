#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>

#include "attnviz/batch.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "run/batch_text.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

/// As tar has it: below the output folder whatever the path says, `../a/b.txt` as `a/b`.
std::string name_of(const fs::path& path) {
  fs::path name;
  for (const fs::path& part : path.lexically_normal().relative_path()) {
    if (part != "..") name /= part;
  }
  return name.replace_extension().string();
}

std::string numbered(const std::string& name, std::int64_t line) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "_%06ld", static_cast<long>(line));
  return name + digits;
}

void require_name(const BatchText& text) {
  const fs::path name = text.name;
  const bool is_path = !name.has_root_path() && name.has_filename() &&
                       std::none_of(name.begin(), name.end(), [](const fs::path& part) {
                         return part == ".." || part == ".";
                       });
  if (!is_path || text.name.find('\0') != std::string::npos) {
    throw UsageError(input_of(text) + ": \"" + text.name +
                     "\" is no name for files; give one below the output folder");
  }
}

/// A line's own name, where it is JSON that has one; what else is wrong with it is found when it is
/// read.
std::string name_of_line(const std::string& line, const std::string& file_name) {
  const std::optional<std::string> prefix = prefix_of_json(line);
  return prefix ? (fs::path(file_name).parent_path() / *prefix).string() : "";
}

class Lister {
 public:
  explicit Lister(const BatchInputs& inputs) : inputs_(inputs) {}

  std::vector<BatchText> list() {
    for (const fs::path& path : inputs_.paths) {
      std::error_code error;
      if (path == "-") {
        add_held(path, "stdin", {std::istreambuf_iterator<char>(std::cin), {}});
      } else if (fs::is_directory(path, error)) {
        for (const fs::path& file : files_below(path, inputs_.globs)) {
          add_file(path / file, name_of(file));
        }
      } else if (fs::is_fifo(path, error)) {
        add_held(path, name_of(path), read_file(path));
      } else {
        add_file(path, name_of(path));
      }
    }
    require_different_names();
    return std::move(texts_);
  }

 private:
  [[nodiscard]] bool has_lines(const fs::path& path) const {
    return inputs_.per_line || path.extension() == ".jsonl";
  }

  void add_held(const fs::path& path, const std::string& name, std::string bytes) {
    const auto source = std::make_shared<BatchSource>(BatchSource{path, std::move(bytes)});
    if (!has_lines(path)) return add(source, name, 0, 0, source->held->size());
    std::istringstream in(*source->held);
    add_lines(source, name, in);
  }

  void add_file(const fs::path& path, const std::string& name) {
    const auto source = std::make_shared<BatchSource>(BatchSource{path, std::nullopt});
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    if (!has_lines(path)) return add(source, name, 0, 0, error ? 0 : size);
    std::ifstream in(path, std::ios::binary);
    if (!in) return add(source, name, 0, 0, 0);
    add_lines(source, name, in);
  }

  void add_lines(const std::shared_ptr<const BatchSource>& source, const std::string& name,
                 std::istream& in) {
    std::uintmax_t offset = 0;
    std::int64_t number = 0;
    for (std::string line; std::getline(in, line);) {
      const std::uintmax_t start = offset;
      offset += line.size() + 1;
      ++number;
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.empty()) continue;
      const bool is_json = source->path.extension() == ".jsonl";
      const std::string own = is_json ? name_of_line(line, name) : "";
      add(source, own.empty() ? numbered(name, number) : own, number, start, line.size());
      texts_.back().is_json = is_json;
    }
  }

  void add(const std::shared_ptr<const BatchSource>& source, const std::string& name,
           std::int64_t line, std::uintmax_t offset, std::uintmax_t size) {
    texts_.push_back({name, source, line, offset, size});
    require_name(texts_.back());
  }

  void require_different_names() const {
    std::map<std::string_view, const BatchText*> seen;
    for (const BatchText& text : texts_) {
      const auto [other, is_new] = seen.emplace(text.name, &text);
      if (is_new) continue;
      throw UsageError(input_of(*other->second) + " and " + input_of(text) +
                       " would both write to " + text.name +
                       "_...; rename one, or run them into folders of their own");
    }
  }

  const BatchInputs& inputs_;
  std::vector<BatchText> texts_;
};

}  // namespace

std::vector<BatchText> list_texts(const BatchInputs& inputs) {
  return Lister(inputs).list();
}

}  // namespace attnviz
