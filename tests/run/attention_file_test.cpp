#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attnviz/batch.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "attnviz/snapshot.h"
#include "attnviz/survey.h"
#include "attnviz/verify.h"
#include "run/source.h"
#include "temporary_folder.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

const fs::path kDumps = fs::path(ATTNVIZ_TEST_DATA) / "dumps";
const fs::path kVocabulary = ATTNVIZ_SOURCE_DIR "/vocab/gpt2";

/// Patterns that transformers computed, and the same model's by attnviz.
class AttentionFile : public testing::Test {
 protected:
  fs::path imported() {
    ImportRunOptions options;
    options.checkpoint = kDumps / "gpt2";
    options.out = folder_.path() / "gpt2.pt";
    (void)run_import(options);
    return options.out;
  }

  [[nodiscard]] ShowOptions options(const std::string& folder) const {
    ShowOptions options;
    options.out_dir = folder_.path() / folder;
    options.figure.dpi = 60;
    return options;
  }

  static Image pixels_of(const fs::path& file) { return decode_png(read_file(file)).image; }

  TemporaryFolder folder_;
};

TEST_F(AttentionFile, a_dump_is_drawn_as_the_imported_model_is_to_the_pixel) {
  ShowOptions of_model = options("model"), of_dump = options("dump");
  of_model.model = imported();
  of_model.vocabulary = kVocabulary;
  of_dump.attention = kDumps / "gpt2.npz";
  const Shown model = visualize_attention(read_file(kDumps / "gpt2_text.txt"), "x", of_model);
  const Shown dump = show_attention("x", of_dump);
  EXPECT_EQ(model.text, dump.text);
  EXPECT_EQ(model.tokens, dump.tokens);
  ASSERT_EQ(model.files.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(model.files[i].filename(), dump.files[i].filename());
    EXPECT_EQ(pixels_of(model.files[i]).rgb, pixels_of(dump.files[i]).rgb) << model.files[i];
  }
}

TEST_F(AttentionFile, ids_are_named_by_a_vocabulary_and_are_numbers_without_one) {
  ShowOptions show = options("ids");
  show.figures = {};
  show.attention = kDumps / "gpt2_layers.safetensors";
  EXPECT_EQ(show_attention("x", show).tokens.at(1), "582");
  show.vocabulary = kVocabulary;
  EXPECT_EQ(show_attention("x", show).tokens.at(1), "·man");
  show.attention = kDumps / "gpt2_stacked.npy";
  EXPECT_EQ(show_attention("x", show).tokens.at(1), "1");
  show.merge_words = true;
  EXPECT_THROW((void)show_attention("x", show), UsageError);
  show.generate = GenerateOptions{};
  EXPECT_THROW((void)show_attention("x", show), UsageError);
}

TEST_F(AttentionFile, what_looks_ahead_is_drawn_and_told) {
  ShowOptions show = options("bert");
  show.attention = kDumps / "bert.safetensors";
  const Shown shown = show_attention("x", show);
  ASSERT_EQ(shown.remarks.size(), 1U);
  EXPECT_EQ(shown.remarks[0], "queries attend to later keys: drawn as bidirectional");
  EXPECT_EQ(shown.capture, "file");
  show.dump.bidirectional = true;
  EXPECT_TRUE(show_attention("x", show).remarks.empty());
}

TEST_F(AttentionFile, both_sides_of_cross_attention_are_in_the_json) {
  ShowOptions show = options("cross");
  show.attention = kDumps / "cross.safetensors";
  show.html = folder_.path() / "cross.html";
  const auto json = nlohmann::json::parse(to_json(show_attention("x", show)));
  EXPECT_EQ(json["queries"].size(), 5U);
  EXPECT_EQ(json["tokens"].size(), 7U);
  EXPECT_FALSE(json.contains("ids"));
}

TEST_F(AttentionFile, saved_patterns_are_shown_as_the_text_they_are_of) {
  ShowOptions show = options("text"), again = options("again");
  show.model = imported();
  show.vocabulary = kVocabulary;
  show.save_attention = folder_.path() / "saved.safetensors";
  show.figure.choice.only = {{1, 3}, {0, 1}};
  const Shown shown = visualize_attention("The man", "x", show);
  again.attention = show.save_attention;
  const Shown shown_again = show_attention("x", again);
  EXPECT_EQ(shown_again.kept, (KeptHeads{{1}, {3}}));
  EXPECT_EQ(shown_again.text, "The man");
  EXPECT_EQ(shown_again.model, "gpt2.pt");
  again.figure.choice = show.figure.choice;
  EXPECT_EQ(pixels_of(show_attention("y", again).files[0]).rgb, pixels_of(shown.files[0]).rgb);
}

TEST_F(AttentionFile, heads_are_scored_without_a_model) {
  SurveyOptions survey;
  survey.statistics.min_tokens = 8;
  const std::vector<fs::path> files = {kDumps / "gpt2.npz", kDumps / "gpt2_layers.safetensors",
                                       kDumps / "none.npz", kDumps / "cross.safetensors"};
  Survey found = survey_attention(files, {}, survey);
  EXPECT_EQ(found.report.n_texts, 2);
  EXPECT_EQ(found.report.heads.size(), 8U);
  ASSERT_EQ(found.skipped.size(), 2U);
  EXPECT_NE(found.skipped[1].second.find("not the same tokens"), std::string::npos);
  choose_heads(found, {.layers = {1}, .heads = {0, 2}});
  ASSERT_EQ(found.report.heads.size(), 2U);
  EXPECT_EQ(to_string(found.report.heads[1].id), "L1H2");
  EXPECT_THROW(choose_heads(found, {.layers = {7}}), UsageError);
  EXPECT_THROW((void)survey_attention({kDumps / "none.npz"}, {}, survey), TextError);
}

TEST_F(AttentionFile, batches_draw_files_of_patterns) {
  const std::vector<BatchText> texts = list_texts({{kDumps}, {"gpt2.npz", "bert.safetensors"}});
  BatchOptions batch;
  batch.attention = true;
  batch.html = true;
  batch.out_dir = folder_.path() / "batch";
  batch.show.figure.dpi = 40;
  const BatchResult result = run_batch(texts, batch);
  EXPECT_EQ(result.progress.done, 2);
  EXPECT_TRUE(result.failures.empty());
  EXPECT_TRUE(fs::exists(batch.out_dir / "gpt2_attention_avg_per_layer.png"));
  EXPECT_TRUE(fs::exists(batch.out_dir / "bert_attention.html"));
  EXPECT_EQ(run_batch(texts, batch).progress.kept, 2);
  batch.show.figure.focus.drop_first = true;
  EXPECT_EQ(run_batch(texts, batch).progress.kept, 0);
  const std::string page = read_file(batch.out_dir / "bert_attention.html");
  EXPECT_NE(page.find(R"("left_out":{"queries":0,"keys":1})"), std::string::npos);
}

TEST_F(AttentionFile, a_batch_tells_what_a_user_should_know_of_how_many_files) {
  for (const char* name : {"a.safetensors", "b.safetensors"}) {
    const at::Tensor even = at::ones({2, 3, 3}).tril();
    const at::Tensor layer = even / even.sum(-1, true);
    write_safetensors(folder_.path() / name, {{"l1", layer}, {"l2", layer}}, {});
  }
  BatchOptions batch;
  batch.attention = true;
  batch.show.figures = {};
  batch.save_attention = true;
  batch.out_dir = folder_.path() / "batch";
  const BatchResult result = run_batch(list_texts({{folder_.path()}, {"*.safetensors"}}), batch);
  EXPECT_EQ(result.progress.done, 2);
  const std::map<std::string, std::int64_t> remarks = {
      {"its layers count from 1; here l1 is layer 0", 2}};
  EXPECT_EQ(result.remarks, remarks);
}

TEST_F(AttentionFile, suites_hold_files_of_patterns_against_their_baselines) {
  fs::copy(kDumps / "gpt2.npz", folder_.path() / "dump.npz");
  const fs::path path = folder_.path() / "suite.json";
  write_file_atomically(path, R"({"texts": [{"attention": "dump.npz"}]})");
  const Suite suite = read_suite(path);
  ASSERT_EQ(record_suite(suite).size(), 1U);
  EXPECT_EQ(check_suite(suite).verdict(), Verdict::same);
  fs::copy(kDumps / "gpt2_bfloat16.safetensors", folder_.path() / "dump.npz",
           fs::copy_options::overwrite_existing);
  EXPECT_EQ(check_suite(suite).verdict(), Verdict::changed);
  fs::copy(kDumps / "cross.safetensors", folder_.path() / "dump.npz",
           fs::copy_options::overwrite_existing);
  EXPECT_EQ(check_suite(suite).verdict(), Verdict::failed);
}

TEST_F(AttentionFile, compare_takes_files_of_any_program_and_models_beside_them) {
  CompareOptions options;
  options.vocabulary = kVocabulary;
  const auto verdict = [&](const fs::path& before, const fs::path& after) {
    options.before = before;
    options.after = after;
    return compare(options).verdict();
  };
  const fs::path layers = kDumps / "gpt2_layers.safetensors";
  EXPECT_EQ(verdict(layers, imported()), Verdict::same);
  EXPECT_EQ(verdict(layers, kDumps / "gpt2_bfloat16.safetensors"), Verdict::changed);
  EXPECT_THROW((void)verdict(kDumps / "gpt2.npz", imported()), UsageError);  // no ids to run on
  options.choice.layers = {1};
  const SnapshotReport report =
      (options.before = layers, options.after = kDumps / "gpt2_bfloat16.safetensors",
       compare(options));
  for (const HeadChange& head : report.texts[0].changes.heads) EXPECT_EQ(head.id.layer, 1);
}

TEST_F(AttentionFile, dumps_of_other_tokens_are_not_the_same) {
  const auto dump = [&](const std::string& name, const std::vector<std::string>& tokens) {
    AttentionPatterns patterns;
    patterns.layers = {at::full({1, 3, 3}, 1.F).tril()};
    patterns.layers[0] = (patterns.layers[0] / patterns.layers[0].sum(-1, true)).contiguous();
    const SideTokens side{tokens, {}};
    write_attention(folder_.path() / name, patterns, side, side, {});
    return folder_.path() / name;
  };
  CompareOptions options;
  options.before = dump("a.safetensors", {"a", "b", "a"});
  options.after = dump("b.safetensors", {"x", "y", "x"});
  EXPECT_EQ(compare(options).verdict(), Verdict::changed);
  options.after = dump("c.safetensors", {"a", "b", "a"});
  EXPECT_EQ(compare(options).verdict(), Verdict::same);
  options.after = dump("d.safetensors", {});  // of whatever tokens the other is
  EXPECT_EQ(compare(options).verdict(), Verdict::same);
  options.before = options.after = kDumps / "gpt2";
  options.dump.tensors = "x*";
  EXPECT_ANY_THROW((void)compare(options));
}

TEST_F(AttentionFile, in_a_batch_one_file_of_another_model_fails_alone) {
  const std::vector<BatchText> texts =
      list_texts({{kDumps}, {"gpt2.npz", "gpt2_layers.safetensors", "hook.safetensors"}});
  BatchOptions batch;
  batch.attention = batch.heads = true;
  batch.show.figures = {};
  for (const std::int64_t jobs : {1, 3}) {  // whichever ends first
    batch.jobs = jobs;
    batch.out_dir = folder_.path() / ("batch" + std::to_string(jobs));
    const BatchResult result = run_batch(texts, batch);
    EXPECT_EQ(result.progress.done, 2);
    EXPECT_EQ(result.stopped, "");
    ASSERT_EQ(result.failures.size(), 1U);
    EXPECT_EQ(result.failures[0].name, "hook");  // gpt2.npz comes first
    EXPECT_NE(result.failures[0].why.find("other layers or heads"), std::string::npos);
    EXPECT_FALSE(fs::exists(batch.out_dir / "hook_heads.json"));
  }
}

TEST_F(AttentionFile, of_a_bidirectional_text_every_weight_is_compared) {
  at::manual_seed(4);
  const at::Tensor before = at::softmax(at::randn({2, 2, 64, 64}) * 3, -1);
  at::Tensor after = before.clone();  // each two neighbouring keys change places, within a block
  for (std::int64_t k = 0; k < 64; k += 2) {
    after.select(-1, k).copy_(before.select(-1, k + 1));
    after.select(-1, k + 1).copy_(before.select(-1, k));
  }
  const fs::path file = folder_.path() / "both.safetensors";
  const fs::path suite_file = folder_.path() / "suite.json";
  write_safetensors(file, {{"a", before}}, {});
  write_file_atomically(suite_file, R"({"texts": [{"attention": "both.safetensors"}]})");
  const Suite suite = read_suite(suite_file);
  (void)record_suite(suite, {});
  EXPECT_EQ(check_suite(suite, {}).verdict(), Verdict::same);
  write_safetensors(file, {{"a", after}}, {});
  EXPECT_EQ(check_suite(suite, {}).verdict(), Verdict::changed);
}

TEST_F(AttentionFile, a_word_is_named_by_all_of_its_bytes) {
  ShowOptions show = options("words");
  show.attention = folder_.path() / "words.safetensors";
  const at::Tensor even = at::ones({1, 3, 3}).tril();
  write_safetensors(show.attention, {{"a", even / even.sum(-1, true)}},
                    {{"tokens", R"(["a", "ĠÃ", "©"])"}});  // an é in two pieces
  show.html = folder_.path() / "words.html";
  (void)show_attention("x", show);
  EXPECT_NE(read_file(show.html).find("0xA9>"), std::string::npos);
  show.merge_words = true;
  (void)show_attention("x", show);
  const std::string page = read_file(show.html);
  EXPECT_NE(page.find("\"é\""), std::string::npos);
  EXPECT_EQ(page.find("0xA9>"), std::string::npos);
}

TEST_F(AttentionFile, files_that_change_between_two_readings_are_found_out) {
  const fs::path file = folder_.path() / "file";
  write_file_atomically(file, "one");
  const SameFiles same(file, kVocabulary);
  EXPECT_NO_THROW(same.require());
  write_file_atomically(file, "two");
  EXPECT_THROW(same.require(), FileError);
  EXPECT_THROW(SameFiles(folder_.path() / "none", ""), FileError);
  EXPECT_THROW(SameFiles("/dev/zero", ""), FileError);
}

TEST_F(AttentionFile, generated_tokens_are_shown_with_what_they_were_read_from) {
  ShowOptions show = options("generated");
  show.model = imported();
  show.vocabulary = kVocabulary;
  show.generate = GenerateOptions{.n_tokens = 4};
  const Shown shown = visualize_attention("The man said", "x", show);
  EXPECT_EQ(shown.n_prompt, 3);
  ASSERT_EQ(shown.tokens.size(), 7U);
  ASSERT_EQ(shown.generated.size(), 4U);
  EXPECT_EQ(shown.generated[1].token, shown.tokens[4]);
  const auto json = nlohmann::json::parse(to_json(shown));
  EXPECT_EQ(json["prompt_tokens"], 3);
  EXPECT_EQ(json["generated"][2]["id"], shown.ids[5]);
  // By hand: the mean over all heads of the row before the token.
  Model model(show.model);
  at::Tensor sum = at::zeros({7});
  for (const at::Tensor& layer : model.capture(shown.ids)) sum += layer.select(1, 4).sum(0);
  const at::Tensor mean = sum / 8;
  const KeyRead& best = shown.generated[2].read.at(0);
  EXPECT_EQ(best.position, mean.argmax().item<std::int64_t>());
  EXPECT_NEAR(best.weight, mean.max().item<double>(), 1e-6);
  EXPECT_LE(shown.generated[0].read.size(), 3U);  // it saw no more
}

class Verify : public AttentionFile {
 protected:
  /// Every kind of figure, in a view that has everything.
  Shown draw() {
    ShowOptions show = options("verify");
    show.model = model_ = imported();
    show.vocabulary = kVocabulary;
    show.generate = GenerateOptions{.n_tokens = 3, .temperature = 1, .seed = 7};
    show.merge_words = true;
    show.figure.focus = {true, 2};
    show.figure.choice = {.layers = {1}, .heads = {0, 3}};
    show.figure.scale = ColourScale::log;
    return visualize_attention("The man said that", "x", show);
  }

  [[nodiscard]] VerifyOptions with_model() const {
    VerifyOptions options;
    options.model = model_;
    options.vocabulary = kVocabulary;
    return options;
  }

  fs::path model_;
};

TEST_F(Verify, a_picture_is_drawn_again_byte_for_byte) {
  for (const fs::path& file : draw().files) {
    const Verified verified = verify_picture(file, with_model());
    EXPECT_TRUE(verified.is_same) << file << verified.differences.at(0);
  }
}

TEST_F(Verify, the_same_model_under_another_name_is_the_same) {
  const Shown shown = draw();
  fs::rename(model_, folder_.path() / "moved.pt");
  model_ = folder_.path() / "moved.pt";
  EXPECT_TRUE(verify_picture(shown.files[0], with_model()).is_same);
  VerifyOptions options = with_model();
  options.attention = kDumps / "gpt2.npz";
  EXPECT_THROW((void)verify_picture(shown.files[0], options), UsageError);
}

TEST_F(Verify, of_a_file_of_patterns_too) {
  ShowOptions show = options("dump");
  show.attention = kDumps / "bert.safetensors";
  show.figure.focus.drop_first = true;
  VerifyOptions options;
  options.attention = show.attention;
  for (const fs::path& file : show_attention("x", show).files) {
    EXPECT_TRUE(verify_picture(file, options).is_same) << file;
    EXPECT_THROW((void)verify_picture(file), UsageError);
  }
}

TEST_F(Verify, a_title_that_was_put_in_place_of_another_is_no_same_picture) {
  ShowOptions show = options("dump");
  show.attention = kDumps / "gpt2.npz";
  const fs::path file = show_attention("x", show).files[0];
  DecodedPng png = decode_png(read_file(file));
  for (auto& [key, text] : png.texts) {
    if (key == "attnviz:text") text = "Proof of something else";
  }
  write_file_atomically(file, encode_png(png.image, 60, png.texts));
  VerifyOptions options;
  options.attention = show.attention;
  EXPECT_FALSE(verify_picture(file, options).is_same);
}

TEST_F(Verify, a_picture_that_claims_more_than_it_holds_takes_no_memory) {
  std::string bytes = read_file(draw().files[0]);
  bytes[18] = bytes[22] = 0x40;                        // 16,000 pixels more each way
  EXPECT_THROW((void)decode_png(bytes), FigureError);  // by its checksum already
  const fs::path corpus = ATTNVIZ_SOURCE_DIR "/tests/fuzz/corpus/picture";
  for (const char* name : {"claims_too_much.png", "chunk_that_claims_a_gigabyte.png"}) {
    EXPECT_THROW((void)decode_png(read_file(corpus / name)), FigureError) << name;
  }
}

TEST_F(Verify, another_model_is_told_and_where_its_pixels_differ) {
  const fs::path file = draw().files[0];
  ImportRunOptions import;
  import.checkpoint = kDumps / "gpt2";
  import.out = folder_.path() / "other.pt";
  import.precision = Precision::half;
  (void)run_import(import);
  VerifyOptions options = with_model();
  options.model = import.out;
  const Verified verified = verify_picture(file, options);
  EXPECT_FALSE(verified.is_same);
  ASSERT_GE(verified.differences.size(), 2U) << verified.differences.at(0);
  EXPECT_NE(verified.differences[0].find("SHA-256 of the model"), std::string::npos);
  EXPECT_NE(verified.differences[1].find("attnviz:model"), std::string::npos);
}

TEST_F(Verify, pixels_that_were_painted_over_are_found_in_their_panel) {
  const fs::path file = draw().files[0];
  DecodedPng png = decode_png(read_file(file));
  const auto place = [&](int x, int y) {
    return (std::size_t(y) * std::size_t(png.image.width) + std::size_t(x)) * 3;
  };
  const std::size_t middle = place(png.image.width / 4, png.image.height / 2);
  png.image.rgb[middle] = std::uint8_t(png.image.rgb[middle] ^ 0x80U);
  write_file_atomically(file, encode_png(png.image, 60, png.texts));
  const Verified verified = verify_picture(file, with_model());
  EXPECT_FALSE(verified.is_same);
  ASSERT_EQ(verified.differences.size(), 1U);
  EXPECT_NE(verified.differences[0].find("pixels: 1 of "), std::string::npos);
  EXPECT_NE(verified.differences[0].find("L1H0"), std::string::npos) << verified.differences[0];
}

TEST_F(Verify, what_is_no_such_picture_is_refused) {
  const auto refuse = [&](const std::string& bytes, const std::string& words) {
    const fs::path file = folder_.path() / "p.png";
    write_file_atomically(file, bytes);
    try {
      (void)verify_picture(file, with_model());
      ADD_FAILURE() << words;
    } catch (const FigureError& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  const std::string whole = read_file(draw().files[0]);
  refuse("", "it is no PNG");
  refuse("<svg/>", "it is no PNG");
  refuse(whole.substr(0, whole.size() / 2), "damaged PNG");
  const DecodedPng png = decode_png(whole);
  refuse(encode_png(png.image, 60), "does not say how it was drawn");
  auto texts = png.texts;
  for (auto& [key, text] : texts) {
    if (key == "attnviz:options") text = "{";
  }
  refuse(encode_png(png.image, 60, texts), "is damaged");
}

}  // namespace
}  // namespace attnviz
