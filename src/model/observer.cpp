#include "model/observer.h"

#include <ATen/record_function.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "model/attention_graph.h"
#include "model/fused_attention.h"

namespace attnviz {
namespace {

/// What is known of one run. Operators tell what it depends on: each result is as deep as the
/// deepest of its arguments, and one more where there is a pattern between them. Tensors are told
/// apart by their memory, so that views and writing in place need no rules of their own.
class Observation : public c10::DebugInfoBase {
 public:
  struct Call : at::ObserverContext {
    std::int64_t depth = 0;
    bool is_outermost = false;  ///< of those that hold a pattern
    std::optional<at::Tensor> pattern;
  };

  using Values = c10::ArrayRef<const c10::IValue>;

  // An interpreter's operators show its whole stack: what is theirs lies at its end.
  static Values last(Values stack, std::size_t n) {
    return stack.size() > n ? stack.slice(stack.size() - n) : stack;
  }
  static Values inputs_of(const at::RecordFunction& function) {
    return last(function.inputs(), function.num_inputs());
  }
  static Values outputs_of(const at::RecordFunction& function) {
    const std::vector<c10::IValue>& stack = function.outputs();
    return last(Values(stack.data(), stack.size()), function.num_outputs());
  }

  static Observation* current() {
    return static_cast<Observation*>(
        c10::ThreadLocalDebugInfo::get(c10::DebugInfoKind::INFERENCE_CONTEXT));
  }

  std::unique_ptr<at::ObserverContext> start(const at::RecordFunction& function) {
    auto call = std::make_unique<Call>();
    const std::scoped_lock lock(mutex_);
    for (const c10::IValue& input : inputs_of(function)) {
      call->depth = std::max(call->depth, of(input));
    }
    const std::string_view name = function.name();
    const FusedAttention* fused = fused_attention(name);
    if ((fused || is_softmax(name)) && !is_inside) {
      call->is_outermost = is_inside = true;
      if (fused) call->pattern = pattern(*fused, function);
    }
    return call;
  }

  void end(const at::RecordFunction& function, Call& call) {
    const std::scoped_lock lock(mutex_);
    if (call.is_outermost) {
      is_inside = false;
      const auto outputs = outputs_of(function);
      if (!call.pattern && outputs.size() == 1 && outputs[0].isTensor()) {
        // What comes next may write into it.
        const at::DisableRecordFunctionGuard unseen;
        call.pattern = outputs[0].toTensor().clone();
      }
      if (call.pattern) {
        observed_.patterns.push_back(*call.pattern);
        observed_.depths.push_back(++call.depth);
      }
    }
    for (const c10::IValue& output : outputs_of(function)) set(output, call.depth);
  }

  /// Whether this thread is within an operator that holds a pattern.
  static thread_local bool is_inside;

  Observed result() {
    if (problem_) std::rethrow_exception(problem_);
    return std::move(observed_);
  }

 private:
  /// Exceptions do not come out of an observer: the first is kept.
  std::optional<at::Tensor> pattern(const FusedAttention& fused,
                                    const at::RecordFunction& function) {
    const at::DisableRecordFunctionGuard unseen;
    try {
      return pattern_of(fused, function.operator_schema().value(), inputs_of(function));
    } catch (...) {
      if (!problem_) problem_ = std::current_exception();
      return std::nullopt;
    }
  }

  template <typename Visit>
  static void for_each_storage(const c10::IValue& value, Visit visit) {
    if (value.isTensor()) {
      const at::Tensor& tensor = value.toTensor();
      if (!tensor.defined() || !tensor.has_storage()) return;
      const void* memory = tensor.storage().data();
      if (memory != nullptr) visit(memory);
    } else if (value.isTensorList()) {
      for (const at::Tensor& tensor : value.toTensorVector()) {
        for_each_storage(c10::IValue(tensor), visit);
      }
    } else if (value.isList()) {
      for (const c10::IValue& item : value.toListRef()) for_each_storage(item, visit);
    }
  }

  [[nodiscard]] std::int64_t of(const c10::IValue& value) const {
    std::int64_t depth = 0;
    for_each_storage(value, [&](const void* memory) {
      const auto found = depths_.find(memory);
      if (found != depths_.end()) depth = std::max(depth, found->second);
    });
    return depth;
  }

  void set(const c10::IValue& value, std::int64_t depth) {
    for_each_storage(value, [&](const void* memory) { depths_[memory] = depth; });
  }

  std::mutex mutex_;
  std::unordered_map<const void*, std::int64_t> depths_;
  Observed observed_;
  std::exception_ptr problem_;
};

thread_local bool Observation::is_inside = false;

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function) {
  Observation* observation = Observation::current();
  return observation ? observation->start(function) : nullptr;
}

void on_end(const at::RecordFunction& function, at::ObserverContext* context) {
  Observation* observation = Observation::current();
  if (observation && context) {
    observation->end(function, *static_cast<Observation::Call*>(context));
  }
}

/// Sees the operators of this thread while it lives, and of the threads that work for it.
class Observer {
 public:
  explicit Observer(const std::shared_ptr<Observation>& observation)
      : known_(c10::DebugInfoKind::INFERENCE_CONTEXT, observation),
        handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(&on_start, &on_end)
                                               .needsInputs(true)
                                               .needsOutputs(true)
                                               .scopes({at::RecordScope::FUNCTION}))) {}
  ~Observer() { at::removeCallback(handle_); }
  Observer(const Observer&) = delete;

 private:
  c10::DebugInfoGuard known_;
  at::CallbackHandle handle_;
};

}  // namespace

Observed observe_attention(const std::function<void()>& run) {
  const auto observation = std::make_shared<Observation>();
  {
    const Observer observer(observation);
    run();
  }
  return observation->result();
}

}  // namespace attnviz
