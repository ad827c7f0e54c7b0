// A suite on the built-in model, and what has to be caught and what not.
#include "attnviz/snapshot.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <fstream>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "run/snapshot_judge.h"
#include "test_models.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

const fs::path kDemo = ATTNVIZ_SOURCE_DIR "/models/demo.pt";
const fs::path kVocabulary = ATTNVIZ_SOURCE_DIR "/vocab/gpt2";

class Snapshots : public ::testing::Test {
 protected:
  Snapshots() {
    suite_.path = folder_.path() / "attention.json";
    suite_.model = kDemo;
    suite_.vocabulary = kVocabulary;
    suite_.texts = {{"tobe", "To be or not to be, that is the question"},
                    {"cat", "The cat sat on the mat"}};
  }

  /// The built-in model with its weights changed, in single precision, so that nothing is rounded.
  [[nodiscard]] fs::path changed(const std::function<void(torch::jit::Module&)>& change,
                                 Precision precision = Precision::single) const {
    const Gpt gpt = load_gpt(kDemo);
    torch::NoGradGuard no_grad;
    change(*gpt.module);
    const fs::path path = folder_.path() / "changed.pt";
    save_gpt(*gpt.module, gpt.record, path, precision);
    return path;
  }

  /// The same weights in a module of another configuration.
  [[nodiscard]] fs::path rebuilt(const std::function<void(GptConfig&)>& change) const {
    const Gpt gpt = load_gpt(kDemo);
    GptConfig config = gpt.record.config;
    change(config);
    const auto source = [&](const std::string& name, const std::vector<std::int64_t>&) {
      for (const auto& parameter : gpt.module->named_parameters()) {
        if (parameter.name == name) return parameter.value.detach().clone();
      }
      for (const auto& buffer : gpt.module->named_buffers()) {
        if (buffer.name == name) return buffer.value.detach().clone();
      }
      throw std::runtime_error("no " + name);
    };
    const fs::path path = folder_.path() / "rebuilt.pt";
    save_gpt(build_gpt(config, source), {config, {}}, path, Precision::single);
    return path;
  }

  [[nodiscard]] SnapshotReport check(const fs::path& model) const {
    SnapshotOptions options;
    options.model = model;
    return check_suite(suite_, options);
  }

  [[nodiscard]] fs::path path(const std::string& name) const { return folder_.path() / name; }

  TemporaryFolder folder_;
  Suite suite_;
};

/// Rows of a head in w_q, w_k and w_v; its columns in w_o.
std::vector<at::Tensor> weights_of(torch::jit::Module& gpt, HeadId head) {
  auto block = gpt.attr("block_" + std::to_string(head.layer)).toModule();
  std::vector<at::Tensor> weights;
  for (const char* name : {"w_q", "w_k", "w_v"}) {
    weights.push_back(block.attr(name).toTensor().narrow(0, head.head * 16, 16));
  }
  weights.push_back(block.attr("w_o").toTensor().narrow(1, head.head * 16, 16));
  return weights;
}

TEST_F(Snapshots, OneHeadsWeightsChangedByOnePercentAreCaughtAndNamed) {
  record_suite(suite_);
  for (const HeadId head : {HeadId{0, 3}, HeadId{2, 1}, HeadId{5, 6}}) {
    const SnapshotReport report = check(changed([&](torch::jit::Module& gpt) {
      for (at::Tensor& weights : weights_of(gpt, head)) weights.mul_(1.01);
    }));
    EXPECT_EQ(report.count(Verdict::changed), 2U) << to_string(head);
    for (const TextResult& text : report.texts) {
      EXPECT_TRUE(std::any_of(text.most_changed.begin(), text.most_changed.end(),
                              [&](const HeadChange& change) { return change.id == head; }));
      EXPECT_NE(text.message.find("in " + to_string(head) + " alone: its own queries or keys"),
                std::string::npos)
          << text.message;
      EXPECT_FALSE(text.picture.empty());
    }
  }
}

TEST_F(Snapshots, ValuesAloneAreCaughtInTheNextLayer) {
  record_suite(suite_);
  const SnapshotReport report = check(changed([](torch::jit::Module& gpt) {
    weights_of(gpt, {2, 1})[2].mul_(1.01);
  }));
  EXPECT_EQ(report.verdict(), Verdict::changed);
  EXPECT_NE(report.texts[0].message.find("beginning in layer 3, in every head"), std::string::npos)
      << report.texts[0].message;
}

TEST_F(Snapshots, TwoHeadsThatWereSwappedAreCaughtAndNamed) {
  record_suite(suite_);
  const SnapshotReport report = check(changed([](torch::jit::Module& gpt) {
    const auto a = weights_of(gpt, {2, 1}), b = weights_of(gpt, {2, 5});
    for (std::size_t i = 0; i < a.size(); ++i) {
      const at::Tensor held = a[i].clone();
      a[i].copy_(b[i]);
      b[i].copy_(held);
    }
  }));
  for (const TextResult& text : report.texts) {
    ASSERT_EQ(text.most_changed.size(), 2U);
    EXPECT_EQ(text.changes.heads[17].now_as, (HeadId{2, 5}));
    EXPECT_EQ(text.changes.heads[21].now_as, (HeadId{2, 1}));
  }
}

TEST_F(Snapshots, ALayerNormsEpsilonIsCaughtAndNamed) {
  record_suite(suite_);
  ASSERT_EQ(check(rebuilt([](GptConfig&) {})).verdict(), Verdict::same);
  for (const double epsilon : {1e-6, 2e-5}) {
    const SnapshotReport report =
        check(rebuilt([&](GptConfig& config) { config.norm_epsilon = epsilon; }));
    EXPECT_EQ(report.count(Verdict::changed), 2U) << epsilon;
    const FactChange expected{"layer norm epsilon", "1e-05", epsilon == 1e-6 ? "1e-06" : "2e-05"};
    const std::vector<FactChange> facts = report.facts();
    EXPECT_NE(std::find(facts.begin(), facts.end(), expected), facts.end());
    EXPECT_NE(report.texts[0].message.find("beginning in layer 0, in "), std::string::npos);
    EXPECT_NE(report.texts[0].message.find("what it reads"), std::string::npos);
  }
}

TEST_F(Snapshots, AMergeRuleThatIsGoneIsAVerdictOfItsOwn) {
  record_suite(suite_);
  fs::copy(kVocabulary, path("vocab"));
  std::string merges = read_file(path("vocab") / "merges.txt");
  const std::string rule = "\nĠc at\n";
  ASSERT_NE(merges.find(rule), std::string::npos);
  merges.replace(merges.find(rule), rule.size(), "\n");
  std::ofstream(path("vocab") / "merges.txt", std::ios::binary) << merges;
  SnapshotOptions options;
  options.vocabulary = path("vocab");
  const SnapshotReport report = check_suite(suite_, options);
  EXPECT_EQ(report.texts[0].verdict, Verdict::same);
  EXPECT_EQ(report.texts[1].verdict, Verdict::changed);
  EXPECT_EQ(report.texts[1].message,
            "other tokens: 6 -> 7 tokens; the first other one is token 1, `·cat` -> `·c`");
  EXPECT_TRUE(report.texts[1].changes.heads.empty());
  EXPECT_TRUE(report.texts[1].picture.empty());
}

TEST_F(Snapshots, WeightsRoundedToHalfPrecisionAreCaughtAndNamed) {
  const auto disturb = [](torch::jit::Module& gpt) {
    torch::manual_seed(0);
    for (at::Tensor parameter : gpt.parameters()) {
      parameter.mul_(1 + (torch::rand_like(parameter) - 0.5) * 4e-4);
    }
  };
  suite_.model = path("single.pt");
  fs::rename(changed(disturb), suite_.model);
  record_suite(suite_);
  const SnapshotReport report = check(changed(disturb, Precision::half));
  EXPECT_EQ(report.count(Verdict::changed), 2U);
  const std::vector<FactChange> facts = report.facts();
  const FactChange expected{"weights", "float32", "float16"};
  EXPECT_NE(std::find(facts.begin(), facts.end(), expected), facts.end());
}

TEST_F(Snapshots, AnotherNumberOfThreadsAndRepeatsRaiseNoAlarm) {
  record_suite(suite_);
  const int threads = at::get_num_threads();
  for (int i = 0; i < 20; ++i) {
    at::set_num_threads(1 + i % 2);
    const SnapshotReport report = check_suite(suite_);
    EXPECT_EQ(report.verdict(), Verdict::same);
    for (const TextResult& text : report.texts) {
      for (const HeadChange& head : text.changes.heads) EXPECT_EQ(head.largest, 0);
    }
  }
  at::set_num_threads(threads);
}

TEST_F(Snapshots, InFloat32TheToleranceIsThatOfItsRounding) {
  record_suite(suite_);
  suite_.float64 = false;
  const SnapshotReport report = check_suite(suite_);
  EXPECT_EQ(report.verdict(), Verdict::same);
  double largest = 0;
  for (const HeadChange& head : report.texts[0].changes.heads) {
    largest = std::max(largest, head.largest);
  }
  EXPECT_GT(largest, float64_tolerance.pattern / 4);  // it was another computation
  const std::vector<FactChange> facts = report.facts();
  const FactChange expected{"computed in", "float64", "float32"};
  EXPECT_NE(std::find(facts.begin(), facts.end(), expected), facts.end());
}

TEST_F(Snapshots, AModelThatHoldsOnToFloat32IsComputedSo) {
  suite_.texts = {{"a", "a b"}};
  const auto module = module_with(R"(
def forward(self, ids):
    x = torch.matmul(self.table[ids % 10], torch.ones([8, 8], dtype=6))  # float32
    scores = torch.matmul(x, x.transpose(1, 2)).unsqueeze(1)
    mask = torch.triu(torch.ones([ids.size(1), ids.size(1)]), 1)
    return torch.softmax(scores - 10000. * mask, -1)
)");
  suite_.model = saved(folder_, module);
  record_suite(suite_);
  const Snapshot snapshot = read_snapshot(baseline_folder(suite_) / "a.safetensors");
  EXPECT_EQ(snapshot.facts.at("attnviz:precision"), "float32");
  EXPECT_EQ(check_suite(suite_).verdict(), Verdict::same);
}

TEST_F(Snapshots, AnotherArchitectureHasAMessageOfItsOwn) {
  record_suite(suite_);
  GptConfig config = tiny_gpt();
  config.vocabulary_size = 50257;
  save_gpt(build_gpt(config, 0), {config, {}}, path("small.pt"), Precision::half);
  const SnapshotReport report = check(path("small.pt"));
  EXPECT_EQ(report.texts[0].verdict, Verdict::changed);
  EXPECT_EQ(report.texts[0].message,
            "another architecture: 6 layers of 8 heads -> 2 layers of 4 heads");
}

TEST_F(Snapshots, ATextThatCannotRunFailsAndTheOthersAreCompared) {
  record_suite(suite_);
  suite_.texts.push_back({"gone", "", path("gone.txt")});
  const SnapshotReport report = check_suite(suite_);
  EXPECT_EQ(report.texts[0].verdict, Verdict::same);
  EXPECT_EQ(report.texts[2].verdict, Verdict::failed);
  EXPECT_NE(report.texts[2].message.find("gone.txt"), std::string::npos);
  EXPECT_EQ(report.verdict(), Verdict::failed);
  EXPECT_THROW(record_suite(suite_), TextError);
}

TEST_F(Snapshots, MissingOnesAreMissingAndRecordLeavesTheOthersAlone) {
  EXPECT_EQ(check_suite(suite_).verdict(), Verdict::missing);
  EXPECT_FALSE(fs::exists(baseline_folder(suite_)));
  EXPECT_EQ(record_suite(suite_).size(), 2U);
  EXPECT_TRUE(record_suite(suite_).empty());
  const fs::path tobe = baseline_folder(suite_) / "tobe.safetensors";
  const std::string bytes = read_file(tobe);
  fs::remove(baseline_folder(suite_) / "cat.safetensors");
  SnapshotOptions options;
  options.model = changed([](torch::jit::Module& gpt) { weights_of(gpt, {0, 0})[0].mul_(2); });
  EXPECT_EQ(record_suite(suite_, options).size(), 1U);
  EXPECT_EQ(read_file(tobe), bytes);
}

TEST_F(Snapshots, UpdateWritesWhatIsNotTheSame) {
  record_suite(suite_);
  const fs::path cat = baseline_folder(suite_) / "cat.safetensors",
                 tobe = baseline_folder(suite_) / "tobe.safetensors";
  const std::string bytes = read_file(tobe);
  suite_.texts[1].text = "The dog sat on the mat";
  const SnapshotReport report = check_suite(suite_);
  EXPECT_EQ(report.texts[1].message,
            "the text itself is another: 6 tokens; the first other one is token 1, `·cat` -> "
            "`·dog`");
  EXPECT_EQ(update_baselines(suite_, report), std::vector<fs::path>{cat});
  EXPECT_EQ(read_file(tobe), bytes);
  EXPECT_EQ(check_suite(suite_).verdict(), Verdict::same);
}

TEST_F(Snapshots, BaselinesOfNoTextAreObsolete) {
  record_suite(suite_);
  suite_.texts.pop_back();
  EXPECT_EQ(check_suite(suite_).obsolete,
            std::vector<fs::path>{baseline_folder(suite_) / "cat.safetensors"});
}

TEST_F(Snapshots, PixelsAreComparedByteForByte) {
  suite_.figures = {FigureKind::average};
  suite_.texts.pop_back();
  record_suite(suite_);
  SnapshotOptions options;
  options.pixels = true;
  EXPECT_EQ(check_suite(suite_, options).verdict(), Verdict::same);
  const fs::path baseline = baseline_folder(suite_) / "tobe.safetensors";
  Snapshot snapshot = read_snapshot(baseline);
  snapshot.pictures["average"][0] ^= 1;
  write_snapshot(baseline, snapshot);
  EXPECT_EQ(check_suite(suite_).verdict(), Verdict::same);
  SnapshotReport report = check_suite(suite_, options);
  EXPECT_EQ(report.verdict(), Verdict::changed);
  EXPECT_NE(report.texts[0].message.find("; other pictures: average"), std::string::npos);
  write_pictures(report, path("out"));
  EXPECT_TRUE(fs::exists(path("out") / "tobe_attention_avg_per_layer.png"));
  snapshot.pictures.clear();
  write_snapshot(baseline, snapshot);
  EXPECT_EQ(check_suite(suite_, options).verdict(), Verdict::missing);
  SnapshotOptions to_record;
  to_record.with_figures = true;  // as --update asks for
  EXPECT_EQ(check_suite(suite_, to_record).verdict(), Verdict::missing);
  suite_.figures.clear();
  EXPECT_THROW((void)check_suite(suite_, options), UsageError);
}

TEST_F(Snapshots, OfElevenTokensAndFortyEightHeadsTakeLittleRoom) {
  record_suite(suite_);
  EXPECT_LE(fs::file_size(baseline_folder(suite_) / "tobe.safetensors"), 150'000U);
}

TEST_F(Snapshots, LongTextsKeepBlocksOfTokens) {
  std::string words;
  for (int i = 0; i < 100; ++i) words += " word" + std::to_string(i % 7);
  suite_.texts = {{"long", words}};
  record_suite(suite_);
  const fs::path baseline = baseline_folder(suite_) / "long.safetensors";
  EXPECT_LE(fs::file_size(baseline), 250'000U);
  const Snapshot snapshot = read_snapshot(baseline);
  EXPECT_EQ(snapshot.record.patterns.n_positions(), 32);
  EXPECT_EQ(snapshot.record.ids.size(), 200U);
  EXPECT_EQ(check_suite(suite_).verdict(), Verdict::same);
  const SnapshotReport report =
      check(rebuilt([](GptConfig& config) { config.norm_epsilon = 1e-6; }));
  EXPECT_EQ(report.verdict(), Verdict::changed);
  EXPECT_FALSE(report.texts[0].picture.empty());
}

TEST_F(Snapshots, ComeBackAsTheyWereWritten) {
  record_suite(suite_);
  const fs::path baseline = baseline_folder(suite_) / "cat.safetensors";
  const Snapshot snapshot = read_snapshot(baseline);
  EXPECT_EQ(snapshot.text, "The cat sat on the mat");
  EXPECT_EQ(snapshot.tokens[1], "·cat");
  EXPECT_EQ(snapshot.record.ids, TokenIds({464, 3797, 3332, 319, 262, 2603}));
  EXPECT_EQ(snapshot.record.heads.size(), 48U);
  EXPECT_EQ(snapshot.facts.at("attnviz:libtorch"), libtorch_version());
  EXPECT_EQ(snapshot.facts.at("attnviz:model_sha256"), sha256_of_file(kDemo));
  const std::string bytes = read_file(baseline);
  write_snapshot(path("again.safetensors"), snapshot);
  EXPECT_EQ(read_file(path("again.safetensors")), bytes);
}

TEST_F(Snapshots, AreReadAsAnyOtherSafetensors) {
  record_suite(suite_);
  const SafetensorsFile file = read_safetensors(baseline_folder(suite_) / "cat.safetensors");
  ASSERT_EQ(file.tensors.size(), 8U);
  EXPECT_EQ(file.tensors[0].name, "layer_0");
  EXPECT_EQ(file.tensors[0].values.sizes(), (std::vector<std::int64_t>{8, 6, 6}));
  EXPECT_EQ(file.tensors[7].name, "scores");
  EXPECT_EQ(file.metadata.at("attnviz:snapshot"), "1");
}

TEST_F(Snapshots, OfAnotherVersionOfTheFormatSaySo) {
  record_suite(suite_);
  const fs::path baseline = baseline_folder(suite_) / "cat.safetensors";
  SafetensorsFile file = read_safetensors(baseline);
  file.metadata["attnviz:snapshot"] = "2";
  write_safetensors(baseline, file.tensors, {file.metadata.begin(), file.metadata.end()});
  const SnapshotReport report = check_suite(suite_);
  EXPECT_EQ(report.texts[1].verdict, Verdict::failed);
  EXPECT_NE(report.texts[1].message.find("a snapshot of version 2 of the format, this attnviz"),
            std::string::npos)
      << report.texts[1].message;
  update_baselines(suite_, report);
  EXPECT_EQ(check_suite(suite_).verdict(), Verdict::same);
}

TEST_F(Snapshots, AFailedComparisonLeavesWhatUpdateRecords) {
  std::string words;
  for (int i = 0; i < 40; ++i) words += " word";
  suite_.texts = {{"long", words}};
  record_suite(suite_);
  const fs::path baseline = baseline_folder(suite_) / "long.safetensors";
  const std::string bytes = read_file(baseline);
  Snapshot other = read_snapshot(baseline);
  for (at::Tensor& layer : other.record.patterns.layers) {
    layer = layer.narrow(1, 0, 16).narrow(2, 0, 16).contiguous();
  }
  write_snapshot(baseline, other);
  const SnapshotReport report = check_suite(suite_);
  EXPECT_EQ(report.verdict(), Verdict::failed);
  EXPECT_NE(report.texts[0].message.find("16 blocks"), std::string::npos);
  update_baselines(suite_, report);
  EXPECT_EQ(read_file(baseline), bytes);
}

TEST_F(Snapshots, APictureThatCannotBeDrawnHidesNoChange) {
  record_suite(suite_);
  SnapshotOptions options;
  options.model = changed([](torch::jit::Module& gpt) { weights_of(gpt, {0, 0})[0].mul_(2); });
  options.n_heads = 48;
  options.dpi = 1200;
  const SnapshotReport report = check_suite(suite_, options);
  EXPECT_EQ(report.count(Verdict::changed), 2U);
  EXPECT_NE(report.texts[0].message.find("; no picture: "), std::string::npos);
}

TEST_F(Snapshots, ATolerancesHeadHasToExist) {
  record_suite(suite_);
  suite_.tolerance.heads[{9, 0}] = {1., {}, {}};
  const SnapshotReport report = check_suite(suite_);
  EXPECT_EQ(report.verdict(), Verdict::failed);
  EXPECT_NE(report.texts[0].message.find("L9H0"), std::string::npos);
}

TEST_F(Snapshots, WhereAChangeBeganDoesNotDependOnWhatIsTolerated) {
  record_suite(suite_);
  for (int head = 0; head < 5; ++head) suite_.tolerance.heads[{0, head}] = {1., 1., 1.};
  const SnapshotReport report =
      check(rebuilt([](GptConfig& config) { config.norm_epsilon = 1e-6; }));
  EXPECT_NE(report.texts[0].message.find("beginning in layer 0, in every head"), std::string::npos)
      << report.texts[0].message;
}

TEST_F(Snapshots, ThatAreDamagedSayWhatIsWrong) {
  record_suite(suite_);
  const fs::path baseline = baseline_folder(suite_) / "cat.safetensors";
  const SafetensorsFile whole = read_safetensors(baseline);
  const auto message = [&](const std::function<void(SafetensorsFile&)>& damage) {
    SafetensorsFile file = whole;
    damage(file);
    write_safetensors(baseline, file.tensors, {file.metadata.begin(), file.metadata.end()});
    const SnapshotReport report = check_suite(suite_);
    EXPECT_EQ(report.texts[1].verdict, Verdict::failed);
    return report.texts[1].message;
  };
  const auto says = [&](const std::string& part,
                        const std::function<void(SafetensorsFile&)>& damage) {
    const std::string text = message(damage);
    EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_NE(text.find("cat.safetensors"), std::string::npos) << text;
  };
  says("it holds no attention", [](auto& file) { file.tensors.erase(file.tensors.begin()); });
  says("no token ids", [](auto& file) { file.tensors.erase(file.tensors.begin() + 6); });
  says("no scores", [](auto& file) { file.tensors.pop_back(); });
  says("one row a head", [](auto& file) {
    file.tensors.back().values = file.tensors.back().values.narrow(0, 0, 3).contiguous();
  });
  says("metadata is damaged", [](auto& file) { file.metadata["attnviz:labels"] = "{"; });
  says("metadata is damaged", [](auto& file) { file.metadata["attnviz:labels"] = "{}"; });
  says("metadata is damaged", [](auto& file) { file.metadata.erase("attnviz:scores"); });
  says("do not sum to 1", [](auto& file) { file.tensors[0].values = file.tensors[0].values * 2; });
  says("are not finite", [](auto& file) {
    file.tensors.back().values = at::full_like(file.tensors.back().values, INFINITY);
  });
  says("one row a head", [](auto& file) {
    file.tensors.back().values = at::zeros({0, 10}, at::kDouble);
  });
  says("head numbers are not those",
       [](auto& file) { file.metadata["attnviz:head_numbers"] = "[[0,0],[0],[0],[0],[0],[0]]"; });
  says("is no snapshot", [](auto& file) {
    file.metadata = {{"attnviz:text", "The cat sat on the mat"}};
  });
  says("more positions than it has tokens", [](auto& file) {
    file.tensors[6].values = file.tensors[6].values.narrow(0, 0, 2).contiguous();
  });
}

TEST_F(Snapshots, CompareTakesModelsSnapshotsAndSavedAttention) {
  record_suite(suite_);
  ShowOptions show;
  show.model = kDemo;
  show.vocabulary = kVocabulary;
  show.figures = {};
  show.out_dir = path("out");
  show.save_attention = path("saved.safetensors");
  (void)visualize_attention("The cat sat on the mat", "cat", show);
  const fs::path snapshot = baseline_folder(suite_) / "cat.safetensors";
  const fs::path other = changed([](torch::jit::Module& gpt) {
    weights_of(gpt, {2, 1})[0].mul_(1.5);
  });
  const auto verdict = [&](const fs::path& before, const fs::path& after) {
    CompareOptions options;
    options.before = before;
    options.after = after;
    options.vocabulary = kVocabulary;
    return compare(options).verdict();
  };
  const fs::path saved = show.save_attention;
  for (const auto& [a, b] : std::vector<std::pair<fs::path, fs::path>>{{snapshot, snapshot},
                                                                       {snapshot, saved},
                                                                       {saved, kDemo},
                                                                       {kDemo, snapshot},
                                                                       {kDemo, kDemo}}) {
    EXPECT_EQ(verdict(a, b), Verdict::same) << a << b;
  }
  for (const fs::path& file : {snapshot, saved, kDemo}) {
    EXPECT_EQ(verdict(file, other), Verdict::changed) << file;
    EXPECT_EQ(verdict(other, file), Verdict::changed) << file;
  }
}

TEST_F(Snapshots, ComparedModelsTakeTextsAndTolerancesAndFilesTakeNoTexts) {
  CompareOptions options;
  options.before = kDemo;
  options.after = changed([](torch::jit::Module& gpt) { weights_of(gpt, {2, 1})[0].mul_(1.01); });
  options.vocabulary = kVocabulary;
  options.texts = {{"two", "two words"}};
  EXPECT_EQ(compare(options).verdict(), Verdict::changed);
  options.tolerance = {1., 1., 1.};
  EXPECT_EQ(compare(options).verdict(), Verdict::same);
  record_suite(suite_);
  options.after = baseline_folder(suite_) / "cat.safetensors";
  EXPECT_THROW((void)compare(options), UsageError);
}

TEST(ToleranceOf, TheNearestRuleThatSetsIt) {
  ToleranceRules text, suite;
  suite.all = {0.1, 0.2, {}};
  suite.heads[{1, 2}] = {{}, 0.3, {}};
  text.all = {{}, {}, 0.4};
  text.heads[{0, 0}] = {0.5, {}, {}};
  const Tolerance otherwise{1, 2, 3};
  EXPECT_EQ(tolerance_of({0, 1}, {&text, &suite}, otherwise), (Tolerance{0.1, 0.2, 0.4}));
  EXPECT_EQ(tolerance_of({1, 2}, {&text, &suite}, otherwise), (Tolerance{0.1, 0.3, 0.4}));
  EXPECT_EQ(tolerance_of({0, 0}, {&text, &suite}, otherwise), (Tolerance{0.5, 0.2, 0.4}));
  EXPECT_EQ(tolerance_of({0, 0}, {}, otherwise), otherwise);
}

}  // namespace
}  // namespace attnviz
