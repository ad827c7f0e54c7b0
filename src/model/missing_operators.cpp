#include "model/missing_operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <mutex>

#include "model/operator_scripts.h"

namespace attnviz {
namespace {

template <const char* Name>
void run(const c10::OperatorHandle& schema, torch::jit::Stack* stack) {
  run_script(Name, *stack);
  if (schema.schema().returns().size() < 2) return;
  const auto results = torch::jit::pop(*stack).toTuple();
  for (const c10::IValue& result : results->elements()) stack->push_back(result);
}

struct Operator {
  const char* name;
  const char* schema;
  torch::CppFunction (*kernel)();
};

template <const char* Name>
torch::CppFunction kernel_of() {
  return torch::CppFunction::makeFromBoxedFunction<&run<Name>>();
}

constexpr char kAttention[] = "scaled_dot_product_attention";
constexpr char kOldAttention[] = "_scaled_dot_product_attention";
constexpr char kRmsNorm[] = "rms_norm";
constexpr char kGroupedProduct[] = "_grouped_mm";

// The schemas of PyTorch 2.15, of the old attention that of 1.13. Arguments in the order of the
// scripts of the same names.
constexpr Operator kOperators[] = {
    {kAttention,
     "(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, "
     "bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
     &kernel_of<kAttention>},
    {kOldAttention,
     "(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, "
     "bool need_attn_weights=False, bool is_causal=False) -> (Tensor, Tensor)",
     &kernel_of<kOldAttention>},
    {kRmsNorm,
     "(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
     &kernel_of<kRmsNorm>},
    {kGroupedProduct,
     "(Tensor self, Tensor mat2, Tensor? offs=None, Tensor? bias=None, ScalarType? out_dtype=None) "
     "-> Tensor",
     &kernel_of<kGroupedProduct>},
};

}  // namespace

void supply_missing_operators() {
  static std::once_flag once;
  std::call_once(once, [] {
    static torch::Library library(torch::Library::FRAGMENT, "aten", c10::nullopt, __FILE__,
                                  __LINE__);
    for (const Operator& missing : kOperators) {
      const std::string name = std::string("aten::") + missing.name;
      if (c10::Dispatcher::singleton().findSchema({name, ""})) continue;
      library.def((missing.name + std::string(missing.schema)).c_str());
      library.impl(missing.name,
                   torch::dispatch(c10::DispatchKey::CompositeImplicitAutograd, missing.kernel()));
    }
  });
}

}  // namespace attnviz
