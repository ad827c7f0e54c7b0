#include "text/vocabulary.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "text/alphabet.h"
#include "text/quote.h"
#include "text/vocab_json.h"

namespace attnviz::text {
namespace {

constexpr std::uint32_t kNone = HashIndex::kNone;

/// Ids by name, needed only while loading.
class NameIndex {
 public:
  NameIndex(const std::vector<std::string>& names, const std::filesystem::path& path)
      : names_(names), index_(names.size()) {
    for (std::uint32_t id = 0; id < names.size(); ++id) {
      const std::uint32_t other = index_.add(hash(names[id]), id, Is{names_, names[id]});
      if (other == kNone) continue;
      throw VocabularyError(path.string() + " has the token " + quote(names[id]) +
                            " twice, with the ids " + std::to_string(other) + " and " +
                            std::to_string(id));
    }
  }

  /// The id, or kNone.
  [[nodiscard]] std::uint32_t find(std::string_view name) const {
    return index_.find(hash(name), Is{names_, name});
  }

  [[nodiscard]] std::size_t size() const { return names_.size(); }

  [[nodiscard]] bool has(std::size_t id, std::string_view name) const {
    return id < names_.size() && names_[id] == name;
  }

 private:
  struct Is {
    const std::vector<std::string>& names;
    std::string_view name;
    bool operator()(std::uint32_t id) const { return names[id] == name; }
  };

  static std::uint64_t hash(std::string_view name) { return std::hash<std::string_view>{}(name); }

  const std::vector<std::string>& names_;
  HashIndex index_;
};

/// merges.txt: a first line "#version: …" that may be absent, then "left right", the best first.
class MergeReader {
 public:
  MergeReader(const std::filesystem::path& path, const NameIndex& ids) : path_(path), ids_(ids) {}

  MergeTable read() {
    const std::string text = read_file(path_);
    const auto n_lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    merges_ = MergeTable(n_lines);
    std::string_view rest = text;
    for (line_ = 1; !rest.empty(); ++line_) {
      std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (line.ends_with('\r')) line.remove_suffix(1);
      const bool is_header = line_ == 1 && line.starts_with("#version");
      if (!is_header && !line.empty()) add(line);
    }
    check_count();
    return std::move(merges_);
  }

 private:
  void add(std::string_view line) {
    const std::size_t space = line.find(' ');
    if (space == line.npos || line.find(' ', space + 1) != line.npos) {
      fail("is not two tokens with one space between them: " + quote(line));
    }
    const std::string_view left = line.substr(0, space), right = line.substr(space + 1);
    (joined_ = left) += right;
    const Merge merge{id_of(left), id_of(right), joined_id()};
    if (!merges_.add(merge)) fail("repeats an earlier line: " + quote(line));
  }

  std::uint32_t id_of(std::string_view name) const {
    const std::uint32_t id = ids_.find(name);
    if (id == kNone) {
      fail("needs the token " + quote(name) +
           ", which vocab.json does not have; do the two files belong together?");
    }
    return id;
  }

  /// Merges mostly make tokens in the order of their ids: trying the next one saves a search.
  std::uint32_t joined_id() const {
    const std::size_t guess =
        merges_.size() == 0 ? 256 : std::size_t{merges_[merges_.size() - 1].result} + 1;
    return ids_.has(guess, joined_) ? static_cast<std::uint32_t>(guess) : id_of(joined_);
  }

  /// A file that was cut off at the end of a line would otherwise go unnoticed and give other ids.
  /// Added tokens need no merge, but are few.
  void check_count() const {
    constexpr std::size_t kMaxAdded = 1024;
    if (ids_.size() <= 256 + merges_.size() + kMaxAdded) return;
    throw VocabularyError(path_.string() + " has " + std::to_string(merges_.size()) +
                          " merges, too few for the " + std::to_string(ids_.size()) +
                          " tokens of vocab.json; is the file complete?");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw VocabularyError(path_.string() + " line " + std::to_string(line_) + " " + what);
  }

  const std::filesystem::path& path_;
  const NameIndex& ids_;
  MergeTable merges_;
  std::string joined_;
  std::size_t line_ = 0;
};

}  // namespace

Vocabulary read_vocabulary(const std::filesystem::path& folder) {
  const std::filesystem::path vocab_json = folder / "vocab.json";
  const std::filesystem::path merges_txt = folder / "merges.txt";
  const std::vector<std::string> names = read_token_names(vocab_json);

  Vocabulary vocabulary;
  vocabulary.starts.reserve(names.size() + 1);
  for (const std::string& name : names) {
    vocabulary.starts.push_back(vocabulary.bytes.size());
    append_named_bytes(vocabulary.bytes, name);
  }
  vocabulary.starts.push_back(vocabulary.bytes.size());

  const NameIndex ids(names, vocab_json);
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string name = byte_name(static_cast<unsigned char>(byte));
    vocabulary.byte_ids[byte] = ids.find(name);
    if (vocabulary.byte_ids[byte] != kNone) continue;
    throw VocabularyError(vocab_json.string() + " has no token " + quote(name) + " for the byte " +
                          std::to_string(byte) + "; only byte-level vocabularies can be used");
  }
  vocabulary.merges = MergeReader(merges_txt, ids).read();
  return vocabulary;
}

}  // namespace attnviz::text
