#include <gtest/gtest.h>

#include <fstream>

#include "attnviz/error.h"
#include "attnviz/snapshot.h"
#include "test_models.h"

namespace attnviz {
namespace {

class SuiteFile : public ::testing::Test {
 protected:
  [[nodiscard]] Suite read(const std::string& json) const {
    const auto path = folder_.path() / "suite.json";
    std::ofstream(path) << json;
    return read_suite(path);
  }
  void expect_refused(const std::string& json, const std::string& part) const {
    try {
      (void)read(json);
      ADD_FAILURE() << json << " was taken";
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("suite.json"), std::string::npos);
    }
  }

  TemporaryFolder folder_;
};

TEST_F(SuiteFile, HoldsModelTextsTolerancesAndFigures) {
  const Suite suite = read(R"({ // with comments
    "model": "models/gpt.pt", "vocab": "words", "capture": "method", "precision": "float32",
    "max_tokens": 64,
    "texts": ["The cat sat", {"name": "b", "file": "b.txt", "max_tokens": 8,
              "tolerance": {"score": 0.25, "heads": {"L1H2": {"pattern": 0.5}}}}],
    "tolerance": {"pattern": 1e-5, "divergence": 1e-9}, "figures": ["grid", "last"] })");
  EXPECT_EQ(suite.model, folder_.path() / "models/gpt.pt");
  EXPECT_EQ(suite.vocabulary, folder_.path() / "words");
  EXPECT_EQ(suite.capture, CaptureMode::method);
  EXPECT_FALSE(suite.float64);
  ASSERT_EQ(suite.texts.size(), 2U);
  EXPECT_EQ(suite.texts[0].name, "the_cat_sat");
  EXPECT_EQ(suite.texts[0].max_tokens, 64);
  EXPECT_EQ(suite.texts[1].name, "b");
  EXPECT_EQ(suite.texts[1].file, folder_.path() / "b.txt");
  EXPECT_EQ(suite.texts[1].max_tokens, 8);
  EXPECT_EQ(suite.texts[1].tolerance.all.score, 0.25);
  EXPECT_EQ(suite.texts[1].tolerance.heads.at({1, 2}).pattern, 0.5);
  EXPECT_EQ(suite.tolerance.all.pattern, 1e-5);
  EXPECT_EQ(suite.tolerance.all.divergence, 1e-9);
  EXPECT_EQ(suite.tolerance.all.score, std::nullopt);
  EXPECT_EQ(suite.figures, std::vector<FigureKind>({FigureKind::grid, FigureKind::last}));
  EXPECT_EQ(baseline_folder(suite), folder_.path() / "suite.snapshots");
}

TEST_F(SuiteFile, RefusesWhatItDoesNotKnowByName) {
  expect_refused("{", "no JSON");
  expect_refused("[]", "is no object");
  expect_refused("{}", "has no \"texts\"");
  expect_refused(R"({"texts": []})", "\"texts\" is no list of texts");
  expect_refused(R"({"texts": ["a"], "tolerence": {}})", "\"tolerence\", which means nothing here");
  expect_refused(R"({"texts": ["a"], "tolerance": {"patern": 1}})", "\"patern\"");
  expect_refused(R"({"texts": ["a"], "tolerance": {"pattern": -1}})", "no number of 0 or more");
  expect_refused(R"({"texts": ["a"], "tolerance": {"pattern": "1"}})", "no number of 0 or more");
  expect_refused(R"({"texts": ["a"], "tolerance": {"heads": {"L1": {}}}})", "L1");
  expect_refused(R"({"texts": ["a"], "figures": ["pie"]})", "none of grid, average, last");
  expect_refused(R"({"texts": ["a"], "figures": "grid"})", "no list of figures");
  expect_refused(R"({"texts": ["a"], "max_tokens": 0})", "no whole number of 1 or more");
  expect_refused(R"({"texts": [{"name": "a"}]})", "one of \"text\", \"file\" and \"attention\"");
  expect_refused(R"({"texts": [{"text": "a", "file": "b"}]})",
                 "one of \"text\", \"file\" and \"attention\"");
  expect_refused(R"({"texts": [{"text": "a", "name": "x/y"}]})", "x/y");
  expect_refused(R"({"texts": [{"text": "a", "name": "x\u001by"}]})", "control character");
  expect_refused(R"({"texts": ["a b", "A  b"]})", "number 2 has the name of another, a_b");
  expect_refused(R"({"texts": ["a"], "model": 3})", "no text in quotes");
}

TEST_F(SuiteFile, OfAnotherExtensionHasBaselinesOfItsOwn) {
  Suite suite;
  suite.path = "a.json";
  EXPECT_EQ(baseline_folder(suite), "a.snapshots");
  suite.path = "a.jsonc";
  EXPECT_EQ(baseline_folder(suite), "a.jsonc.snapshots");
}

TEST_F(SuiteFile, ABeginningIsWrittenOnceAndCanBeRead) {
  const auto path = folder_.path() / "attention.json";
  write_starter_suite(path, "runs/gpt \"2\".pt");
  const Suite suite = read_suite(path);
  EXPECT_EQ(suite.model, folder_.path() / "runs/gpt \"2\".pt");
  EXPECT_EQ(suite.texts.size(), 4U);
  EXPECT_THROW(write_starter_suite(path, ""), UsageError);
  std::filesystem::remove(path);
  write_starter_suite(path, "");
  EXPECT_TRUE(read_suite(path).model.empty());
}

}  // namespace
}  // namespace attnviz
