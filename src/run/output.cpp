#include "run/output.h"

#include "attnviz/error.h"
#include "text/utf8.h"

namespace attnviz {

std::string printable(const std::string& bytes) {
  std::string text;
  for (std::size_t start = 0; start < bytes.size();) {
    const std::size_t length = text::character_length(bytes, start);
    text += length == 0 ? "\uFFFD" : bytes[start] == '\0' ? "\u2400" : bytes.substr(start, length);
    start += std::max<std::size_t>(length, 1);
  }
  return text;
}

void check_prefix(const std::string& prefix) {
  if (prefix.empty()) throw UsageError("the prefix of the files is empty");
  if (prefix.find('/') != std::string::npos) {
    throw UsageError("the prefix " + prefix + " has a / in it; name the folder with --out-dir");
  }
}

}  // namespace attnviz
