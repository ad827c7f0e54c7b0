// Patterns from files, generated text, ways to see past the sink, and pictures that prove
// themselves.
#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace attnviz {
namespace {

const std::string kDumps = ATTNVIZ_TEST_DATA "/dumps/";

class Attention : public Cli {
 protected:
  Outcome show(const std::string& file, const std::string& more = "") {
    return run("show --attention '" + kDumps + file + "' --figures last --dpi 40 " + more);
  }
};

TEST_F(Attention, FilesOfPatternsAreDrawnUnderTheirNames) {
  const Outcome outcome = show("gpt2.npz");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "./gpt2_attention_last_layer_detailed.png\n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(Attention, WhatIsFoundOutIsSaidUnlessItWasSaidBefore) {
  EXPECT_EQ(show("bert.safetensors").err,
            "attnviz: queries attend to later keys: drawn as bidirectional\n");
  EXPECT_EQ(show("bert.safetensors", "--bidirectional").err, "");
}

TEST_F(Attention, TokensMayBeNamedBesideIt) {
  write_file_atomically(elsewhere("tokens.json"),
                        R"(["a","b","c","d","e","f","g","h","i","j","k"])");
  const Outcome outcome =
      show("gpt2_stacked.npy", "--json --tokens '" + elsewhere("tokens.json").string() + "'");
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["tokens"][1], "·b");
  EXPECT_EQ(json["text"], "a b c d e f g h i j k");
  EXPECT_EQ(json["capture"], "file");
}

TEST_F(Attention, WrongUsageIsTwoAndABadFileOne) {
  expect_failure(show("gpt2.npz", "'a text'"), 2, "TEXT excludes --attention");
  expect_failure(show("gpt2.npz", "--model m.pt"), 2, "--model");
  expect_failure(show("gpt2.npz", "--generate 3"), 2, "--generate");
  expect_failure(show("gpt2.npz", "--layers 2"), 2, "there is no layer 2; there are layers 0 to 1");
  expect_failure(show("gpt2.npz", "--only L0H0 --layers 1"), 2, "--layers excludes --only");
  expect_failure(show("gpt2_stacked.npy", "--merge-words"), 2, "no tokens to merge");
  expect_failure(show("nothing.npz"), 1, "nothing.npz");
  expect_failure(show("gpt2_text.txt"), 1, "neither a safetensors file nor NumPy's");
  expect_failure(run("'a' --tokens t.json"), 2, "--tokens requires --attention");
  expect_failure(run("'a' --temperature 1"), 2, "--temperature requires --generate");
  expect_failure(run("'a' --generate 2 --seed 3"), 2, "--seed requires --temperature");
  expect_failure(run("'a' --generate 0"), 2, "0 is no number above 0");
  expect_failure(run("heads --only L0H0 --layers 1"), 2, "neither --layers nor --heads");
  expect_failure(run("heads --only flagged,induction"), 2, "one label or flag");
  expect_failure(run("'a' --generate 2000"), 1, "it can go on by ");
  expect_failure(run("'a' --top 0"), 2, "--top");
  expect_failure(run("'a' --drop-first"), 1, "nothing is left");
}

TEST_F(Attention, PipesAreReadOnceOrRefused) {
  EXPECT_EQ(run("--file /dev/stdin --figures none", "echo the cat |").status, 0);
  const Outcome piped = run("show --attention /dev/stdin --figures none < /dev/zero");
  EXPECT_EQ(piped.status, 1);
  EXPECT_NE(piped.err.find("a pipe or a device"), std::string::npos) << piped.err;
}

TEST_F(Attention, WhatIsShownOtherwiseHasAnotherName) {
  const Outcome outcome = run(
      "'Unbelievable stories of cats' --merge-words --drop-first --top 2 --only L1H0 --prefix p "
      "--figures grid --dpi 40");
  EXPECT_EQ(outcome.out, "./p_L1H0_words_without_first_top_2_attention_all_layers_heads.png\n")
      << outcome.err;
}

TEST_F(Attention, AGlanceShowsFilesAndWordsToo) {
  const Outcome outcome = run("show --attention '" + kDumps +
                              "gpt2.npz' --print --only L1H2 --merge-words --drop-first");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("·said"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("first key left out"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(work()));
}

TEST_F(Attention, GeneratedTokensAreInTheJson) {
  const Outcome outcome = run("'Once upon a time' --generate 3 --figures none --json");
  const auto json = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(json["generated"].size(), 3U);
  EXPECT_EQ(json["prompt_tokens"], 4);
  EXPECT_EQ(json["tokens"].size(), 7U);
  EXPECT_EQ(json["generated"][0]["read"].size(), 4U);
  const auto drawn = [&](const std::string& seed) {
    return run("'Once upon a time' --generate 5 --temperature 1 --figures none --json --seed " +
               seed + " | grep '\"text\"'")
        .out;
  };
  EXPECT_EQ(drawn("1"), drawn("1"));
  EXPECT_NE(drawn("1"), drawn("2"));
}

TEST_F(Attention, HeadsAreChosenInTablesAsInFigures) {
  const std::string quick =
      "heads 'the cat sat on the mat and the cat sat' --importance none "
      "--templates 0 --probes 1 --csv ";
  EXPECT_EQ(lines(run(quick + "--layers 0,2-3 --heads 7").out).size(), 4U);
  const Outcome some = run(quick + "--only L5H1,L0H3");
  ASSERT_EQ(lines(some.out).size(), 3U) << some.err;
  EXPECT_NE(lines(some.out)[1].find("L0H3"), std::string::npos);
  EXPECT_EQ(run(quick + "--only L5H9").status, 2);
  const Outcome files = run("heads --attention '" + kDumps + "gpt2.npz' --layers 1");
  EXPECT_EQ(files.status, 0) << files.err;
  EXPECT_NE(files.out.find("L1H3"), std::string::npos);
  EXPECT_EQ(files.out.find("L0H"), std::string::npos) << files.out;
}

TEST_F(Attention, SavedPatternsAreOfTheChosenHeads) {
  EXPECT_EQ(run("'The cat sat' --figures none --layers 2 --heads 1,3 --save-attention s.st").status,
            0);
  const Outcome again = run("show --attention s.st --figures none --json");
  const auto json = nlohmann::json::parse(again.out);
  EXPECT_EQ(json["head_numbers"][2], (std::vector<int>{1, 3}));
  EXPECT_EQ(json["head_numbers"][0], (std::vector<int>()));
  EXPECT_EQ(json["text"], "The cat sat");
}

TEST_F(Attention, PicturesAreVerified) {
  EXPECT_EQ(run("'The cat sat' --prefix cat --figures grid,last --dpi 40").status, 0);
  const std::string grid = "cat_attention_all_layers_heads.png",
                    last = "cat_attention_last_layer_detailed.png";
  const Outcome same = run("verify " + grid + " " + last);
  EXPECT_EQ(same.status, 0) << same.err;
  EXPECT_EQ(same.out, grid + ": the same, byte for byte\n" + last + ": the same, byte for byte\n");
  // One byte of a text chunk: the CRC is wrong then, and it is no picture.
  std::string bytes = read_file(work() / grid);
  bytes[bytes.find("The cat sat") + 4] = 'b';
  write_file_atomically(work() / grid, bytes);
  const Outcome damaged = run("verify " + grid);
  EXPECT_EQ(damaged.status, 2);
  EXPECT_NE(damaged.err.find("damaged PNG"), std::string::npos) << damaged.err;
  const Outcome mixed = run("verify " + grid + " " + last);
  EXPECT_EQ(mixed.status, 2);
  EXPECT_EQ(mixed.out, last + ": the same, byte for byte\n");
  EXPECT_EQ(run("verify none.png").status, 2);
  EXPECT_EQ(run("verify").status, 2);
}

TEST_F(Attention, APictureOfAnotherModelAsksForIt) {
  const std::string dump = "'" + kDumps + "cache.npz'";
  EXPECT_EQ(run("show --attention " + dump + " --figures grid --dpi 40").status, 0);
  const std::string picture = "cache_attention_all_layers_heads.png";
  const Outcome asked = run("verify " + picture);
  EXPECT_EQ(asked.status, 2);
  EXPECT_NE(asked.err.find("name that file with --attention"), std::string::npos) << asked.err;
  EXPECT_EQ(run("verify " + picture + " --attention " + dump).status, 0);
  const Outcome other = run("verify " + picture + " --attention '" + kDumps + "gpt2.npz'");
  EXPECT_EQ(other.status, 1);
  EXPECT_NE(other.out.find("SHA-256 of the attention"), std::string::npos) << other.out;
}

TEST_F(Attention, HelpFitsEightyColumnsAndHasExamples) {
  for (const char* command : {"show", "verify", "compare", "heads", "batch"}) {
    const Outcome help = run(std::string(command) + " --help");
    EXPECT_EQ(help.status, 0);
    EXPECT_NE(help.out.find("Examples:"), std::string::npos);
    for (const std::string& line : lines(help.out)) EXPECT_LE(line.size(), 80U) << line;
  }
}

}  // namespace
}  // namespace attnviz
