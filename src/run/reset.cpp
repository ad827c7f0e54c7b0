#include "attnviz/file.h"
#include "attnviz/pruning.h"
#include "attnviz/run.h"
#include "run/consent.h"

namespace attnviz {

std::vector<HeadId> run_reset(const ResetOptions& options) {
  check_writable(options.out);
  const auto path = options.model.empty() ? built_in_model() : options.model;
  Gpt gpt = load_gpt(path);
  require_heads(gpt.record.config.n_heads, gpt.record.config.kept, options.heads);
  require_consent(gpt.record.config, options.shared_layers, options.heads, path);
  check_layout(gpt);
  if (options.shared_layers == SharedLayers::untie) gpt = untie_layers(gpt);
  const std::vector<HeadId> heads = with_twins(gpt.record.config, options.heads);
  Gpt reset = reset_heads(gpt, heads, options.init, options.seed);
  const std::string how = options.init == HeadInit::xavier ? "xavier" : "normal";
  add_step(
      reset.record,
      "reset " + to_string(heads) + " (" + how + ", seed " + std::to_string(options.seed) + ")",
      path);
  save_gpt(reset, options.out);
  return heads;
}

}  // namespace attnviz
