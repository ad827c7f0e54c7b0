#include "attnviz/text.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"

namespace attnviz::fuzz {

void vocabulary(std::string_view bytes) {
  const std::size_t end = bytes.find('\0');
  (void)write_in_memory("vocab.json", bytes.substr(0, end));
  (void)write_in_memory("merges.txt",
                        end == std::string_view::npos ? std::string_view() : bytes.substr(end + 1));
  allowed_to_fail([&] {
    const Tokenizer tokenizer(folder_in_memory());
    const std::string text = "The cat\tsat. \xE2\x82\xAC\xFF" + std::string(bytes.substr(0, 400));
    const TokenIds ids = tokenizer.encode(text);
    if (tokenizer.decode(ids) != text) finding("decoded, the ids are another text");
    if (token_labels(tokenizer, ids).size() != ids.size()) finding("labels are missing");
  });
}

}  // namespace attnviz::fuzz
