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
#include "model/observer.h"
#include "model/quiet.h"
#include "model/traced_input.h"

namespace attnviz {
namespace {

constexpr char kMethod[] = "forward_with_attention";

std::string none_fits(const std::vector<at::Tensor>& found, std::int64_t n_tokens) {
  return "none of its " + std::to_string(found.size()) +
         " softmax nodes gives [1, heads, T, T] for T = " + std::to_string(n_tokens) +
         "; they give " + shapes_of(found);
}

/// As find_layers; where there are none, `problem` says why.
Layers layers_among(const std::vector<at::Tensor>& found, const std::vector<std::int64_t>& depths,
                    std::int64_t n_tokens, std::string& problem) {
  try {
    const Layers layers = find_layers(found, depths, n_tokens);
    if (layers.empty()) {
      problem = found.empty() ? "it runs no softmax" : none_fits(found, n_tokens);
    }
    return layers;
  } catch (const ModelError& error) {
    problem = error.what();
    return {};
  }
}

/// The same layers, of what is left when all else is left out.
Layers renumbered(Layers layers) {
  std::size_t n = 0;
  for (auto& layer : layers) {
    for (std::size_t& i : layer) i = n++;
  }
  return layers;
}

/// As PyTorch calls it: float16, not Half.
std::string name_of(at::ScalarType type) {
  if (type == at::kHalf) return "float16";
  if (type == at::kBFloat16) return "bfloat16";
  if (type == at::kFloat) return "float32";
  return type == at::kDouble ? "float64" : c10::toString(type);
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
  GraphFacts facts;
  Layers graph_layers;  ///< which of the graph's outputs make up each, where the graph is the way
  /// Made when they are first wanted: the attention alone, the logits alone, the whole method.
  std::optional<torch::jit::Code> code, logits_code, whole_code;
  std::optional<GptRecord> record;  ///< of a model that attnviz made
  std::string graph_problem;        ///< why the graph gives nothing; empty while it may
  std::string observer_problem;     ///< likewise of the last observed run
  /// Held until a text of two tokens or more has shown where the attention is. From then on nothing
  /// here changes, and any number of texts may be captured at once.
  std::mutex finding;
  std::int64_t n_sample = 0;  ///< tokens of sample_ids; 0: not known yet
  bool is_found = false;
  bool has_sinks = false;

  [[nodiscard]] bool has(const char* method) const {
    return module.find_method(method).has_value();
  }

  [[nodiscard]] const char* method() const { return has("forward") ? "forward" : kMethod; }

  void cut_graph();
  void compile_logits();
  void compile() { code.emplace(attention.graph, "attention"); }
  [[nodiscard]] std::vector<at::Tensor> run_graph(const at::Tensor& ids);
  [[nodiscard]] std::vector<at::Tensor> capture_graph(const at::Tensor& ids);
  [[nodiscard]] std::vector<at::Tensor> capture_observed(const at::Tensor& ids);
  [[nodiscard]] std::vector<at::Tensor> capture_method(const at::Tensor& ids);
  [[nodiscard]] std::vector<at::Tensor> capture_any(const at::Tensor& ids);
  [[nodiscard]] ModelError no_attention(const std::string& problem) const {
    return ModelError("no attention found in " + path.string() + ": " + problem);
  }
};

void Model::State::cut_graph() {
  if (!has(method())) {
    graph_problem = "it has neither forward nor " + std::string(kMethod);
    return;
  }
  try {
    attention = cut_attention_graph(module, method());
    facts = attention.facts;
    if (!attention.graph->outputs().empty()) return;
    graph_problem = "its " + std::string(method()) + " has no softmax";
  } catch (const Error& error) {
    graph_problem = error.what();
  } catch (const std::exception& error) {
    graph_problem = first_line(error);
  }
  try {
    facts = find_facts(*flat_graph(module, method()), module);
  } catch (const std::exception&) {
    // The problem is told where the attention is asked for.
  }
}

void Model::State::compile_logits() {
  try {
    const auto graph = flat_graph(module, method());
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
  const std::int64_t n = ids.size(1);
  const auto is_fit = [&](const at::Tensor& layer) {
    return has_sinks ? has_sink(layer, n) : is_attention(layer, n);
  };
  if (is_found && std::all_of(found.begin(), found.end(), is_fit)) {
    return joined_heads(found, graph_layers, n);
  }
  std::string problem;
  const Layers now = layers_among(found, attention.depths, n, problem);
  std::vector<at::Tensor> joined = joined_heads(found, now, n);
  if (now.empty()) {
    if (is_found) throw no_attention(problem);
    graph_problem = problem;
  } else if (!is_found) {
    const std::vector<std::size_t> keep = flattened(now);
    if (keep.size() < found.size()) {
      keep_outputs(attention, keep);
      compile();
    }
    has_sinks = !is_attention(found[keep[0]], n);
    graph_layers = renumbered(now);
  }
  return joined;
}

std::vector<at::Tensor> Model::State::capture_observed(const at::Tensor& ids) {
  try {
    if (!whole_code) whole_code.emplace(flat_graph(module, method()), "whole");
  } catch (const ModelError& error) {
    observer_problem = error.what();
    return {};
  }
  const Observed observed = observe_attention([&] {
    torch::jit::Stack stack = {module._ivalue(), ids};
    torch::jit::InterpreterState(*whole_code).run(stack);
  });
  const std::int64_t n = ids.size(1);
  std::string problem;
  const Layers found = layers_among(observed.patterns, observed.depths, n, problem);
  if (found.empty()) {
    if (is_found) throw no_attention(problem);
    observer_problem = problem;
  } else if (!is_found) {
    has_sinks = !is_attention(observed.patterns[found[0][0]], n);
  }
  return joined_heads(observed.patterns, found, n);
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
  for (at::Tensor& layer : layers) {
    if (!is_attention(layer, ids.size(1))) {
      throw ModelError(path.string() + ": " + kMethod + " gives tensors of the shapes " +
                       shapes_of(layers) +
                       ", not [1, heads, T, T] for T = " + std::to_string(ids.size(1)));
    }
    if (layer.dim() == 4) layer = layer.squeeze(0);
  }
  return layers;
}

std::vector<at::Tensor> Model::State::capture_any(const at::Tensor& ids) {
  const CaptureMode wanted = is_found ? mode : options.capture;
  const auto may_be = [&](CaptureMode one) {
    return wanted == one || wanted == CaptureMode::automatic;
  };
  std::vector<at::Tensor> layers;
  const auto taken_by = [&](CaptureMode one) {
    if (!layers.empty() && !is_found) mode = one;
    return !layers.empty();
  };
  if (may_be(CaptureMode::graph) && graph_problem.empty()) layers = capture_graph(ids);
  if (taken_by(CaptureMode::graph)) return layers;
  if (may_be(CaptureMode::observe)) layers = capture_observed(ids);
  if (taken_by(CaptureMode::observe)) return layers;
  if (wanted == CaptureMode::method || (may_be(CaptureMode::method) && has(kMethod))) {
    layers = capture_method(ids);
  }
  taken_by(CaptureMode::method);
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
  check_limits(ids, state.facts, state.path);
  require_blas_room();
  try {
    torch::NoGradGuard no_grad;
    const Quiet quiet;
    const at::Tensor input = torch::tensor(ids).unsqueeze(0).to(state.options.device);
    std::unique_lock lock(state.finding);
    if (state.is_found) lock.unlock();
    std::vector<at::Tensor> layers = state.capture_any(input);
    if (state.mapped) state.mapped->require_unchanged();
    if (lock) state.is_found = !layers.empty() && ids.size() > 1;
    if (!layers.empty()) return layers;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    if (state.mapped) state.mapped->require_unchanged();  // else the reason is no other
    throw run_error(state.path, ids.size(), error);
  }
  throw state.no_attention(state.options.capture == CaptureMode::observe ? state.observer_problem
                                                                         : state.graph_problem);
}

at::Tensor Model::logits(const TokenIds& ids) {
  State& state = *state_;
  check_limits(ids, state.facts, state.path);
  require_blas_room();
  try {
    torch::NoGradGuard no_grad;
    const Quiet quiet;
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
    throw run_error(state.path, ids.size(), error);
  }
  throw ModelError(state.path.string() + " gives no logits: its forward returns no [1, T, V]");
}

ModelInfo Model::info() {
  State& state = *state_;
  ModelInfo info;
  for (const at::Tensor& layer : capture(sample_ids())) info.n_heads.push_back(layer.size(0));
  info.capture = state.mode;
  info.vocabulary_size = state.facts.vocabulary_size;
  info.n_positions = state.facts.n_positions;
  info.d_model = state.facts.d_model;
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
  info.norm_epsilons = state.facts.norm_epsilons;
  info.file_size = std::filesystem::file_size(state.path);
  info.record = state.record;
  return info;
}

TokenIds Model::sample_ids() {
  State& state = *state_;
  const std::scoped_lock lock(state.finding);
  if (state.n_sample == 0) {
    state.n_sample = 2;
    // What was scripted fits any number, and need not be tried.
    if (read_traced_input(state.path)) {
      try {
        torch::NoGradGuard no_grad;
        const Quiet quiet;
        const auto run = [&](const at::Tensor& ids) { (void)state.capture_any(ids); };
        state.n_sample = run_on_sample(state.path, state.options.device, run);
      } catch (const std::exception&) {
        // Capturing two says what is wrong.
      }
    }
  }
  return TokenIds(std::size_t(state.n_sample), 0);
}

CaptureMode Model::capture_mode() const {
  return state_->mode;
}

bool Model::has_sinks() const {
  return state_->has_sinks;
}

std::optional<std::int64_t> Model::vocabulary_size() const {
  return state_->facts.vocabulary_size;
}

std::optional<std::int64_t> Model::n_positions() const {
  return state_->facts.n_positions;
}

std::optional<at::Tensor> Model::token_embeddings() const {
  const std::optional<at::Tensor>& table = state_->facts.embeddings;
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
    case CaptureMode::observe:
      return "observe";
    case CaptureMode::method:
      return "method";
    case CaptureMode::automatic:
      break;
  }
  return "automatic";
}

}  // namespace attnviz
