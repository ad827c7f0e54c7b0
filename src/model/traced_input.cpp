#include "model/traced_input.h"

#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>

#include <exception>

#include "attnviz/error.h"
#include "checkpoint/pickle.h"
#include "model/model_file.h"

namespace attnviz {
namespace {

using checkpoint::PickleDict;
using checkpoint::PickleTuple;
using checkpoint::PickleValue;

/// Of {"forward": [ids, ...], ...} the ids.
const at::Tensor* first_tensor(const PickleValue* value) {
  if (value == nullptr) return nullptr;
  if (const auto* tensor = value->as<at::Tensor>()) return tensor;
  const auto first_of = [](const checkpoint::PickleItems& items) {
    return items.empty() ? nullptr : first_tensor(items[0]);
  };
  if (const auto* tuple = value->as<PickleTuple>()) return first_of(tuple->items);
  if (const auto* list = value->as<checkpoint::PickleList>()) return first_of(list->items);
  const auto* dict = value->as<PickleDict>();
  if (dict == nullptr) return nullptr;
  for (const auto& [name, inputs] : dict->items) {
    const auto* text = name->as<std::string>();
    if (text != nullptr && *text == "forward") return first_tensor(inputs);
  }
  return nullptr;
}

/// Empty where it was traced with as many tokens.
std::string length_note(const TracedInput& traced, std::size_t n_tokens) {
  if (traced.batch != 1) {
    return "it was traced with a batch of " + std::to_string(traced.batch) +
           " texts; export it with one: ";
  }
  if (traced.tokens == std::int64_t(n_tokens)) return "";
  const std::string length = std::to_string(traced.tokens);
  return "it was traced with " + length + " tokens and may fit no other number; give it as many" +
         (traced.tokens < std::int64_t(n_tokens) ? " (--max-tokens " + length + ")" : "") +
         ", or script it: ";
}

}  // namespace

std::optional<TracedInput> read_traced_input(const std::filesystem::path& path) {
  try {
    caffe2::serialize::PyTorchStreamReader reader(path.string());
    if (!reader.hasRecord("traced_inputs.pkl")) return std::nullopt;
    const auto [bytes, size] = reader.getRecord("traced_inputs.pkl");
    // Only sizes are asked for: tensors without memory, whatever they claim.
    const auto pickle = checkpoint::read_pickle(
        {static_cast<const char*>(bytes.get()), size},
        [](const checkpoint::PickleStorage&, std::int64_t, const std::vector<std::int64_t>& sizes,
           const std::vector<std::int64_t>&) {
          return at::empty(sizes, at::TensorOptions().device(at::kMeta).dtype(at::kLong));
        });
    const at::Tensor* ids = first_tensor(pickle.top);
    if (ids == nullptr || ids->dim() != 2) return std::nullopt;
    return TracedInput{ids->size(0), ids->size(1)};
  } catch (const std::exception&) {
    return std::nullopt;  // it is only asked for to explain another error
  }
}

std::int64_t run_on_sample(const std::filesystem::path& path, const std::string& device,
                           const std::function<void(const at::Tensor& ids)>& run) {
  const auto ids = [&](std::int64_t n) { return at::zeros({1, n}, at::kLong).to(device); };
  try {
    run(ids(2));
    return 2;
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    const auto traced = read_traced_input(path);
    if (!traced || traced->batch != 1 || traced->tokens == 2) throw;
    run(ids(traced->tokens));
    return traced->tokens;
  }
}

ModelError run_error(const std::filesystem::path& path, std::size_t n_tokens,
                     const std::exception& error) {
  const auto traced = read_traced_input(path);
  const std::string note = traced ? length_note(*traced, n_tokens) : "";
  return ModelError(path.string() + " fails on " + std::to_string(n_tokens) + " tokens: " + note +
                    first_line(error));
}

}  // namespace attnviz
