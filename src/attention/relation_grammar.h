#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "attnviz/relations.h"

namespace attnviz {

/// A sentence before it has tokens.
struct Draft {
  std::vector<std::string> words;  ///< the last is the full stop
  std::size_t query = 0, target = 0;
};

/// A sentence of the relation's templates: 8 words or more, the query word 4 or later, and no word
/// of meaning in it twice.
Draft draw_sentence(Relation relation, std::mt19937_64& random);

/// The words with spaces between them, and none before the full stop.
std::string text_of(const Draft& draft);

}  // namespace attnviz
