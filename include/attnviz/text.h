#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace attnviz {

using TokenId = std::int64_t;
using TokenIds = std::vector<TokenId>;

/// GPT-2's byte-level BPE (Radford et al. 2019), exact: any bytes → ids → the same bytes.
///
///     Tokenizer tokenizer("vocab/gpt2");
///     TokenIds ids = tokenizer.encode("The cat sat");  // 464 3797 3332
///     tokenizer.decode(ids);                           // "The cat sat"
///     tokenizer.encode("<|endoftext|>");               // 7 ids: plain characters, never id 50256
///
/// Bytes that are no UTF-8 are encoded one by one; see require_utf8 to refuse them instead.
/// Copies share their tables; const members may be called from several threads at once.
class Tokenizer {
 public:
  /// folder holds vocab.json (token → id) and merges.txt (one pair a line, best first): GPT-2's or
  /// any other byte-level vocabulary of that form.
  /// Throws FileError, or VocabularyError where one is damaged or they do not fit each other.
  explicit Tokenizer(const std::filesystem::path& folder);

  [[nodiscard]] TokenIds encode(std::string_view bytes) const;

  /// Throws VocabularyError for an id outside the vocabulary.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids) const;

  /// Number of ids; they run from 0 to size() - 1.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Tables;
  std::shared_ptr<const Tables> tables_;
};

/// Throws TextError naming the offset of the first byte that is not valid UTF-8 (strictly: overlong
/// forms, surrogates and characters cut off are not).
void require_utf8(std::string_view text);

/// A piece of a label: the token's own characters, or a mark that stands for something invisible
/// and is drawn lighter.
struct LabelPart {
  std::string text;  ///< UTF-8
  bool is_mark = false;
  bool operator==(const LabelPart&) const = default;
};
using Label = std::vector<LabelPart>;

/// What a person reads for each token. Marks are `·` (space), `⏎` (newline), `⇥` (tab), `␍`
/// (carriage return), `<0xE2>` (a byte that is no whole character within its token), `U+200D` (any
/// other space, control or invisible character), and `◌` below a combining mark that has nothing to
/// stand on. Parts alternate between characters and marks. One label per id. Throws VocabularyError
/// for an id outside the vocabulary.
[[nodiscard]] std::vector<Label> token_labels(const Tokenizer& tokenizer,
                                              std::span<const TokenId> ids);

/// The bytes of each token. Throws VocabularyError as token_labels does.
[[nodiscard]] std::vector<std::string> token_pieces(const Tokenizer& tokenizer,
                                                    std::span<const TokenId> ids);

/// The same of tokens as other tokenizers name them, by their marks: byte-level BPE's (`Ġcat`),
/// SentencePiece's (`▁cat`, `<0x0A>`) and WordPiece's (`##able`, others begin with a space). Where
/// none of the tokens has a mark or a space, each is a word, and all but the first begin with a
/// space; where one has a space, all stand for themselves.
[[nodiscard]] std::vector<std::string> pieces_named(const std::vector<std::string>& tokens);

/// One label per piece, as token_labels has them.
[[nodiscard]] std::vector<Label> piece_labels(std::span<const std::string> pieces);

/// The pieces at which a word begins, the first always among them: where one begins in the joined
/// text by GPT-2's pattern (letters, digits or signs, with a space before them). A word is no more
/// than a token where a token holds several.
[[nodiscard]] std::vector<std::size_t> word_starts(std::span<const std::string> pieces);

/// The label's parts joined, without the difference between characters and marks.
[[nodiscard]] std::string plain(const Label& label);

}  // namespace attnviz
