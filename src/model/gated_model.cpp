#include "attnviz/gated_model.h"

#include <torch/script.h>
#include <torch/torch.h>

#include <functional>

#include "attnviz/error.h"
#include "model/attention_graph.h"
#include "model/find_attention.h"
#include "model/gated_graph.h"
#include "model/model_file.h"

namespace attnviz {

struct GatedModel::State {
  std::filesystem::path path;
  torch::jit::Module module;
  std::string device;
  std::optional<torch::jit::Code> code;
  std::vector<std::int64_t> n_heads;
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
  [[nodiscard]] at::Tensor loss(const at::Tensor& logits, const TokenIds& ids) const;
  void check(const HeadGates& gates) const;

  /// run(), for ids that the model can take; LibTorch's errors as ours.
  template <typename Run>
  auto guarded(const TokenIds& ids, Run run) const {
    if (ids.size() < 2) throw TextError("a loss needs two tokens or more");
    check_limits(ids, facts, path);
    try {
      return run();
    } catch (const c10::Error& error) {
      throw ModelError(path.string() + " fails on " + std::to_string(ids.size()) +
                       " tokens: " + first_line(error));
    }
  }
};

void GatedModel::State::build_graph() {
  torch::NoGradGuard no_grad;
  const char* method = module.find_method("forward") ? "forward" : "forward_with_attention";
  const AttentionGraph attention = cut_attention_graph(module, method);
  facts = attention.facts;
  const at::Tensor two = torch::zeros({1, 2}, torch::kLong).to(device);
  const auto found =
      run_graph_code(torch::jit::Code(attention.graph, "attention"), {module._ivalue(), two});
  const std::vector<std::size_t> layers = find_attention(found, 2);
  if (layers.empty()) throw ModelError("it has no attention in its graph");
  for (const std::size_t i : layers) n_heads.push_back(found[i].size(-3));
  code.emplace(gated_graph(module, method, layers), "gated");
}

std::vector<at::Tensor> GatedModel::State::forward(const TokenIds& ids,
                                                   const HeadGates& gates) const {
  std::vector<c10::IValue> inputs = {module._ivalue(), torch::tensor(ids).unsqueeze(0).to(device)};
  for (std::size_t layer = 0; layer < n_heads.size(); ++layer) {
    inputs.emplace_back(gates.gates[layer].to(device).view({-1, 1, 1}));
    const bool has_shift = !gates.shifts.empty();
    inputs.emplace_back(has_shift ? gates.shifts[layer].to(device).unsqueeze(1)
                                  : torch::zeros({}).to(device));
  }
  return run_graph_code(*code, std::move(inputs));
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
    for (std::size_t i = 1; i < tensors.size(); ++i) {
      const at::Tensor& z = tensors[i];
      run.outputs.push_back((z.dim() == 4 ? z.squeeze(0) : z).to(at::kCPU, at::kFloat));
    }
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
