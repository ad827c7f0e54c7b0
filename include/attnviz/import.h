#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attnviz/gpt.h"

namespace attnviz {

/// What a checkpoint may leave open. Where it says something else itself, that is an error.
struct ImportOptions {
  std::optional<std::int64_t> n_heads;   ///< of each layer
  std::optional<std::int64_t> n_layers;  ///< only where layers share their weights
  std::optional<bool> exact_gelu;        ///< else what the checkpoint or its layout says
  bool trusted = false;                  ///< of TorchScript: as ModelOptions::trusted
};

/// A checkpoint as the GPT of build_gpt.
struct ImportedGpt {
  std::string layout;                       ///< the name of the layout that it was recognised as
  GptRecord record;                         ///< provenance: source, sha256, format, layout
  std::vector<std::string> notes;           ///< what was assumed, and what a user should know
  std::shared_ptr<torch::jit::Module> gpt;  ///< float32, evaluation mode
};

/// Reads a checkpoint (see read_checkpoint) or a TorchScript module that holds the same parameters,
/// recognises its layout by the names and shapes of its tensors, and builds a GPT with its weights,
/// widened to float32. The layouts are the tables in src/model/layouts.cpp: GPTTransformer,
/// nanoGPT, minGPT, Hugging Face GPT-2. A TorchScript module is run once beside the new one: their
/// patterns must agree to 1e-3. Throws FileError, and ModelError for what read_checkpoint refuses,
/// for tensors that fit no layout (listing those that are missing, surplus or misshapen beside the
/// nearest one), for a number of heads or layers that is missing or contradicts the file, and for
/// what the GPT cannot compute.
[[nodiscard]] ImportedGpt import_gpt(const std::filesystem::path& path,
                                     const ImportOptions& options = {});

}  // namespace attnviz
