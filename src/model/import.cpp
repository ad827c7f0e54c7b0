#include "attnviz/import.h"

#include <torch/script.h>

#include <algorithm>
#include <cmath>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/model.h"
#include "model/layout_match.h"
#include "model/model_file.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;
using Settings = decltype(Checkpoint::settings);

template <typename Value>
std::optional<Value> setting(const Settings& settings, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = settings.find(name);
    if (found == settings.end()) continue;
    if (const auto* value = std::get_if<Value>(&found->second)) return *value;
  }
  return std::nullopt;
}

/// A TorchScript module's tensors by name, and the numbers that only running it tells.
struct Script {
  Checkpoint checkpoint;
  std::vector<at::Tensor> patterns;  ///< of a few ids, [head, T, T] each
};

const TokenIds kProbe = {0, 1, 0, 2, 1};

Script read_script(const fs::path& path, bool trusted) {
  if (read_gpt_record(path)) {
    throw ModelError(path.string() + " is a model of attnviz already; it needs no import");
  }
  Script script;
  script.checkpoint = {"TorchScript", {path}, {}, {}};
  const torch::jit::Module module = load_torchscript(path, {.trusted = trusted});
  for (const auto& parameter : module.named_parameters()) {
    script.checkpoint.tensors.push_back({parameter.name, parameter.value.detach()});
  }
  for (const auto& buffer : module.named_buffers()) {
    script.checkpoint.tensors.push_back({buffer.name, buffer.value});
  }
  script.patterns = Model(path, {.trusted = trusted}).capture(kProbe);
  return script;
}

/// A number that several sources may tell; those that do must agree.
class Told {
 public:
  explicit Told(std::string what) : what_(std::move(what)) {}

  void add(std::optional<std::int64_t> number, const std::string& by) {
    if (!number) return;
    if (number_ && *number_ != *number) {
      throw ModelError("has " + std::to_string(*number_) + " " + what_ + " by " + by_ + ", but " +
                       std::to_string(*number) + " by " + by);
    }
    if (*number < 1) throw ModelError("cannot have " + std::to_string(*number) + " " + what_);
    if (!number_) by_ = by;
    number_ = number;
  }
  [[nodiscard]] std::optional<std::int64_t> number() const { return number_; }

 private:
  std::string what_, by_;
  std::optional<std::int64_t> number_;
};

class Import {
 public:
  Import(const Checkpoint& checkpoint, const std::vector<at::Tensor>& patterns,
         const ImportOptions& options)
      : checkpoint_(checkpoint),
        patterns_(patterns),
        options_(options),
        match_(find_layout(checkpoint.tensors)) {}

  ImportedGpt run() {
    imported_.layout = match_.layout->name;
    imported_.record.config = config();
    imported_.gpt = std::make_shared<torch::jit::Module>(build());
    imported_.gpt->eval();
    compare_patterns();
    imported_.record.provenance = {{"source", checkpoint_.files[0].filename().string()},
                                   {"format", checkpoint_.format},
                                   {"layout", imported_.layout}};
    for (const fs::path& file : checkpoint_.files) {
      imported_.record.provenance.emplace_back("sha256 " + file.filename().string(),
                                               sha256_of_file(file));
    }
    for (const std::string& note : imported_.notes) {
      imported_.record.provenance.emplace_back("note", note);
    }
    return std::move(imported_);
  }

 private:
  GptConfig config() {
    const Layout& layout = *match_.layout;
    require_supported();
    GptConfig config;
    config.vocabulary_size = match_.size("token_embedding", 0);
    config.d_model = match_.size("token_embedding", 1);
    config.n_positions = match_.size("position_encoding", 0);
    config.d_feed_forward = match_.size("block_0.w_up", 0);
    config.shared_layers = layout.shared_layers;
    config.learned_positions = !layout.fixed_positions;
    config.embedding_scale = layout.scaled_embedding ? std::sqrt(double(config.d_model)) : 1.0;
    config.qkv_bias = match_.groups.contains(Group::qkv_bias);
    config.output_bias = match_.groups.contains(Group::output_bias);
    config.feed_forward_bias = match_.groups.contains(Group::feed_forward_bias);
    config.norm_bias = match_.groups.contains(Group::norm_bias);
    config.tied_lm_head = !match_.groups.contains(Group::lm_head);
    config.exact_gelu = exact_gelu();
    config.norm_epsilon =
        setting<double>(checkpoint_.settings, {"layer_norm_epsilon"}).value_or(1e-5);
    config.dropout =
        setting<double>(checkpoint_.settings, {"dropout", "resid_pdrop"}).value_or(0.1);
    set_heads(config);
    check_settings(config);
    note_rounding();
    return config;
  }

  void set_heads(GptConfig& config) {
    const std::int64_t width = match_.size("block_0.w_q", 0);
    const std::int64_t heads = n_heads(width);
    if (width % heads != 0) {
      throw ModelError("has a width of " + std::to_string(width) + ", which " +
                       std::to_string(heads) + " heads cannot share");
    }
    config.d_head = width / heads;
    config.n_heads.assign(std::size_t(n_layers()), heads);
  }

  std::int64_t n_heads(std::int64_t width) {
    Told told("heads per layer");
    told.add(setting<std::int64_t>(checkpoint_.settings, {"n_head", "num_attention_heads"}),
             "the checkpoint");
    for (const at::Tensor& pattern : patterns_) told.add(pattern.size(0), "its attention");
    told.add(options_.n_heads, "--heads");
    if (told.number()) return *told.number();
    const std::int64_t d_head = match_.layout->d_head;
    if (d_head == 0 || width % d_head != 0) {
      throw ModelError("does not say how many heads a layer has; give --heads");
    }
    imported_.notes.push_back(std::to_string(width / d_head) + " heads of " +
                              std::to_string(d_head) + " assumed, as " + match_.layout->name +
                              " has them; the file does not say (--heads)");
    return width / d_head;
  }

  std::int64_t n_layers() {
    Told told("layers");
    told.add(setting<std::int64_t>(checkpoint_.settings, {"n_layer", "n_layers"}),
             "the checkpoint");
    if (!patterns_.empty()) told.add(std::int64_t(patterns_.size()), "its attention");
    if (!match_.layout->shared_layers) told.add(match_.n_blocks, "its tensors");
    told.add(options_.n_layers, "--layers");
    if (match_.layout->shared_layers) {
      imported_.notes.push_back(
          "all layers share one set of weights: a head that is changed changes in every layer");
    }
    if (told.number()) return *told.number();
    imported_.notes.push_back(std::to_string(match_.layout->n_layers) + " layers assumed, as " +
                              match_.layout->name + " has; the file does not say (--layers)");
    return match_.layout->n_layers;
  }

  bool exact_gelu() {
    const auto named = setting<std::string>(checkpoint_.settings, {"activation_function"});
    std::optional<bool> told;
    if (named) {
      const bool is_tanh =
          *named == "gelu_new" || *named == "gelu_pytorch_tanh" || *named == "gelu_fast";
      if (!is_tanh && *named != "gelu") {
        throw ModelError("computes with " + *named + ", which attnviz's GPT does not have");
      }
      told = !is_tanh;
    }
    if (told && options_.exact_gelu && *told != *options_.exact_gelu) {
      throw ModelError("has the activation " + *named + "; --gelu says otherwise");
    }
    if (!told && !options_.exact_gelu) {
      imported_.notes.push_back(std::string(match_.layout->exact_gelu ? "exact (erf)" : "tanh") +
                                " GELU assumed, as " + match_.layout->name +
                                " has it; the file does not say (--gelu)");
    }
    return told.value_or(options_.exact_gelu.value_or(match_.layout->exact_gelu));
  }

  /// Options of GPT-2's configuration that change what it computes.
  void require_supported() const {
    const auto refuse = [&](const char* name, bool usual) {
      if (setting<bool>(checkpoint_.settings, {name}).value_or(usual) != usual) {
        throw ModelError(std::string("is configured with ") + name + " = " +
                         (usual ? "false" : "true") + ", which attnviz's GPT does not have");
      }
    };
    refuse("scale_attn_weights", true);
    refuse("scale_attn_by_inverse_layer_idx", false);
    refuse("add_cross_attention", false);
  }

  void check_settings(const GptConfig& config) const {
    const auto check = [&](std::initializer_list<const char*> names, std::int64_t size) {
      const auto told = setting<std::int64_t>(checkpoint_.settings, names);
      if (!told || *told == size) return;
      throw ModelError(std::string("says ") + *names.begin() + " = " + std::to_string(*told) +
                       ", but its tensors have " + std::to_string(size));
    };
    check({"n_embd"}, config.d_model);
    check({"block_size"}, config.n_positions);
    check({"n_positions"}, config.n_positions);
    check({"vocab_size"}, config.vocabulary_size);
  }

  void note_rounding() {
    const auto& tensors = checkpoint_.tensors;
    if (std::any_of(tensors.begin(), tensors.end(), [](const NamedTensor& tensor) {
          return tensor.values.scalar_type() == at::kDouble;
        })) {
      imported_.notes.push_back("float64 weights are rounded to float32");
    }
  }

  torch::jit::Module build() const {
    std::vector<std::string> misshapen;
    torch::jit::Module gpt =
        build_gpt(imported_.record.config,
                  [&](const std::string& name, const std::vector<std::int64_t>& shape) {
                    at::Tensor values = match_.weight(name);
                    if (values.sizes() == shape) return values;
                    misshapen.push_back(match_.sources.at(name).theirs + " " +
                                        c10::str(match_.sources.at(name).values.sizes()));
                    return at::zeros(shape);
                  });
    if (misshapen.empty()) return gpt;
    throw ModelError(std::string("has the names of ") + match_.layout->name +
                     ", but misshapen tensors: " + listed(misshapen));
  }

  /// The module may compute something else with the same parameters.
  void compare_patterns() const {
    if (patterns_.empty()) return;
    torch::NoGradGuard no_grad;
    const at::Tensor ids = torch::tensor(kProbe).unsqueeze(0);
    const std::vector<at::Tensor> ours = patterns_of(*imported_.gpt, ids);
    double difference = 0;
    for (std::size_t l = 0; l < ours.size(); ++l) {
      difference =
          std::max(difference, (ours[l].squeeze(0) - patterns_[l]).abs().max().item<double>());
    }
    if (difference <= 1e-3) return;
    throw ModelError(std::string("has the parameters of ") + match_.layout->name +
                     " but computes something else: attention differs by up to " +
                     std::to_string(difference));
  }

  const Checkpoint& checkpoint_;
  const std::vector<at::Tensor>& patterns_;
  const ImportOptions& options_;
  LayoutMatch match_;
  ImportedGpt imported_;
};

}  // namespace

ImportedGpt import_gpt(const fs::path& path, const ImportOptions& options) {
  Script script;
  if (is_torchscript(path)) {
    script = read_script(path, options.trusted);
  } else {
    script.checkpoint = read_checkpoint(path);
  }
  try {
    return Import(script.checkpoint, script.patterns, options).run();
  } catch (const ModelError& error) {
    throw ModelError(path.string() + " " + error.what());
  } catch (const c10::Error& error) {
    throw ModelError(path.string() + " cannot be made a model: " + first_line(error));
  }
}

}  // namespace attnviz
