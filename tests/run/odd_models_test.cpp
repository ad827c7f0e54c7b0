// Models that are legal, if unusual: each is drawn, gives logits and has its heads weighed.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <clocale>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "attnviz/survey.h"
#include "test_models.h"
#include "text/small_vocabulary.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

class OddModel : public ::testing::Test {
 protected:
  OddModel() {
    vocabulary_.add_merge("t", "h");
    vocabulary_.add_merge("th", "e");
    vocabulary_.write();
    torch::manual_seed(1);
  }

  /// The configuration of a tiny GPT for the small vocabulary.
  [[nodiscard]] GptConfig config() const {
    GptConfig config = tiny_gpt();
    config.vocabulary_size = std::int64_t(vocabulary_.names.size());
    return config;
  }

  [[nodiscard]] fs::path model() const { return folder_.path() / "model.pt"; }

  /// A model of two heads of four whose forward is written by hand.
  void write_by_hand(const std::string& arguments, const std::string& shape,
                     const std::string& returned, at::ScalarType type = at::kFloat) const {
    torch::jit::Module module("Odd");
    const auto rows = std::int64_t(vocabulary_.names.size());
    module.register_parameter("table", torch::randn({rows, 8}), false);
    module.define("def forward(self, ids" + arguments +
                  "):\n"
                  "  x = torch.embedding(self.table, ids)\n"
                  "  q = x.view(" +
                  shape +
                  ").transpose(1, 2)\n"
                  "  scores = torch.matmul(q, q.transpose(2, 3)) / 2.0\n"
                  "  later = torch.ones_like(scores).triu(1) > 0\n"
                  "  pattern = torch.softmax(scores.masked_fill(later, -10000.0), -1)\n"
                  "  z = torch.matmul(pattern, q).transpose(1, 2).reshape(x.size())\n"
                  "  logits = torch.matmul(x + z, self.table.t())\n"
                  "  return " +
                  returned + "\n");
    module.to(type);
    module.save(model().string());
  }

  [[nodiscard]] ShowOptions show_options() const {
    ShowOptions options;
    options.model = model();
    options.vocabulary = vocabulary_.folder;
    options.out_dir = folder_.path() / "out";
    options.figure.dpi = 40;
    options.save_attention = folder_.path() / "attention.safetensors";
    return options;
  }

  /// Draws a text of one token and one of several, and has every head weighed.
  void expect_all_works(std::vector<std::int64_t> n_heads) const {
    for (const std::string text : {"a", "the cat, the hat"}) {
      const Shown shown = visualize_attention(text, "odd", show_options());
      EXPECT_EQ(shown.n_heads, n_heads);
      ASSERT_EQ(shown.files.size(), 4U);  // the patterns, too
      for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_FALSE(cv::imread(shown.files[i].string()).empty()) << shown.files[i];
      }
      const auto n = std::int64_t(shown.ids.size());
      for (const NamedTensor& tensor : read_checkpoint(show_options().save_attention).tensors) {
        if (tensor.name == "ids") continue;
        EXPECT_EQ(tensor.values.size(-1), n);
        EXPECT_TRUE(at::allclose(tensor.values.sum(-1), at::ones({1}), 1e-3, 1e-3)) << tensor.name;
      }
      EXPECT_EQ(Model(model()).logits(shown.ids).size(0), n);
    }
    SurveyOptions options;
    options.model = model();
    options.vocabulary = vocabulary_.folder;
    for (int i = 0; i < 3; ++i) {
      options.texts.push_back(
          {std::to_string(i), "the thing in the bath, that th " + std::string(5, char('a' + i))});
    }
    options.importance = ImportanceKind::zero;
    const Survey survey = survey_heads(options);
    std::int64_t n = 0;
    for (const std::int64_t heads : n_heads) n += heads;
    EXPECT_EQ(std::int64_t(survey.report.heads.size()), n);
    EXPECT_EQ(std::int64_t(survey.importance.effects.size()), n);
  }

  TemporaryFolder folder_;
  SmallVocabulary vocabulary_;
};

TEST_F(OddModel, OneLayerOfOneHead) {
  GptConfig one = config();
  one.n_heads = {1};
  save_gpt(build_gpt(one, 0), {one, {}}, model(), Precision::single);
  expect_all_works({1});
}

TEST_F(OddModel, HeadsOfSizeOne) {
  GptConfig thin = config();
  thin.n_heads = {16, 3};
  thin.d_head = 1;
  save_gpt(build_gpt(thin, 0), {thin, {}}, model(), Precision::single);
  expect_all_works({16, 3});
}

TEST_F(OddModel, Half) {
  save_gpt(build_gpt(config(), 0), {config(), {}}, model(), Precision::half);
  expect_all_works({4, 4});
}

TEST_F(OddModel, Bfloat16) {
  write_by_hand("", "[ids.size(0), ids.size(1), 2, 4]", "logits", at::kBFloat16);
  expect_all_works({2});
}

TEST_F(OddModel, ATableThatIsPaddedBeyondTheVocabulary) {
  GptConfig padded = config();
  padded.vocabulary_size += 45;
  save_gpt(build_gpt(padded, 0), {padded, {}}, model(), Precision::single);
  expect_all_works({4, 4});
}

TEST_F(OddModel, ASmallerTableThanTheVocabularyIsToldOfWhereATextNeedsMore) {
  GptConfig small = config();
  small.vocabulary_size = 200;
  save_gpt(build_gpt(small, 0), {small, {}}, model(), Precision::single);
  EXPECT_EQ(visualize_attention("abc", "odd", show_options()).ids.size(), 3U);
  try {
    (void)visualize_attention("the", "odd", show_options());
    ADD_FAILURE() << "was drawn";
  } catch (const ModelError& error) {
    EXPECT_NE(std::string(error.what()).find("beyond the vocabulary"), std::string::npos)
        << error.what();
  }
}

TEST_F(OddModel, ADictionaryIsReturned) {
  write_by_hand("", "[ids.size(0), ids.size(1), 2, 4]", "{\"hidden\": z, \"logits\": logits}");
  expect_all_works({2});
}

TEST_F(OddModel, MoreArgumentsAreWanted) {
  write_by_hand(", attention_mask, position_ids, token_type_ids",
                "[ids.size(0), ids.size(1), 2, 4]", "logits * attention_mask.unsqueeze(-1)");
  expect_all_works({2});
}

TEST_F(OddModel, TracingFixedTheBatchAtOne) {
  write_by_hand("", "[1, -1, 2, 4]", "(logits, z)");
  expect_all_works({2});
}

/// Sets a locale that writes 0,5 for a half, as a program around the library may have done.
class DecimalCommas {
 public:
  explicit DecimalCommas(const fs::path& folder) {
    const std::string command =
        "localedef -i de_DE -f UTF-8 '" + (folder / "de_DE.UTF-8").string() + "' >/dev/null 2>&1";
    (void)std::system(command.c_str());
    ::setenv("LOCPATH", folder.c_str(), 1);
    is_set = std::setlocale(LC_ALL, "de_DE.UTF-8") != nullptr;
  }
  ~DecimalCommas() {
    std::setlocale(LC_ALL, "C");
    ::unsetenv("LOCPATH");
  }
  DecimalCommas(const DecimalCommas&) = delete;
  bool is_set = false;
};

TEST_F(OddModel, DecimalCommasOfTheProgramAroundChangeNothing) {
  save_gpt(build_gpt(config(), 0), {config(), {}}, model(), Precision::single);
  const auto all = [&] {
    std::string bytes;
    for (const fs::path& file : visualize_attention("the cat", "odd", show_options()).files) {
      bytes += read_file(file);
    }
    bytes += read_file(show_options().save_attention);
    SurveyOptions options;
    options.model = model();
    options.vocabulary = vocabulary_.folder;
    options.texts = {{"a", "the thing in the bath"}, {"b", "that other thing"}};
    options.importance = ImportanceKind::zero;
    const Survey survey = survey_heads(options);
    SurveyPictures pictures{"odd", folder_.path(), 60};
    pictures.formats = {FileFormat::png, FileFormat::svg, FileFormat::pdf};
    draw_surveys({survey}, pictures);
    for (const fs::path& file : survey_figure_files(pictures, 1)) bytes += read_file(file);
    for (const HeadFindings& head : survey.report.heads) {
      for (const HeadLabel& label : head.labels) bytes += sentence(head, label);
    }
    return bytes + to_json(survey) + to_csv({survey});
  };
  const std::string expected = all();
  const DecimalCommas commas(folder_.path());
  if (!commas.is_set) GTEST_SKIP() << "no such locale can be made here (Debian: locales)";
  ASSERT_EQ(std::to_string(0.5).substr(0, 3), "0,5");
  EXPECT_TRUE(all() == expected);
}

}  // namespace
}  // namespace attnviz
