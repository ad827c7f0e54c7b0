#include <cstdio>
#include <string>
#include <vector>

#include "attnviz/text.h"
#include "text/pattern.h"
#include "text/utf8.h"

namespace attnviz {
namespace text {
namespace {

/// Controls, format characters, spaces of all kinds, and whatever else is drawn as nothing:
/// variation selectors, fillers (Default_Ignorable_Code_Point), noncharacters, the empty Braille
/// cell.
const Pattern& invisible_pattern() {
  static const Pattern pattern(R"([\p{Cc}\p{Cf}\p{Z}\p{DI}\p{NChar}\x{2800}])");
  return pattern;
}

const Pattern& combining_pattern() {
  static const Pattern pattern(R"(\p{M})");
  return pattern;
}

std::string hexadecimal(const char* format, unsigned value) {
  char text[16];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// The mark of an invisible character.
std::string mark_of(char32_t code) {
  if (code == ' ') return "·";
  if (code == '\n') return "⏎";
  if (code == '\t') return "⇥";
  if (code == '\r') return "␍";
  return hexadecimal("U+%04X", static_cast<unsigned>(code));
}

/// Neighbours of one kind share a part.
void append(Label& label, std::string_view text, bool is_mark) {
  if (label.empty() || label.back().is_mark != is_mark) label.push_back({"", is_mark});
  label.back().text += text;
}

class Labeler {
 public:
  Label label_of(std::string_view token) {
    Label label;
    for (std::size_t i = 0; i < token.size();) {
      const std::size_t length = character_length(token, i);
      if (length == 0) {
        append(label, hexadecimal("<0x%02X>", static_cast<unsigned char>(token[i])), true);
        ++i;
      } else {
        append_character(label, token.substr(i, length));
        i += length;
      }
    }
    return label;
  }

 private:
  void append_character(Label& label, std::string_view character) {
    const bool is_first = label.empty() || label.back().is_mark;
    if (invisible_.match_end(character, 0) > 0) {
      append(label, mark_of(code_point(character)), true);
    } else if (is_first && combining_.match_end(character, 0) > 0) {
      append(label, "◌" + std::string(character), true);  // U+25CC, so that it stands on something
    } else {
      append(label, character, false);
    }
  }

  Matcher invisible_{invisible_pattern()};
  Matcher combining_{combining_pattern()};
};

}  // namespace
}  // namespace text

std::vector<Label> piece_labels(std::span<const std::string> pieces) {
  text::Labeler labeler;
  std::vector<Label> labels;
  labels.reserve(pieces.size());
  for (const std::string& piece : pieces) labels.push_back(labeler.label_of(piece));
  return labels;
}

std::vector<Label> token_labels(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  return piece_labels(token_pieces(tokenizer, ids));
}

std::string plain(const Label& label) {
  std::string text;
  for (const LabelPart& part : label) text += part.text;
  return text;
}

}  // namespace attnviz
