#include "text/pieces.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "attnviz/text.h"
#include "text/alphabet.h"
#include "text/utf8.h"

namespace attnviz {

const text::Pattern& text::piece_pattern() {
  static const Pattern pattern(
      R"( ?\p{L}++|'(?:[stmd]|re|ve|ll)| ?\p{N}++| ?[^\p{WSpace}\p{L}\p{N}]++)"
      R"(|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)");
  return pattern;
}

namespace {

constexpr std::string_view kByteSpace = "Ġ", kByteNewline = "Ċ", kSentenceSpace = "▁",
                           kWordInside = "##";

bool has(const std::vector<std::string>& tokens, std::string_view mark) {
  return std::any_of(tokens.begin(), tokens.end(), [&](const std::string& token) {
    return token.find(mark) != std::string::npos;
  });
}

/// SentencePiece's way of writing a byte: `<0x0A>`.
bool append_byte(std::string& piece, std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return false;
  unsigned char byte = 0;
  const char* end = token.data() + 5;
  if (std::from_chars(token.data() + 3, end, byte, 16).ptr != end) return false;
  piece += static_cast<char>(byte);
  return true;
}

std::string of_sentence_piece(std::string_view token) {
  std::string piece;
  if (append_byte(piece, token)) return piece;
  for (std::size_t start = 0; start < token.size();) {
    const std::size_t mark = std::min(token.find(kSentenceSpace, start), token.size());
    piece += token.substr(start, mark - start);
    if (mark < token.size()) piece += ' ';
    start = mark + kSentenceSpace.size();
  }
  return piece;
}

/// Words, as a person writes a list of them: none holds a space.
bool are_plain_words(const std::vector<std::string>& tokens) {
  return std::none_of(tokens.begin(), tokens.end(), [](const std::string& token) {
    return token.find_first_of(" \n\t") != std::string::npos;
  });
}

std::string of_word_piece(std::string_view token, bool is_first) {
  if (token.starts_with(kWordInside)) return std::string(token.substr(kWordInside.size()));
  return (is_first ? "" : " ") + std::string(token);
}

std::string of_bytes(std::string_view token) {
  std::string piece;
  text::append_named_bytes(piece, token);
  return piece;
}

/// Where the pieces of GPT-2's pattern begin. Bytes that are no UTF-8 are pieces of their own.
std::vector<std::size_t> pattern_starts(std::string_view text) {
  text::Matcher matcher(text::piece_pattern());
  std::vector<std::size_t> starts;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = start + text::valid_prefix(text.substr(start));
    while (start < end) {
      starts.push_back(start);
      start = matcher.match_end(text.substr(0, end), start);
    }
    if (start < text.size()) starts.push_back(start++);
  }
  return starts;
}

}  // namespace

std::vector<std::string> token_pieces(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  std::vector<std::string> pieces;
  pieces.reserve(ids.size());
  for (const TokenId& id : ids) pieces.push_back(tokenizer.decode(std::span(&id, 1)));
  return pieces;
}

std::vector<std::string> pieces_named(const std::vector<std::string>& tokens) {
  const bool is_bytes = has(tokens, kByteSpace) || has(tokens, kByteNewline);
  const bool is_sentence = !is_bytes && has(tokens, kSentenceSpace);
  const bool are_words =
      are_plain_words(tokens) ||
      std::any_of(tokens.begin(), tokens.end(), [](const std::string& token) {
        return token.size() > 2 && token.starts_with(kWordInside) && token[2] != '#';
      });
  std::vector<std::string> pieces;
  for (const std::string& token : tokens) {
    pieces.push_back(is_bytes      ? of_bytes(token)
                     : is_sentence ? of_sentence_piece(token)
                     : are_words   ? of_word_piece(token, pieces.empty())
                                   : token);
  }
  return pieces;
}

std::vector<std::size_t> word_starts(std::span<const std::string> pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  const std::vector<std::size_t> words = pattern_starts(text);
  std::vector<std::size_t> starts;
  std::size_t place = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i == 0 || std::binary_search(words.begin(), words.end(), place)) starts.push_back(i);
    place += pieces[i].size();
  }
  return starts;
}

}  // namespace attnviz
