#include "attnviz/gated_model.h"

#include <torch/script.h>
#include <torch/torch.h>

#include <functional>
#include <numeric>

#include "attnviz/error.h"
#include "model/attention_graph.h"
#include "model/find_attention.h"
#include "model/gated_graph.h"
#include "model/model_file.h"
#include "model/quiet.h"
#include "model/traced_input.h"

namespace attnviz {

struct GatedModel::State {
  std::filesystem::path path;
  torch::jit::Module module;
  std::string device;
  std::optional<torch::jit::Code> code;
  std::vector<std::int64_t> n_heads;
  /// Per layer how many heads each of its softmaxes has; nearly always there is one.
  std::vector<std::vector<std::int64_t>> softmaxes;
  KeptHeads kept;
  GraphFacts facts;

  State(const std::filesystem::path& file, const ModelOptions& options)
      : path(file),
        module(load_torchscript(file, {.device = options.device, .trusted = options.trusted})),
        device(options.device),
        kept(read_kept_heads(file)) {
    for (const at::Tensor& parameter : module.parameters()) parameter.set_requires_grad(false);
  }

  void build_graph();
  [[nodiscard]] std::vector<at::Tensor> forward(const TokenIds& ids, const HeadGates& gates) const;
  [[nodiscard]] std::vector<at::Tensor> head_outputs(const std::vector<at::Tensor>& tensors) const;
  [[nodiscard]] at::Tensor loss(const at::Tensor& logits, const TokenIds& ids) const;
  void check(const HeadGates& gates) const;

  /// run(), for ids that the model can take; LibTorch's errors as ours.
  template <typename Run>
  auto guarded(const TokenIds& ids, Run run) const {
    if (ids.size() < 2) throw TextError("a loss needs two tokens or more");
    check_limits(ids, facts, path);
    const Quiet quiet;
    try {
      return run();
    } catch (const c10::Error& error) {
      throw run_error(path, ids.size(), error);
    }
  }
};

void GatedModel::State::build_graph() {
  torch::NoGradGuard no_grad;
  const Quiet quiet;
  const char* method = module.find_method("forward") ? "forward" : "forward_with_attention";
  LayerSoftmaxes found = find_softmaxes(module, method, path, device);
  if (found.layers.empty()) throw ModelError("it has no attention in its graph");
  facts = std::move(found.facts);
  softmaxes = std::move(found.n_heads);
  for (const auto& layer : softmaxes) {
    n_heads.push_back(std::accumulate(layer.begin(), layer.end(), std::int64_t{0}));
  }
  code.emplace(gated_graph(module, method, flattened(found.layers)), "gated");
}

std::vector<at::Tensor> GatedModel::State::forward(const TokenIds& ids,
                                                   const HeadGates& gates) const {
  std::vector<c10::IValue> inputs = {module._ivalue(), torch::tensor(ids).unsqueeze(0).to(device)};
  for (std::size_t layer = 0; layer < n_heads.size(); ++layer) {
    std::int64_t first = 0;
    for (const std::int64_t n : softmaxes[layer]) {
      const auto part = [&](const at::Tensor& heads) {
        return heads.narrow(0, first, n).to(device);
      };
      inputs.emplace_back(part(gates.gates[layer]).view({-1, 1, 1}));
      const bool has_shift = !gates.shifts.empty();
      inputs.emplace_back(has_shift ? part(gates.shifts[layer]).unsqueeze(1)
                                    : torch::zeros({}).to(device));
      first += n;
    }
  }
  return run_graph_code(*code, std::move(inputs));
}

/// Per layer [heads, T, d_head] float32 on the CPU. tensors: what forward gave.
std::vector<at::Tensor> GatedModel::State::head_outputs(
    const std::vector<at::Tensor>& tensors) const {
  std::vector<at::Tensor> outputs;
  std::size_t i = 1;  // behind the logits
  for (const auto& layer : softmaxes) {
    std::vector<at::Tensor> heads;
    for (std::size_t n = 0; n < layer.size(); ++n) {
      heads.push_back(tensors.at(i++).to(at::kCPU, at::kFloat));
    }
    outputs.push_back(joined(std::move(heads)));
  }
  return outputs;
}

/// Of every token but the first, given those before it.
at::Tensor GatedModel::State::loss(const at::Tensor& logits, const TokenIds& ids) const {
  const auto n = std::int64_t(ids.size()) - 1;
  if (logits.dim() != 3 || logits.size(1) != n + 1) {
    throw ModelError(path.string() + " gives no logits: its forward returns " +
                     c10::str(logits.sizes()) + ", not [1, T, V]");
  }
  const at::Tensor targets = torch::tensor(ids).narrow(0, 1, n).to(device);
  return torch::nn::functional::cross_entropy(logits[0].narrow(0, 0, n).to(torch::kFloat), targets);
}

void GatedModel::State::check(const HeadGates& gates) const {
  const auto fit = [&](const std::vector<at::Tensor>& layers) {
    bool fits = layers.size() == n_heads.size();
    for (std::size_t l = 0; fits && l < layers.size(); ++l) fits = layers[l].size(0) == n_heads[l];
    return fits;
  };
  if (!fit(gates.gates) || (!gates.shifts.empty() && !fit(gates.shifts))) {
    throw ShapeError("the gates are of other layers or heads than the model");
  }
}

GatedModel::GatedModel(const std::filesystem::path& path, const ModelOptions& options)
    : state_(std::make_unique<State>(path, options)) {
  try {
    state_->build_graph();
  } catch (const ModelError& error) {
    throw ModelError("heads of " + path.string() + " cannot be taken out: " + error.what());
  } catch (const std::exception& error) {
    throw ModelError("heads of " + path.string() + " cannot be taken out: " + first_line(error));
  }
}
GatedModel::GatedModel(GatedModel&&) noexcept = default;
GatedModel& GatedModel::operator=(GatedModel&&) noexcept = default;
GatedModel::~GatedModel() = default;

const std::vector<std::int64_t>& GatedModel::n_heads() const {
  return state_->n_heads;
}

const KeptHeads& GatedModel::kept_heads() const {
  return state_->kept;
}

HeadGates GatedModel::open_gates() const {
  HeadGates open;
  for (const std::int64_t n : state_->n_heads) open.gates.push_back(torch::ones({n}));
  return open;
}

HeadGates GatedModel::without(const std::vector<HeadId>& heads,
                              const std::vector<at::Tensor>& means) const {
  if (!heads.empty()) require_heads(n_heads(), kept_heads(), heads);
  HeadGates gates = open_gates();
  for (const at::Tensor& mean : means) gates.shifts.push_back(at::zeros_like(mean));
  for (const HeadId head : heads) {
    const auto layer = std::size_t(head.layer);
    const std::int64_t index = *head_index(n_heads(), kept_heads(), head);
    gates.gates[layer][index] = 0;
    if (!means.empty()) gates.shifts[layer][index] = means[layer][index];
  }
  return gates;
}

GatedRun GatedModel::run(const TokenIds& ids, const HeadGates& gates) {
  state_->check(gates);
  return state_->guarded(ids, [&] {
    torch::NoGradGuard no_grad;
    std::vector<at::Tensor> tensors = state_->forward(ids, gates);
    GatedRun run;
    run.loss = state_->loss(tensors[0], ids).item<double>();
    run.outputs = state_->head_outputs(tensors);
    return run;
  });
}

std::vector<at::Tensor> GatedModel::loss_gradient(const TokenIds& ids) {
  return state_->guarded(ids, [&] {
    HeadGates gates = open_gates();
    for (at::Tensor& gate : gates.gates) gate.set_requires_grad(true);
    state_->loss(state_->forward(ids, gates)[0], ids).backward();
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& gate : gates.gates) gradients.push_back(gate.grad().to(at::kCPU));
    return gradients;
  });
}

}  // namespace attnviz
