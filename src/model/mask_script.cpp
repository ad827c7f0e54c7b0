#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/script.h>

#include <algorithm>
#include <sstream>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/gated_model.h"
#include "attnviz/surgery.h"
#include "model/gated_graph.h"
#include "model/model_file.h"
#include "model/quiet.h"

namespace attnviz {
namespace {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Value;

constexpr const char* kMethods[] = {"forward", "forward_with_attention"};

/// What is written into the graph for one layer.
struct Silence {
  at::Tensor is_silent;  ///< [heads, 1, 1] bool
  at::Tensor mean;       ///< [heads, 1, d_head], 0 where a head is heard; undefined: 0 throughout
};

/// As the weights, so that a half model's outputs stay half.
at::ScalarType type_of(const Module& module) {
  for (const at::Tensor& parameter : module.parameters()) {
    if (parameter.is_floating_point()) return parameter.scalar_type();
  }
  return at::kFloat;
}

std::vector<Silence> silences(const std::vector<std::int64_t>& n_heads,
                              const std::vector<HeadId>& heads,
                              const std::vector<at::Tensor>& means, at::ScalarType type) {
  std::vector<Silence> layers;
  for (std::size_t layer = 0; layer < n_heads.size(); ++layer) {
    at::Tensor is_silent = torch::zeros({n_heads[layer], 1, 1}, torch::kBool);
    for (const HeadId head : heads) {
      if (std::size_t(head.layer) == layer) is_silent[head.head].fill_(true);
    }
    at::Tensor mean;
    if (!means.empty()) {
      mean = means[layer].unsqueeze(1).masked_fill(is_silent.logical_not(), 0).to(type);
    }
    layers.push_back({is_silent, mean});
  }
  return layers;
}

/// Of the heads of one softmax of a layer.
Silence part_of(const Silence& layer, std::int64_t first, std::int64_t n) {
  const auto part = [&](const at::Tensor& heads) {
    return heads.defined() ? heads.narrow(0, first, n).clone() : heads;
  };
  return {part(layer.is_silent), part(layer.mean)};
}

void silence_heads(Graph& graph, Value* output, const Silence& silence) {
  static const auto kFill = c10::Symbol::fromQualString("aten::masked_fill");
  static const auto kPlus = c10::Symbol::fromQualString("aten::add");
  if (!silence.is_silent.any().item<bool>()) return;
  replace_after(output, [&](Value* z) {
    Value* mask = graph.insertConstant(silence.is_silent);
    Value* silent = graph.insert(kFill, {z, mask, 0.0});
    if (!silence.mean.defined()) return silent;
    return graph.insert(kPlus, {silent, graph.insertConstant(silence.mean)});
  });
}

/// attention: of the same module in a precision that can be computed with here.
std::shared_ptr<Graph> masked_graph(const Module& module, const LayerSoftmaxes& attention,
                                    const std::string& method, const std::vector<Silence>& layers) {
  std::shared_ptr<Graph> graph = open_graph(module, method);
  const std::vector<Value*> outputs = head_outputs(*graph, flattened(attention.layers));
  if (attention.layers.size() != layers.size()) {
    throw ModelError("its " + method + " has " + std::to_string(attention.layers.size()) +
                     " layers of attention, its forward " + std::to_string(layers.size()));
  }
  std::size_t i = 0;
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    std::int64_t first = 0;
    for (const std::int64_t n : attention.n_heads[layer]) {
      silence_heads(*graph, outputs.at(i++), part_of(layers[layer], first, n));
      first += n;
    }
  }
  torch::jit::EliminateDeadCode(graph);
  return graph;
}

/// A method cannot be put in another's place, but its graph can be filled anew. Optional arguments
/// were given their defaults and are gone.
void fill_method(const torch::jit::Method& method, Graph& filling) {
  torch::jit::GraphFunction& function = torch::jit::toGraphFunction(method.function());
  const auto arguments = function.getSchema().arguments();
  Graph& graph = *function.graph();
  graph.block()->clear();
  while (!graph.inputs().empty()) graph.eraseInput(graph.inputs().size() - 1);
  graph.block()->cloneFrom(filling.block(), [](Value* value) { return value; });
  function.setSchema(
      function.getSchema().cloneWithArguments({arguments.begin(), arguments.begin() + 2}));
}

std::vector<std::string> other_methods(const Module& module) {
  std::vector<std::string> others;
  for (const auto& method : module.get_methods()) {
    const auto is_it = [&](const char* known) { return method.name() == known; };
    if (std::none_of(std::begin(kMethods), std::end(kMethods), is_it)) {
      others.push_back(method.name());
    }
  }
  return others;
}

/// What was saved beside the module's own files.
torch::jit::ExtraFilesMap extra_files(const std::filesystem::path& path) {
  constexpr std::size_t kFolder = 6;  // behind "extra/"
  torch::jit::ExtraFilesMap files;
  caffe2::serialize::PyTorchStreamReader reader(path.string());
  for (const std::string& name : reader.getAllRecords()) {
    if (!name.starts_with("extra/")) continue;
    const auto [bytes, size] = reader.getRecord(name);
    files[name.substr(kFolder)] = std::string(static_cast<const char*>(bytes.get()), size);
  }
  return files;
}

}  // namespace

std::vector<std::string> mask_script(const std::filesystem::path& model,
                                     const std::vector<HeadId>& heads,
                                     const std::vector<at::Tensor>& means,
                                     const std::filesystem::path& out, bool trusted) {
  const GatedModel checked(
      model, {.trusted = trusted});  // says what is wrong with a model whose heads cannot be found
  require_heads(checked.n_heads(), {}, heads);
  torch::NoGradGuard no_grad;
  const Quiet quiet;
  try {
    Module module = load_torchscript(model, {.trusted = trusted, .as_stored = true});
    const Module runnable = load_torchscript(model, {.trusted = trusted});
    const std::vector<Silence> layers = silences(checked.n_heads(), heads, means, type_of(module));
    // Both graphs first: the second is made of the module as it was.
    std::vector<std::pair<std::string, std::shared_ptr<Graph>>> graphs;
    for (const char* method : kMethods) {
      if (!module.find_method(method)) continue;
      const LayerSoftmaxes attention = find_softmaxes(runnable, method, model, "cpu");
      graphs.emplace_back(method, masked_graph(module, attention, method, layers));
    }
    for (const auto& [method, graph] : graphs) fill_method(module.get_method(method), *graph);
    const std::vector<std::string> others = other_methods(module);
    for (const std::string& method : others) module.type()->unsafeRemoveMethod(method);
    std::ostringstream archive;
    module.save(archive, extra_files(model));
    write_file_atomically(out, archive.str());
    return others;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw ModelError(model.string() + " cannot be masked: " + first_line(error));
  }
}

}  // namespace attnviz
