// What a text costs, counted in work and not in seconds: the same on every machine.
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string_view>

#include "attnviz/model.h"
#include "test_models.h"

namespace attnviz {
namespace {

std::atomic<std::int64_t> multiplications = 0, softmaxes = 0;

/// Of the operators that matrix products end in.
std::unique_ptr<at::ObserverContext> count(const at::RecordFunction& function) {
  const std::string_view name = function.name();
  const auto size = [&](std::size_t input, std::int64_t axis) {
    return function.inputs()[input].toTensor().size(axis);
  };
  if (name == "aten::mm") multiplications += size(0, 0) * size(0, 1) * size(1, 1);
  if (name == "aten::addmm") multiplications += size(1, 0) * size(1, 1) * size(2, 1);
  if (name == "aten::bmm") {
    multiplications += size(0, 0) * size(0, 1) * size(0, 2) * size(1, 2);
  }
  if (name == "aten::_softmax") ++softmaxes;
  return nullptr;
}

/// While it lives, work is counted.
class Counting {
 public:
  Counting()
      : handle_(at::addGlobalCallback(at::RecordFunctionCallback(count).needsInputs(true).scopes(
            {at::RecordScope::FUNCTION}))) {
    multiplications = softmaxes = 0;
  }
  ~Counting() { at::removeCallback(handle_); }
  Counting(const Counting&) = delete;

 private:
  at::CallbackHandle handle_;
};

TEST(Work, AttentionAloneIsComputed) {
  const GptConfig config = tiny_gpt();
  const TemporaryFolder folder;
  Model model(saved(folder, build_gpt(config, 0)));
  const std::int64_t n = 11, d = config.d_model, f = config.d_feed_forward;
  const std::int64_t queries_and_keys = 2 * n * d * d, scores = n * n * d;
  const std::int64_t rest_of_a_layer = 2 * n * d * d + n * n * d + 2 * n * d * f;
  const Counting counting;
  (void)model.capture(TokenIds(std::size_t(n), 5));
  // Nothing of the last layer but its scores, and nothing of the vocabulary.
  EXPECT_EQ(multiplications, 2 * (queries_and_keys + scores) + rest_of_a_layer);
  EXPECT_EQ(softmaxes, 2);
}

TEST(Work, TheFullForwardPassIsCountedWhole) {
  const GptConfig config = tiny_gpt();
  const TemporaryFolder folder;
  Model model(saved(folder, build_gpt(config, 0)));
  const std::int64_t n = 11, d = config.d_model, f = config.d_feed_forward;
  const Counting counting;
  (void)model.logits(TokenIds(std::size_t(n), 5));
  EXPECT_EQ(multiplications,
            2 * (4 * n * d * d + 2 * n * n * d + 2 * n * d * f) + n * d * config.vocabulary_size);
}

}  // namespace
}  // namespace attnviz
