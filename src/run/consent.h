#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "attnviz/surgery.h"
#include "attnviz/text.h"

namespace attnviz {

/// Throws UsageError where all layers share one set of weights and nobody said what to do about it:
/// says what else changes with these heads, or, where none are named, that each exists once.
void require_consent(const GptConfig& config, SharedLayers shared_layers,
                     const std::vector<HeadId>& heads, const std::filesystem::path& model);

/// Throws UsageError where the tokenizer has tokens that the model has not.
void require_vocabulary(const GptConfig& config, const Tokenizer& tokenizer,
                        const std::filesystem::path& model);

/// Adds to a record what was done to the model and, before the first step, which file it was.
void add_step(GptRecord& record, const std::string& step, const std::filesystem::path& model);

}  // namespace attnviz
