// Many texts in, what each head does out: against a model whose heads are known.
#include "attnviz/survey.h"

#include <gtest/gtest.h>
#include <torch/script.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "attnviz/error.h"
#include "attnviz/gated_model.h"
#include "hand_made_gpt.h"
#include "test_models.h"
#include "text/small_vocabulary.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

bool has(const HeadFindings& head, LabelKind kind) {
  return std::any_of(head.labels.begin(), head.labels.end(),
                     [kind](const HeadLabel& label) { return label.kind == kind; });
}

bool has(const HeadFindings& head, FlagKind kind) {
  return std::any_of(head.flags.begin(), head.flags.end(),
                     [kind](const HeadFlag& flag) { return flag.kind == kind; });
}

class SurveyTest : public ::testing::Test {
 protected:
  SurveyTest() {
    vocabulary_.write();
    options_.model = save(hand_made_gpt(), "hand.pt");
    options_.vocabulary = vocabulary_.folder;
    options_.texts = repeated_texts(20);
    options_.importance = ImportanceKind::none;
  }

  fs::path save(const torch::jit::Module& module, const std::string& name) {
    const fs::path path = folder_.path() / name;
    save_gpt(module, {}, path, Precision::single);
    return path;
  }

  /// 24 letters in an order of their own, twice.
  static std::vector<SurveyText> repeated_texts(int n) {
    std::mt19937_64 random(5);
    std::vector<SurveyText> texts;
    for (int i = 0; i < n; ++i) {
      std::string letters = "abcdefghijklmnopqrstuvwx";
      std::shuffle(letters.begin(), letters.end(), random);
      texts.push_back({"text " + std::to_string(i), letters + letters});
    }
    return texts;
  }

  fs::path file(const std::string& name, const std::string& bytes) {
    fs::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name, std::ios::binary) << bytes;
    return folder_.path() / name;
  }

  TemporaryFolder folder_;
  SmallVocabulary vocabulary_;
  SurveyOptions options_;
};

// Heads in order: L0H0, L0H1, L1H0, L1H1.
TEST_F(SurveyTest, FindsTheHeadsThatWereMadeByHand) {
  const HeadReport report = survey_heads(options_).report;
  ASSERT_EQ(report.heads.size(), 4U);
  EXPECT_EQ(report.n_texts, 20);
  EXPECT_EQ(report.heads[0].labels.at(0).kind, LabelKind::previous_token);
  EXPECT_NEAR(report.heads[0][Score::previous_token]->mean, 1, 1e-6);
  EXPECT_EQ(report.heads[2].labels.at(0).kind, LabelKind::induction);
  EXPECT_NEAR(report.heads[2][Score::induction]->mean, 1, 1e-6);
  EXPECT_LT(report.heads[2][Score::induction_control]->mean, 0.1);
  EXPECT_NEAR(report.heads[2][Score::induction_on_text]->mean, 1, 1e-6);
  for (const int i : {1, 3}) {
    EXPECT_TRUE(has(report.heads[i], LabelKind::uniform));
    EXPECT_TRUE(has(report.heads[i], FlagKind::uniform));
    EXPECT_FALSE(has(report.heads[i], FlagKind::dead)) << "nothing was measured";
  }
}

TEST_F(SurveyTest, AblationSaysThatTheInductionCircuitMattersAndTheRestIsDead) {
  for (const ImportanceKind kind : {ImportanceKind::zero, ImportanceKind::mean}) {
    options_.importance = kind;
    const Survey survey = survey_heads(options_);
    const auto& effects = survey.importance.effects;
    ASSERT_EQ(effects.size(), 4U);
    EXPECT_GT(effects[0].mean, 1) << to_string(kind);  // without the note nothing is found
    EXPECT_GT(effects[2].mean, 1) << to_string(kind);
    for (const int i : {1, 3}) {
      EXPECT_EQ(effects[i].mean, 0);
      EXPECT_EQ(survey.report.heads[i].measures.output_ratio, 0);
      EXPECT_TRUE(has(survey.report.heads[i], FlagKind::dead));
    }
    ASSERT_TRUE(survey.importance.joint);
    EXPECT_EQ(survey.importance.joint->heads, (std::vector<HeadId>{{0, 1}, {1, 1}}));
    EXPECT_EQ(survey.importance.joint->loss_change.mean, 0);
    EXPECT_EQ(survey.importance.joint->of_random_sets.size(), 5U);
  }
}

TEST_F(SurveyTest, GradientRanksTheHeadsThatMatterFirst) {
  options_.importance.reset();  // what it is by itself
  const Survey survey = survey_heads(options_);
  EXPECT_EQ(survey.importance.kind, ImportanceKind::gradient);
  const auto& effects = survey.importance.effects;
  EXPECT_GT(effects[2].mean, 1e-4);
  EXPECT_EQ(effects[1].mean, 0);
  EXPECT_EQ(effects[3].mean, 0);
  EXPECT_FALSE(survey.report.heads[3].measures.loss_change) << "a slope is no change of loss";
}

TEST_F(SurveyTest, TheOrderOfTheTextsChangesNothing) {
  options_.importance = ImportanceKind::mean;
  const std::string forward = to_json(survey_heads(options_));
  std::reverse(options_.texts.begin(), options_.texts.end());
  EXPECT_EQ(to_json(survey_heads(options_)), forward);
}

TEST_F(SurveyTest, WhatCannotBeReadIsReportedAndTheRestGoesOn) {
  options_.texts.insert(options_.texts.begin() + 1, {"gone.txt", "", folder_.path() / "gone.txt"});
  options_.texts.push_back({"empty.txt", "", file("empty.txt", "\n")});
  options_.texts.push_back({"latin.txt", "", file("latin.txt", "na\xEFve\n")});
  const Survey survey = survey_heads(options_);
  EXPECT_EQ(survey.report.n_texts, 20);
  ASSERT_EQ(survey.skipped.size(), 3U);
  EXPECT_EQ(survey.skipped[1].first, "gone.txt");
  EXPECT_NE(survey.skipped[2].second.find("UTF-8"), std::string::npos);
  options_.texts = {{"gone.txt", "", folder_.path() / "gone.txt"}};
  EXPECT_THROW((void)survey_heads(options_), TextError);
}

TEST_F(SurveyTest, LongTextsAreCutAndCounted) {
  options_.texts[3].text = std::string(500, 'a');
  EXPECT_EQ(survey_heads(options_).n_cut, 1);  // at the model's 64 positions
  options_.max_tokens = 20;
  const Survey survey = survey_heads(options_);
  EXPECT_EQ(survey.n_cut, 20);
  EXPECT_EQ(survey.report.longest, 20);
}

TEST_F(SurveyTest, ShortTextsAreScoredAndNotLabelled) {
  options_.texts = {{"short", "abc"}};
  options_.n_probes = 0;
  const Survey survey = survey_heads(options_);
  EXPECT_TRUE(survey.report.too_short);
  EXPECT_TRUE(survey.report.heads[0].labels.empty());
  EXPECT_NEAR(survey.report.heads[0][Score::previous_token]->mean, 1, 1e-6);
}

TEST_F(SurveyTest, WhereLayersShareWeightsAHeadIsAlsoTakenOutOfAllOfThem) {
  GptConfig config = tiny_gpt();
  config.shared_layers = true;
  config.vocabulary_size = 256;
  options_.model = save(build_gpt(config, 7), "shared.pt");
  options_.importance = ImportanceKind::zero;
  options_.texts.resize(1);
  const Survey survey = survey_heads(options_);
  EXPECT_TRUE(survey.layers_share_weights);
  ASSERT_EQ(survey.importance.of_all_layers.size(), 4U);
  GatedModel model(options_.model);
  HeadGates gates = model.open_gates();
  TokenIds ids = Tokenizer(options_.vocabulary).encode(options_.texts[0].text);
  ids.resize(32);  // its positions
  const double whole = model.run(ids, gates).loss;
  for (at::Tensor& gate : gates.gates) gate[2] = 0;
  EXPECT_NEAR(survey.importance.of_all_layers[2].mean, model.run(ids, gates).loss - whole, 1e-9);
}

TEST_F(SurveyTest, WithoutLogitsThereIsNoImportanceAndItSaysWhy) {
  torch::jit::Module module = module_with(R"(
def forward(self, ids):
    x = torch.embedding(self.table, ids)
    mask = torch.ones([ids.size(1), ids.size(1)]).tril() == 0
    scores = torch.matmul(x, x.transpose(1, 2)).unsqueeze(1)
    return torch.softmax(scores.masked_fill(mask, -float('inf')), -1)
)");
  options_.model = saved(folder_, module);
  options_.texts = {{"zeros", "\x01\x02\x03\x04\x05\x06"}};
  options_.n_probes = 0;
  options_.importance.reset();
  const Survey survey = survey_heads(options_);
  EXPECT_EQ(survey.importance.kind, ImportanceKind::none);
  EXPECT_NE(survey.importance.missing, "");
  options_.importance = ImportanceKind::gradient;
  EXPECT_THROW((void)survey_heads(options_), ModelError);
}

TEST_F(SurveyTest, NaNIsNoResult) {
  torch::jit::Module module =
      build_gpt(HandMadeWeights::config(),
                [](const std::string& name, const std::vector<std::int64_t>& shape) {
                  at::Tensor w = HandMadeWeights()(name, shape);
                  if (name == "norm_weight") w[0] = NAN;  // after all attention
                  return w;
                });
  options_.model = save(module, "nan.pt");
  options_.importance = ImportanceKind::zero;
  EXPECT_THROW((void)survey_heads(options_), ModelError);
  options_.importance.reset();
  const Survey survey = survey_heads(options_);
  EXPECT_NE(survey.importance.missing.find("not a finite number"), std::string::npos);
  EXPECT_TRUE(survey.importance.effects.empty());
}

TEST_F(SurveyTest, AModelOfFewPositionsIsNotProbedAndItSaysSo) {
  GptConfig config = tiny_gpt();
  config.vocabulary_size = 256;
  config.n_positions = 8;
  options_.model = save(build_gpt(config, 7), "short.pt");
  const Survey survey = survey_heads(options_);
  EXPECT_NE(survey.no_probes, "");
  EXPECT_EQ(survey.report.n_probes, 0);
}

TEST_F(SurveyTest, JsonSaysAllOfIt) {
  options_.importance = ImportanceKind::zero;
  const auto json = nlohmann::json::parse(to_json(survey_heads(options_)));
  EXPECT_EQ(json["kind"], "attnviz heads");
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["model"], "hand.pt");
  EXPECT_EQ(json["texts"]["n"], 20);
  EXPECT_EQ(json["importance"]["kind"], "zero");
  EXPECT_EQ(json["thresholds"]["induction"], 0.5);
  ASSERT_EQ(json["heads"].size(), 4U);
  const auto& head = json["heads"][2];
  EXPECT_EQ(head["head"], "L1H0");
  EXPECT_EQ(head["primary"], "induction");
  EXPECT_EQ(head["labels"][0]["evidence"], "S");
  EXPECT_NEAR(head["scores"]["induction"]["mean"].get<double>(), 1, 1e-6);
  EXPECT_LT(head["scores"]["induction"]["chance"].get<double>(), 0.1);
  EXPECT_GT(head["effect"]["mean"].get<double>(), 1);
  EXPECT_EQ(json["summary"].size(), 5U);
}

TEST_F(SurveyTest, CsvHasALineAHeadAndAsManyFieldsAsNames) {
  const std::string csv = to_csv({survey_heads(options_)});
  std::istringstream lines(csv);
  std::vector<std::ptrdiff_t> commas;
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    commas.push_back(std::count(line.begin(), line.end(), ','));
    all += line;
  }
  EXPECT_EQ(commas, std::vector<std::ptrdiff_t>(5, commas.at(0)));
  EXPECT_EQ(csv.rfind("model,head,layer,index,primary,labels,flags,entropy,entropy-chance,", 0),
            0U);
  EXPECT_NE(csv.find("hand.pt,L1H0,1,0,induction,induction"), std::string::npos);
}

TEST_F(SurveyTest, ChangesAreFoundAndNamedTheLargestFirst) {
  const Survey survey = survey_heads(options_);
  EXPECT_TRUE(changes_since(survey, to_json(survey)).empty());
  auto older = nlohmann::json::parse(to_json(survey));
  older["heads"][2]["labels"] = nlohmann::json::array();
  older["heads"][2]["scores"]["induction"]["mean"] = 0.25;
  older["heads"][0]["scores"]["previous-token"]["mean"] = 0.5;
  older["heads"][0]["scores"]["current-token"]["mean"] = 0.05;  // moved by less than 0.1
  const std::vector<std::string> expected = {"L1H0 labels: none -> induction",
                                             "L1H0 induction: 0.25 -> 1.00 (+0.75)",
                                             "L0H0 previous-token: 0.50 -> 1.00 (+0.50)"};
  EXPECT_EQ(changes_since(survey, older.dump()), expected);
}

TEST_F(SurveyTest, ChangesSinceSomethingElseAreRefused) {
  const Survey survey = survey_heads(options_);
  auto older = nlohmann::json::parse(to_json(survey));
  EXPECT_THROW((void)changes_since(survey, "{"), ModelError);
  EXPECT_THROW((void)changes_since(survey, "{\"kind\": 3}"), ModelError);
  EXPECT_THROW((void)changes_since(survey, "[]"), ModelError);
  older["version"] = 2;
  EXPECT_THROW((void)changes_since(survey, older.dump()), ModelError);
  older["version"] = 1;
  older["heads"].erase(0);
  EXPECT_THROW((void)changes_since(survey, older.dump()), ModelError);
  older["heads"] = {{{"head", "L0H0"}}, 1, 2, 3};
  EXPECT_THROW((void)changes_since(survey, older.dump()), ModelError);
}

TEST_F(SurveyTest, AFolderGivesItsTextFilesByName) {
  file("texts/b.txt", "b");
  file("texts/a/c.txt", "c");
  file("texts/picture.png", "p");
  const auto texts = text_files(folder_.path() / "texts");
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_EQ(texts[0].name, "a/c.txt");
  EXPECT_EQ(texts[1].name, "b.txt");
  fs::create_directories(folder_.path() / "none");
  EXPECT_THROW((void)text_files(folder_.path() / "none"), FileError);
  EXPECT_THROW((void)text_files(folder_.path() / "missing"), FileError);
}

TEST(SurveyOfTheDemoModel, NamesItsPreviousTokenAndItsInductionHeads) {
  SurveyOptions options;
  options.model = ATTNVIZ_SOURCE_DIR "/models/demo.pt";
  options.vocabulary = ATTNVIZ_SOURCE_DIR "/vocab/gpt2";
  options.importance = ImportanceKind::none;
  const HeadReport report = survey_heads(options).report;
  EXPECT_EQ(report.n_texts, 16);
  EXPECT_TRUE(has(report.heads[2], LabelKind::previous_token));  // L0H2
  EXPECT_TRUE(has(report.heads[9], LabelKind::induction));       // L1H1
  for (const SurveyText& text : example_texts()) EXPECT_LT(text.text.size(), 600U);
}

}  // namespace
}  // namespace attnviz
