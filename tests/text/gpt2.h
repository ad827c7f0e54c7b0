#pragma once

#include "attnviz/text.h"

/// GPT-2's tokenizer, loaded once for all tests.
inline const attnviz::Tokenizer& gpt2() {
  static const attnviz::Tokenizer tokenizer(ATTNVIZ_SOURCE_DIR "/vocab/gpt2");
  return tokenizer;
}
