// docs/errors.md is made of the errors in the sources. After a message was changed:
//   ATTNVIZ_WRITE_ERRORS=1 build/release/tests/file_test --gtest_filter='ErrorCatalogue.*'
#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <set>

#include "attnviz/file.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;
const fs::path kTop = ATTNVIZ_SOURCE_DIR;

struct Kind {
  const char* type;
  const char* what;
  const char* to_do;
};
constexpr Kind kKinds[] = {
    {"UsageError", "An argument, an option or a suite can never work so.",
     "Change what you asked for; the input files are not at fault. The exit status is 2."},
    {"FileError", "A file or folder could not be read or written.",
     "Look at its name, its permissions and the room on the disk; the reason is the system's own. "
     "Nothing was half-written: run it again."},
    {"TextError", "A text cannot be tokenized.",
     "It has to be UTF-8, not empty, and no longer than the model takes (`--max-tokens`)."},
    {"VocabularyError", "vocab.json and merges.txt are damaged, or do not fit each other.",
     "Fetch them again, both from the same place; without `--vocab` GPT-2's are taken."},
    {"ModelError", "A model, checkpoint, snapshot or index is not what it should be.",
     "`attnviz info` says what the file is. A checkpoint needs `attnviz import`; a file that is "
     "cut "
     "off or damaged has to be copied again."},
    {"MissingOperatorError", "A model calls an operator that this LibTorch lacks.",
     "The message ends with the command that builds attnviz against a newer one, where there is "
     "one (`ATTNVIZ_TORCH`)."},
    {"ShapeError", "Tensors do not belong together.",
     "From the program, this is a model that gives something other than attention; from the "
     "library, the argument that is named has another shape or dtype than its header says."},
    {"FigureError", "A figure cannot be drawn.",
     "Ask for layers and heads that exist, for fewer tokens or a lower `--dpi`, or install a "
     "font."},
};

/// Of `throw Type(...)` or `Type(...)`, the words in quotes; what is put in is an ellipsis.
std::string wording(const std::string& source, std::size_t at) {
  std::string text;
  int depth = 1;
  bool is_filled = false;
  while (at < source.size() && depth > 0) {
    const char c = source[at];
    if (c == '"') {
      for (++at; at < source.size() && source[at] != '"'; ++at) {
        if (source[at] == '\\') ++at;
        text += source[at];
      }
      is_filled = false;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')') {
      --depth;
    } else if (c != '+' && c != ',' && std::isspace(static_cast<unsigned char>(c)) == 0 &&
               !is_filled) {
      text += "…";
      is_filled = true;
    }
    ++at;
  }
  return text;
}

std::set<std::string> messages(const std::string& type) {
  std::set<std::string> found;
  for (const fs::path& file : files_below(kTop / "src", {"*.cpp", "*.h"})) {
    const std::string source = read_file(kTop / "src" / file);
    const std::string call = type + "(";
    for (auto at = source.find(call); at != std::string::npos; at = source.find(call, at + 1)) {
      const std::string words = wording(source, at + call.size());
      if (words.find_first_not_of("… ;:.") != std::string::npos) found.insert(words);
    }
  }
  return found;
}

std::string catalogue() {
  std::string text =
      "# Errors\n\n"
      "What attnviz says when something is wrong, one line each on standard error, and what to do. "
      "`…` stands for names and\nnumbers. The exit status is 2 for wrong usage, else 1 (2 of "
      "`snapshot check`, `compare` and `verify`, whose 1 means changed).\nThis page is made of the "
      "sources; "
      "a "
      "test keeps it whole.\n";
  for (const Kind& kind : kKinds) {
    text += "\n## " + std::string(kind.type) + "\n\n" + kind.what + " " + kind.to_do + "\n\n";
    for (const std::string& message : messages(kind.type)) text += "- " + message + "\n";
  }
  return text;
}

TEST(ErrorCatalogue, HoldsEveryMessageOfTheSources) {
  const fs::path page = kTop / "docs/errors.md";
  if (std::getenv("ATTNVIZ_WRITE_ERRORS") != nullptr) write_file_atomically(page, catalogue());
  EXPECT_EQ(read_file(page), catalogue());
}

TEST(ErrorCatalogue, KnowsEveryTypeOfTheHeader) {
  const std::string header = read_file(kTop / "include/attnviz/error.h");
  std::size_t n_types = 0;
  for (const std::string base : {" : Error {", " : ModelError {"}) {
    for (auto at = header.find(base); at != std::string::npos; at = header.find(base, at + 1)) {
      ++n_types;
    }
  }
  EXPECT_EQ(n_types, std::size(kKinds));
  for (const Kind& kind : kKinds) EXPECT_FALSE(messages(kind.type).empty()) << kind.type;
}

}  // namespace
}  // namespace attnviz
