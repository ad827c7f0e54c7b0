// Texts given as token ids, for models whose tokens no text stands for; exports of a current
// PyTorch.
#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace attnviz {
namespace {

const std::string kExports = ATTNVIZ_TEST_DATA "/exports/";
const std::string kVocabulary = "'" ATTNVIZ_SOURCE_DIR "/vocab/gpt2'";

class Ids : public Cli {
 protected:
  static std::string model(const std::string& name) {
    return " --model '" + kExports + name + ".pt' ";
  }
  std::string file(const std::string& name, const std::string& bytes) {
    write_file_atomically(elsewhere(name), bytes);
    return "'" + elsewhere(name).string() + "' ";
  }
};

TEST_F(Ids, LabelTokensByTheirNumbers) {
  const Outcome outcome =
      run("show --ids 5,3,8 --figures last --dpi 40 --json" + model("nanogpt_scripted"));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["ids"], nlohmann::json({5, 3, 8}));
  EXPECT_EQ(json["tokens"], nlohmann::json({"5", "3", "8"}));
  EXPECT_EQ(json["text"], "5 3 8");
  EXPECT_EQ(json["files"][0], "./ids_5_3_8_attention_last_layer_detailed.png");
}

TEST_F(Ids, AreNamedByAVocabularyThatIsNamed) {
  const std::string ids =
      " --ids 464,3797,3332 --figures none --save-attention a.safetensors --json ";
  const auto named = nlohmann::json::parse(run("show" + ids + "--vocab " + kVocabulary).out);
  EXPECT_EQ(named["tokens"], nlohmann::json({"The", "·cat", "·sat"}));
  const std::string by_ids = read_file(work() / "a.safetensors");
  const std::string text = " 'The cat sat' --figures none --save-attention a.safetensors --json ";
  EXPECT_EQ(nlohmann::json::parse(run("show" + text).out)["ids"], named["ids"]);
  EXPECT_EQ(read_file(work() / "a.safetensors"), by_ids);
}

TEST_F(Ids, ComeFromAFile) {
  for (const char* bytes : {"[5, 3, 8]", R"({"ids": [5, 3, 8], "more": 1})", "[[5, 3, 8]]"}) {
    const Outcome outcome = run("show --figures none --json --ids " + file("f.json", bytes) +
                                model("nanogpt_scripted"));
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(nlohmann::json::parse(outcome.out)["ids"], nlohmann::json({5, 3, 8}));
  }
}

TEST_F(Ids, ThatAreNoneAreRefused) {
  expect_failure(run("show --ids 5,x"), 2, "5,x");
  expect_failure(run("show --ids 5,"), 2, "5,");
  expect_failure(run("show --ids 99999999999999999999"), 2, "99999999999999999999");
  for (const char* bytes : {"[]", "[5, 3.5]", "[\"a\"]", "{\"text\": \"a\"}", "[[1], []]", "[5,"}) {
    expect_failure(run("show --ids " + file("f.json", bytes)), 1, "f.json");
  }
  expect_failure(run("show --ids " + file("f.json", "[[1, 2], [3, 4]]")), 2, "2 lists");
  expect_failure(run("show --ids 5,3,29" + model("nanogpt_scripted")), 1, "29");
  expect_failure(run("show --ids=-1,3" + model("nanogpt_scripted")), 1, "-1");
  expect_failure(run("show 'a text' --ids 5,3"), 2, "--ids");
  expect_failure(run("show --ids 5,3,8 --merge-words --figures last" + model("nanogpt_scripted")),
                 2, "--vocab");
}

TEST_F(Ids, GoOnAndAreCut) {
  const auto json = nlohmann::json::parse(
      run("show --ids 5,3,8,2 --max-tokens 3 --generate 2 --figures none --json --quiet" +
          model("nanogpt_scripted"))
          .out);
  EXPECT_EQ(json["tokens_cut"], 1);
  EXPECT_EQ(json["prompt_tokens"], 3);
  EXPECT_EQ(json["ids"].size(), 5U);
}

TEST_F(Ids, PicturesOfThemProveThemselves) {
  ASSERT_EQ(
      run("show --ids 5,3,8 --prefix p --figures last --dpi 40" + model("nanogpt_traced")).status,
      0);
  const std::string picture = " p_attention_last_layer_detailed.png";
  EXPECT_EQ(run("verify" + picture + model("nanogpt_traced")).status, 0);
  EXPECT_EQ(run("verify" + picture + model("nanogpt_scripted")).status, 1);
}

TEST_F(Ids, OfSeveralTextsAreScored) {
  const Outcome outcome =
      run("heads --json --ids 5,3,8,5,3,8,5,3,8,5,3,8 " +
          file("f.json", "[[1,2,3,4,5,6,7,8,9,1,2,3],[9,8,7,6,5,4,3,2,1,9,8,7]]") +
          model("nanogpt_scripted"));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["texts"]["n"], 3);
}

TEST_F(Ids, AreLinesOfABatchBesideTexts) {
  const std::string lines = file("lines.jsonl", R"({"ids": [5, 3, 8], "prefix": "a"})"
                                                "\n"
                                                R"({"ids": "5"})"
                                                "\n"
                                                R"({"ids": [1], "text": "b"})"
                                                "\n");
  // A prefix is below the folder of its file.
  const std::string name = "out" + elsewhere("a_attention.safetensors").string();
  const Outcome outcome = run("batch " + lines + "--out-dir out --figures none --save-attention" +
                              model("nanogpt_scripted"));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_TRUE(fs::exists(work() / name)) << outcome.err;
  EXPECT_NE(outcome.err.find("\"ids\""), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("both"), std::string::npos) << outcome.err;
}

TEST_F(Ids, OfATraceOfOneLengthHaveToBeAsMany) {
  expect_failure(run("show --ids 5,3,8 --figures none" + model("fixed_length_traced")), 1,
                 "was traced with 7 tokens");
  const Outcome info = run("info '" + kExports + "fixed_length_traced.pt'");
  EXPECT_EQ(info.status, 0) << info.err;
  EXPECT_NE(info.out.find("layers"), std::string::npos);
  EXPECT_EQ(run("show --ids 5,3,8,1,2,3,4 --figures none" + model("fixed_length_traced")).status,
            0);
}

TEST_F(Ids, SayHowTheAttentionWasTaken) {
  const auto capture = [&](const std::string& name, const std::string& mode) {
    const Outcome outcome =
        run("show --ids 5,3,8 --figures none --json --capture " + mode + model(name));
    return outcome.status == 0 ? nlohmann::json::parse(outcome.out)["capture"].get<std::string>()
                               : outcome.err;
  };
  EXPECT_EQ(capture("nanogpt_scripted", "auto"), "graph");
  EXPECT_EQ(capture("nanogpt_scripted", "observe"), "observe");
  EXPECT_EQ(capture("early_exit_scripted", "auto"), "observe");
  EXPECT_NE(capture("early_exit_scripted", "graph").find("branch"), std::string::npos);
  const Outcome info = run("info '" + kExports + "early_exit_scripted.pt'");
  EXPECT_NE(info.out.find("captured by observe"), std::string::npos) << info.out << info.err;
}

TEST_F(Ids, OfAModelWithSinksAreShownButNotScored) {
  const std::string ids = " --ids 5,3,8,1,2,3,4,5,6,7,8,9 ";
  const Outcome shown =
      run("show --figures grid --dpi 40 --prefix p" + ids + model("family_gpt_oss"));
  EXPECT_EQ(shown.status, 0);
  EXPECT_NE(shown.err.find("sink"), std::string::npos) << shown.err;
  const Outcome scored = run("heads" + ids + model("family_gpt_oss"));
  EXPECT_EQ(scored.status, 1);
  EXPECT_NE(scored.err.find("sink"), std::string::npos) << scored.err;
}

TEST_F(Ids, OfAnUnknownOperatorNameTheTorchThatMayHaveIt) {
  const fs::path whole = kExports + "nanogpt_scripted.pt", broken = elsewhere("broken.pt");
  std::string code;
  caffe2::serialize::PyTorchStreamReader reader(whole.string());
  for (const std::string& name : reader.getAllRecords()) {
    const auto [data, size] = reader.getRecord(name);
    const std::string bytes(static_cast<const char*>(data.get()), size);
    if (bytes.find("torch.scaled_dot_product_attention(") != std::string::npos) code = name;
  }
  copy_with(whole, broken, code, [](std::string& bytes) {
    const std::string known = "torch.scaled_dot_product_attention(";
    bytes.replace(bytes.find(known), known.size(), "torch.attention_of_the_future(");
  });
  const fs::path torch = elsewhere("torch");
  fs::create_directories(torch / "lib");
  write_file_atomically(torch / "lib" / "libtorch_cpu.so", "");
  const Outcome outcome = run("show --ids 5,3,8 --model '" + broken.string() + "'",
                              "ATTNVIZ_TORCH='" + torch.string() + "' ");
  expect_failure(outcome, 1, "aten::attention_of_the_future");
  EXPECT_NE(outcome.err.find("ATTNVIZ_TORCH=" + torch.string()), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace attnviz
