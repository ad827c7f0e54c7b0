#pragma once

#include <cstdint>
#include <string>

#include "attnviz/head_statistics.h"
#include "attnviz/model.h"

namespace attnviz {

/// Adds n sequences of the repeated-token probe, as long as the model's positions allow. tokens: of
/// the vocabulary, where the model does not say. Returns why there are none, for a model of few
/// positions or tokens; or "". Throws what Model::capture and check_patterns throw.
std::string add_probes(HeadStatistics& statistics, Model& model, std::int64_t n, std::uint64_t seed,
                       std::int64_t tokens);

}  // namespace attnviz
