// Every input that the fuzzer found worth keeping, and each that was once a finding.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "attnviz/file.h"
#include "fuzz/targets.h"

namespace attnviz {
namespace {

class Replay : public ::testing::TestWithParam<fuzz::Target> {};

TEST_P(Replay, EndsInOrderOnEveryInput) {
  const std::filesystem::path corpus =
      std::filesystem::path(ATTNVIZ_SOURCE_DIR "/tests/fuzz/corpus") / GetParam().name;
  std::vector<std::filesystem::path> inputs = files_below(corpus, {"*"});
  for (const auto& input : inputs) {
    SCOPED_TRACE(input.string());
    RecordProperty("last", input.string());
    GetParam().run(read_file(corpus / input));
  }
  std::printf("%s: %zu inputs\n", GetParam().name, inputs.size());
  RecordProperty("cases", int(inputs.size()));
  EXPECT_GE(inputs.size(), 5U);
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Replay, ::testing::ValuesIn(fuzz::kTargets),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace attnviz
