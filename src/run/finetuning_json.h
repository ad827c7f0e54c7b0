#pragma once

#include <string>
#include <vector>

#include "attnviz/finetuning.h"

namespace attnviz {

/// What a state of training notes of the epochs done.
[[nodiscard]] std::string to_json(const std::vector<EpochLosses>& epochs);

/// Throws ModelError for anything else.
[[nodiscard]] std::vector<EpochLosses> losses_from(const std::string& json);

}  // namespace attnviz
