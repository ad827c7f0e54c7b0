#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstddef>
#include <memory>
#include <string_view>

namespace attnviz::text {

/// A regular expression over Unicode characters, matched at one place of a text. Immutable.
class Pattern {
 public:
  explicit Pattern(const char* regex);

 private:
  friend class Matcher;
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  };
  std::unique_ptr<pcre2_code, Free> code_;
};

/// One thread's use of a pattern.
class Matcher {
 public:
  explicit Matcher(const Pattern& pattern);

  /// Where the match that starts at `offset` ends; `offset` itself if there is none.
  /// text must be valid UTF-8, and offset the start of a character or the end of the text.
  [[nodiscard]] std::size_t match_end(std::string_view text, std::size_t offset);

 private:
  struct Free {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  };
  const pcre2_code* code_;
  std::unique_ptr<pcre2_match_data, Free> data_;
};

}  // namespace attnviz::text
