#include "text/pattern.h"

#include <new>
#include <string>

#include "attnviz/error.h"

namespace attnviz::text {
namespace {

std::string error_text(int error) {
  PCRE2_UCHAR text[256] = {};
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

Pattern::Pattern(const char* regex) {
  int error = 0;
  std::size_t offset = 0;
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex), PCRE2_ZERO_TERMINATED,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &error, &offset, nullptr));
  if (!code_) {
    throw TextError("this PCRE2 library cannot compile a pattern of attnviz (" + error_text(error) +
                    "); it needs PCRE2 10.40 or later with Unicode");
  }
  // Where memory may not be made executable this fails, and pcre2_match interprets instead.
  pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
}

Matcher::Matcher(const Pattern& pattern)
    : code_(pattern.code_.get()), data_(pcre2_match_data_create(1, nullptr)) {
  if (!data_) throw std::bad_alloc();
}

std::size_t Matcher::match_end(std::string_view text, std::size_t offset) {
  const int matched = pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                  offset, PCRE2_NO_UTF_CHECK, data_.get(), nullptr);
  if (matched == PCRE2_ERROR_NOMATCH) return offset;
  if (matched < 0) throw TextError("cannot split the text into words: " + error_text(matched));
  return pcre2_get_ovector_pointer(data_.get())[1];
}

}  // namespace attnviz::text
