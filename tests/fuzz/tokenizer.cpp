#include "attnviz/run.h"
#include "attnviz/text.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "text/utf8.h"

namespace attnviz::fuzz {

void tokenizer(std::string_view bytes) {
  static const Tokenizer gpt2(built_in_vocabulary());
  const TokenIds ids = gpt2.encode(bytes);
  if (gpt2.decode(ids) != bytes) finding("decoded, the ids are another text");
  const std::vector<Label> labels = token_labels(gpt2, ids);
  if (labels.size() != ids.size()) finding("as many labels as ids were expected");
  for (const Label& label : labels) {
    const std::string text = plain(label);
    if (text.empty() || text::valid_prefix(text) != text.size()) finding("a label that is no text");
  }
  allowed_to_fail([&] { require_utf8(bytes); });

  TokenIds others;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    others.push_back(static_cast<std::uint8_t>(bytes[i]) << 8 |
                     static_cast<std::uint8_t>(bytes[i + 1]));
  }
  allowed_to_fail([&] {
    if (token_labels(gpt2, others).size() != others.size()) finding("labels are missing");
    const std::string text = gpt2.decode(others);
    if (gpt2.decode(gpt2.encode(text)) != text) finding("decoded, the ids are another text");
  });
}

}  // namespace attnviz::fuzz
