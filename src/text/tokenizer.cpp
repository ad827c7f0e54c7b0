#include <algorithm>
#include <bit>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "attnviz/error.h"
#include "attnviz/text.h"
#include "text/merge.h"
#include "text/pattern.h"
#include "text/pieces.h"
#include "text/utf8.h"
#include "text/vocabulary.h"

namespace attnviz {

struct Tokenizer::Tables {
  text::Vocabulary vocabulary;
};

namespace text {
namespace {

/// Encodes one text. Most words of a text have come before; their ids are copied from there.
class Encoder {
 public:
  Encoder(const Vocabulary& vocabulary, std::string_view text)
      : vocabulary_(vocabulary), text_(text), matcher_(piece_pattern()), merger_(vocabulary) {
    // As many as a book needs, and few enough to stay in the processor's second-level cache.
    const std::size_t n_slots =
        std::clamp<std::size_t>(std::bit_ceil(text.size() / 8), 16, 1 << 14);
    seen_.resize(n_slots);
    ids_.reserve(text.size() / 4 + 8);
  }

  TokenIds run() {
    for (std::size_t start = 0; start < text_.size();) {
      const std::size_t end = start + valid_prefix(text_.substr(start));
      for (std::size_t word = start; word < end;) {
        const std::size_t next = matcher_.match_end(text_.substr(0, end), word);
        add_word(word, next - word);
        word = next;
      }
      start = end;
      if (start == text_.size()) break;
      ids_.push_back(vocabulary_.byte_ids[static_cast<unsigned char>(text_[start++])]);
    }
    return std::move(ids_);
  }

 private:
  struct Seen {
    std::size_t start = 0, length = 0;  // of the word in the text
    std::size_t first = 0, count = 0;   // of its ids in ids_
  };

  void add_word(std::size_t start, std::size_t length) {
    const std::string_view word = text_.substr(start, length);
    Seen& seen = seen_[std::hash<std::string_view>{}(word) & (seen_.size() - 1)];
    const std::size_t first = ids_.size();
    if (text_.substr(seen.start, seen.length) == word) {
      for (std::size_t i = 0; i < seen.count; ++i) ids_.push_back(ids_[seen.first + i]);
    } else {
      merger_.append_tokens(word, ids_);
    }
    seen = {start, length, first, ids_.size() - first};
  }

  const Vocabulary& vocabulary_;
  std::string_view text_;
  Matcher matcher_;
  Merger merger_;
  std::vector<Seen> seen_;
  TokenIds ids_;
};

}  // namespace
}  // namespace text

Tokenizer::Tokenizer(const std::filesystem::path& folder)
    : tables_(std::make_shared<const Tables>(Tables{text::read_vocabulary(folder)})) {}

TokenIds Tokenizer::encode(std::string_view bytes) const {
  return text::Encoder(tables_->vocabulary, bytes).run();
}

std::string Tokenizer::decode(std::span<const TokenId> ids) const {
  std::string bytes;
  for (const TokenId id : ids) {
    if (static_cast<std::uint64_t>(id) >= size()) {  // a negative id becomes a very large one
      throw VocabularyError("there is no token with the id " + std::to_string(id) +
                            "; the vocabulary has the ids 0 to " + std::to_string(size() - 1));
    }
    bytes += tables_->vocabulary.token(static_cast<std::size_t>(id));
  }
  return bytes;
}

std::size_t Tokenizer::size() const {
  return tables_->vocabulary.size();
}

}  // namespace attnviz
