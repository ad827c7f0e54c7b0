#pragma once

#include <nlohmann/json_fwd.hpp>

#include "attnviz/text.h"

namespace attnviz {

/// Token ids of a JSON list that is not empty. Throws TextError.
[[nodiscard]] TokenIds ids_of_json(const nlohmann::json& json);

}  // namespace attnviz
