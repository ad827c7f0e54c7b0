#include "attnviz/model.h"

#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/script.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <sstream>

#include "attnviz/error.h"
#include "model/attention_graph.h"
#include "model/blas_room.h"
#include "model/find_attention.h"
#include "model/model_file.h"

namespace attnviz {
namespace {

constexpr char kMethod[] = "forward_with_attention";

std::string shapes(const std::vector<at::Tensor>& tensors) {
  std::ostringstream text;
  for (std::size_t i = 0; i < tensors.size(); ++i) text << (i ? ", " : "") << tensors[i].sizes();
  return text.str();
}

/// As PyTorch calls it: float16, not Half.
std::string name_of(at::ScalarType type) {
  if (type == at::kHalf) return "float16";
  if (type == at::kBFloat16) return "bfloat16";
  if (type == at::kFloat) return "float32";
  return type == at::kDouble ? "float64" : c10::toString(type);
}

std::vector<at::Tensor> without_batch(std::vector<at::Tensor> layers) {
  for (at::Tensor& layer : layers) {
    if (layer.dim() == 4) layer = layer.squeeze(0);
  }
  return layers;
}

}  // namespace

struct Model::State {
  std::filesystem::path path;
  ModelOptions options;
  std::optional<MappedArchive> mapped;  ///< what the weights stay in, where they do
  torch::jit::Module module;
  std::set<at::ScalarType> weight_types;
  CaptureMode mode = CaptureMode::automatic;
  AttentionGraph attention;
  std::optional<torch::jit::Code> code, logits_code;  ///< made when they are first wanted
  std::optional<GptRecord> record;                    ///< of a model that attnviz made
  std::string graph_problem;  ///< why the graph gives nothing; empty while it may
  /// Held until a text of two tokens or more has shown where the attention is. From then on nothing
  /// here changes, and any number of texts may be captured at once.
  std::mutex finding;
  bool is_found = false;

  [[nodiscard]] bool has(const char* method) const {
    return module.find_method(method).has_value();
  }

  void cut_graph();
  void compile_logits();
  void compile() { code.emplace(attention.graph, "attention"); }
  [[nodiscard]] std::vector<at::Tensor> run_graph(const at::Tensor& ids);
  [[nodiscard]] std::vector<at::Tensor> capture_graph(const at::Tensor& ids);
  [[nodiscard]] std::vector<at::Tensor> capture_method(const at::Tensor& ids);
  [[nodiscard]] std::vector<at::Tensor> capture_either(const at::Tensor& ids);
  [[nodiscard]] ModelError no_attention(const std::string& problem) const {
    return ModelError("no attention found in " + path.string() + ": " + problem);
  }
};

void Model::State::cut_graph() {
  const char* method = has("forward") ? "forward" : kMethod;
  if (!has(method)) {
    graph_problem = "it has neither forward nor " + std::string(kMethod);
    return;
  }
  try {
    attention = cut_attention_graph(module, method);
    if (attention.graph->outputs().empty()) {
      graph_problem = "its " + std::string(method) + " has no softmax";
    }
  } catch (const Error& error) {
    graph_problem = error.what();
  } catch (const std::exception& error) {
    graph_problem = first_line(error);
  }
}

void Model::State::compile_logits() {
  try {
    const auto graph = flat_graph(module, has("forward") ? "forward" : kMethod);
    set_outputs(graph, {logits_output(*graph)});
    logits_code.emplace(graph, "logits");
  } catch (const ModelError& error) {
    throw ModelError(path.string() + ": " + error.what());
  }
}

std::vector<at::Tensor> Model::State::run_graph(const at::Tensor& ids) {
  if (!code) compile();
  return run_graph_code(*code, {module._ivalue(), ids});
}

std::vector<at::Tensor> Model::State::capture_graph(const at::Tensor& ids) {
  std::vector<at::Tensor> found = run_graph(ids);
  const auto is_fit = [&](const at::Tensor& layer) { return is_attention(layer, ids.size(1)); };
  if (is_found && std::all_of(found.begin(), found.end(), is_fit)) return found;
  const std::vector<std::size_t> keep = find_attention(found, ids.size(1));
  std::vector<at::Tensor> layers;
  for (const std::size_t i : keep) layers.push_back(found[i]);
  if (layers.empty()) {
    const std::string problem =
        "none of its " + std::to_string(found.size()) +
        " softmax nodes gives [1, heads, T, T] for T = " + std::to_string(ids.size(1)) +
        "; they give " + shapes(found);
    if (is_found) throw no_attention(problem);
    graph_problem = problem;
  } else if (keep.size() < found.size() && !is_found) {
    keep_outputs(attention, keep);
    compile();
  }
  return layers;
}

std::vector<at::Tensor> Model::State::capture_method(const at::Tensor& ids) {
  if (!has(kMethod)) throw ModelError(path.string() + " has no method " + kMethod);
  const c10::IValue output = module.get_method(kMethod)({ids});
  if (!output.isTuple() || output.toTuple()->elements().size() != 2 ||
      !output.toTuple()->elements()[1].isTensorList()) {
    throw ModelError(path.string() + ": " + kMethod +
                     " does not return (logits, list of tensors), but " + output.tagKind());
  }
  std::vector<at::Tensor> layers = output.toTuple()->elements()[1].toTensorVector();
  for (const at::Tensor& layer : layers) {
    if (!is_attention(layer, ids.size(1))) {
      throw ModelError(path.string() + ": " + kMethod + " gives tensors of the shapes " +
                       shapes(layers) +
                       ", not [1, heads, T, T] for T = " + std::to_string(ids.size(1)));
    }
  }
  return layers;
}

std::vector<at::Tensor> Model::State::capture_either(const at::Tensor& ids) {
  const CaptureMode wanted = is_found ? mode : options.capture;
  std::vector<at::Tensor> layers;
  if (wanted != CaptureMode::method && graph_problem.empty()) layers = capture_graph(ids);
  if (!layers.empty()) {
    if (!is_found) mode = CaptureMode::graph;
  } else if (wanted == CaptureMode::method || (wanted == CaptureMode::automatic && has(kMethod))) {
    layers = capture_method(ids);
    if (!is_found) mode = CaptureMode::method;
  }
  return layers;
}

Model::Model(std::filesystem::path path, const ModelOptions& options)
    : state_(std::make_unique<State>()) {
  if (options.mapped) state_->mapped.emplace(path);
  state_->module = load_torchscript(path, {.device = options.device,
                                           .trusted = options.trusted,
                                           .in_file = &state_->weight_types,
                                           .mapped = state_->mapped ? &*state_->mapped : nullptr});
  if (options.float64) widen_to_float64(state_->module);
  state_->record = read_gpt_record(path);
  state_->path = std::move(path);
  state_->options = options;
  state_->cut_graph();
}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

std::vector<at::Tensor> Model::capture(const TokenIds& ids) {
  State& state = *state_;
  check_limits(ids, state.attention.facts, state.path);
  require_blas_room();
  try {
    torch::NoGradGuard no_grad;
    const at::Tensor input = torch::tensor(ids).unsqueeze(0).to(state.options.device);
    std::unique_lock lock(state.finding);
    if (state.is_found) lock.unlock();
    std::vector<at::Tensor> layers = state.capture_either(input);
    if (state.mapped) state.mapped->require_unchanged();
    if (lock) state.is_found = !layers.empty() && ids.size() > 1;
    if (!layers.empty()) return without_batch(std::move(layers));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    if (state.mapped) state.mapped->require_unchanged();  // else the reason is no other
    throw ModelError(state.path.string() + " fails on " + std::to_string(ids.size()) +
                     " tokens: " + first_line(error));
  }
  throw state.no_attention(state.graph_problem);
}

at::Tensor Model::logits(const TokenIds& ids) {
  State& state = *state_;
  check_limits(ids, state.attention.facts, state.path);
  require_blas_room();
  try {
    torch::NoGradGuard no_grad;
    const at::Tensor input = torch::tensor(ids).unsqueeze(0).to(state.options.device);
    if (!state.logits_code) state.compile_logits();
    const at::Tensor logits =
        run_graph_code(*state.logits_code, {state.module._ivalue(), input})[0];
    if (state.mapped) state.mapped->require_unchanged();
    if (logits.dim() == 3 && logits.size(0) == 1 && logits.size(1) == std::int64_t(ids.size())) {
      return logits.squeeze(0).to(at::kCPU, at::kFloat);
    }
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw ModelError(state.path.string() + " fails on " + std::to_string(ids.size()) +
                     " tokens: " + first_line(error));
  }
  throw ModelError(state.path.string() + " gives no logits: its forward returns no [1, T, V]");
}

ModelInfo Model::info() {
  State& state = *state_;
  ModelInfo info;
  for (const at::Tensor& layer : capture({0, 0})) info.n_heads.push_back(layer.size(0));
  info.capture = state.mode;
  info.vocabulary_size = state.attention.facts.vocabulary_size;
  info.n_positions = state.attention.facts.n_positions;
  info.d_model = state.attention.facts.d_model;
  if (state.mode == CaptureMode::graph) {
    info.n_weight_sets = count_weight_sets(*state.attention.graph, state.module);
  }
  std::set<const void*> seen;  // a tied parameter has two names
  for (const at::Tensor& parameter : state.module.parameters()) {
    if (seen.insert(parameter.unsafeGetTensorImpl()).second) info.n_parameters += parameter.numel();
  }
  for (const at::ScalarType type : state.weight_types) {
    info.weight_types.push_back(name_of(type));
  }
  info.norm_epsilons = state.attention.facts.norm_epsilons;
  info.file_size = std::filesystem::file_size(state.path);
  info.record = state.record;
  return info;
}

CaptureMode Model::capture_mode() const {
  return state_->mode;
}

std::optional<std::int64_t> Model::vocabulary_size() const {
  return state_->attention.facts.vocabulary_size;
}

std::optional<std::int64_t> Model::n_positions() const {
  return state_->attention.facts.n_positions;
}

std::optional<at::Tensor> Model::token_embeddings() const {
  const std::optional<at::Tensor>& table = state_->attention.facts.embeddings;
  if (!table || !table->defined() || table->dim() != 2) return std::nullopt;
  return table->detach().to(at::kCPU, at::kFloat).contiguous();
}

const KeptHeads& Model::kept_heads() const {
  static const KeptHeads none;
  return state_->record ? state_->record->config.kept : none;
}

const std::filesystem::path& Model::path() const {
  return state_->path;
}

std::string to_string(CaptureMode mode) {
  switch (mode) {
    case CaptureMode::graph:
      return "graph";
    case CaptureMode::method:
      return "method";
    case CaptureMode::automatic:
      break;
  }
  return "automatic";
}

}  // namespace attnviz
