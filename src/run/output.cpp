#include "run/output.h"

#include <algorithm>

#include "attnviz/error.h"

namespace attnviz {

std::string message_of(const std::exception& error) {
  const std::string message = error.what();
  return message.substr(0, message.find('\n'));
}

void check_prefix(const std::string& prefix) {
  if (prefix.empty()) throw UsageError("the prefix of the files is empty");
  if (prefix.find('/') != std::string::npos) {
    throw UsageError("the prefix " + prefix + " has a / in it; name the folder with --out-dir");
  }
  if (std::any_of(prefix.begin(), prefix.end(), [](char c) { return (c & 0xE0) == 0; })) {
    throw UsageError("the prefix of the files has a control character in it");
  }
}

}  // namespace attnviz
