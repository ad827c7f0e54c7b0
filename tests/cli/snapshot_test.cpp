// attnviz snapshot and compare as a user, and a CI server, meets them.
#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <regex>

#include "program.h"

namespace attnviz {
namespace {

using Json = nlohmann::json;

class SnapshotCli : public Cli {
 protected:
  SnapshotCli() {
    write_suite(R"({"name": "tobe", "text": "To be or not to be"}, {"name": "cat",
                   "text": "The cat sat"})");
  }

  void write_suite(const std::string& texts, const std::string& rest = "") const {
    std::ofstream(elsewhere("suite.json"))
        << R"({"model": ")" ATTNVIZ_SOURCE_DIR R"(/models/demo.pt", "texts": [)" << texts << "]"
        << rest << "}";
  }
  /// CI may be set around the tests themselves.
  Outcome snapshot(const std::string& arguments, const std::string& environment = "") {
    return run("snapshot " + arguments, "env -u CI -u GITHUB_ACTIONS " + environment);
  }
  Outcome check(const std::string& options = "", const std::string& environment = "") {
    return snapshot("check " + suite() + options, environment);
  }
  [[nodiscard]] std::string suite() const { return "'" + elsewhere("suite.json").string() + "' "; }
  [[nodiscard]] fs::path baseline(const std::string& name) const {
    return elsewhere("suite.snapshots") / (name + ".safetensors");
  }
  /// The built-in model with one head's queries doubled.
  [[nodiscard]] std::string changed_model() const {
    const Gpt gpt = load_gpt(ATTNVIZ_SOURCE_DIR "/models/demo.pt");
    torch::NoGradGuard no_grad;
    gpt.module->attr("block_2").toModule().attr("w_q").toTensor().narrow(0, 16, 16).mul_(2);
    save_gpt(gpt, elsewhere("changed.pt"));
    return "'" + elsewhere("changed.pt").string() + "' ";
  }
  static void expect_eighty_columns(const std::string& text) {
    for (const std::string& line : lines(text)) {
      EXPECT_LE(line.size(), 80U + line.size() - length(line)) << line;
    }
  }
  static std::size_t length(const std::string& line) {
    return std::size_t(
        std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  }
};

TEST_F(SnapshotCli, StatusesAreSameChangedNotDoneAndMissing) {
  EXPECT_EQ(check().status, 3);
  EXPECT_EQ(snapshot("record " + suite()).status, 0);
  const Outcome same = check();
  EXPECT_EQ(same.status, 0) << same.err;
  EXPECT_NE(same.out.find("same     tobe  6 tokens, 48 heads, no difference\n"), std::string::npos)
      << same.out;
  EXPECT_EQ(lines(same.out).back(), "suite: 2 same");
  EXPECT_EQ(check("--model " + changed_model()).status, 1);
  EXPECT_EQ(check("--model /no/such.pt").status, 2);
  EXPECT_EQ(snapshot("check /no/such.json").status, 2);
  EXPECT_EQ(check("--wrong").status, 2);
  EXPECT_EQ(check("--junit /proc/no/such.xml").status, 2);
  EXPECT_EQ(check("--out-dir /proc/no").status, 2);
  EXPECT_EQ(snapshot("").status, 2);
  std::ofstream(baseline("cat")) << "nonsense";
  EXPECT_EQ(check().status, 2);
  fs::remove(baseline("cat"));
  EXPECT_EQ(check().status, 3);
  EXPECT_EQ(check("--model " + changed_model()).status, 1);  // changed says more than missing
}

TEST_F(SnapshotCli, AChangeIsToldInWordsAndShown) {
  snapshot("record " + suite());
  const Outcome outcome = check("--model " + changed_model() + "--out-dir out --dpi 60");
  EXPECT_EQ(outcome.status, 1) << outcome.err;
  const std::vector<std::string> told = lines(outcome.out);
  EXPECT_EQ(
      told[0].rfind("changed  tobe  25 of 48 heads changed, beginning in layer 2, in L2H1", 0), 0U)
      << outcome.out;
  EXPECT_NE(outcome.out.find("\n  L2H1: "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("\n  and 19 more\n"), std::string::npos);
  EXPECT_NE(outcome.out.find("\n  picture: out/cat_diff.png\n"), std::string::npos);
  EXPECT_NE(outcome.out.find("\n  model: demo.pt -> changed.pt\n"), std::string::npos);
  EXPECT_EQ(told.back(), "suite: 2 changed");
  expect_eighty_columns(outcome.out);
  EXPECT_FALSE(cv::imread((work() / "out/tobe_diff.png").string()).empty());
  EXPECT_NE(outcome.out.find("\n  page: out/cat_diff.html\n"), std::string::npos);
  EXPECT_NE(read_file(work() / "out/cat_diff.html").find("\"name\":\"before\""), std::string::npos);
}

TEST_F(SnapshotCli, InCiNothingIsEverRecorded) {
  for (const std::string& command : {"record " + suite(), "check " + suite() + "--update",
                                     "check " + suite() + "--prune-obsolete"}) {
    const Outcome refused = snapshot(command, "CI=true");
    expect_failure(refused, 2, "CI is set");
    EXPECT_FALSE(fs::exists(baseline("tobe")));
  }
  EXPECT_EQ(check("", "CI=true").status, 3);
  EXPECT_FALSE(fs::exists(baseline("tobe")));
  EXPECT_EQ(snapshot("record " + suite(), "CI=false").status, 0);
  EXPECT_EQ(check("", "CI=true").status, 0);
}

TEST_F(SnapshotCli, UpdateShowsTheChangeAndRecordsItAlone) {
  snapshot("record " + suite());
  const std::string before = read_file(baseline("tobe"));
  write_suite(R"({"name": "tobe", "text": "To be or not to be"}, {"name": "cat",
                 "text": "The dog sat"}, {"name": "new", "text": "Hello"})");
  const Outcome outcome = check("--update");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("changed  cat   the text itself is another"), std::string::npos);
  EXPECT_NE(outcome.err.find("recorded " + baseline("cat").string()), std::string::npos);
  EXPECT_NE(outcome.err.find("recorded " + baseline("new").string()), std::string::npos);
  EXPECT_EQ(outcome.err.find("tobe"), std::string::npos);
  EXPECT_EQ(read_file(baseline("tobe")), before);
  EXPECT_EQ(check().status, 0);
}

TEST_F(SnapshotCli, WhatIsObsoleteIsToldAndRemovedOnDemand) {
  snapshot("record " + suite());
  write_suite(R"({"name": "tobe", "text": "To be or not to be"})");
  const Outcome told = check();
  EXPECT_EQ(told.status, 0);
  EXPECT_NE(told.err.find("1 baseline of no text in the suite"), std::string::npos) << told.err;
  EXPECT_TRUE(fs::exists(baseline("cat")));
  EXPECT_EQ(check("--prune-obsolete").status, 0);
  EXPECT_FALSE(fs::exists(baseline("cat")));
  EXPECT_TRUE(fs::exists(baseline("tobe")));
}

TEST_F(SnapshotCli, JsonHoldsAllHeads) {
  snapshot("record " + suite());
  const Outcome outcome = check("--json --model " + changed_model());
  EXPECT_EQ(outcome.status, 1);
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json["kind"], "attnviz.snapshot-report");
  EXPECT_EQ(json["verdict"], "changed");
  EXPECT_EQ(json["counts"]["changed"], 2);
  EXPECT_EQ(json["texts"][1]["name"], "cat");
  EXPECT_EQ(json["texts"][0]["most_changed"].size(), 25U);
  EXPECT_EQ(json["texts"][0]["heads"].size(), 48U);
  EXPECT_EQ(json["texts"][0]["heads"][17]["head"], "L2H1");
  EXPECT_GT(json["texts"][0]["heads"][17]["largest_difference"], 0.01);
  EXPECT_EQ(json["texts"][0]["heads"][16]["largest_difference"], 0);
  EXPECT_EQ(json["texts"][0]["files"][0], "./tobe_diff.png");
}

TEST_F(SnapshotCli, JUnitHasACaseATextAndItsNumbersAgree) {
  write_suite(R"({"name": "tobe", "text": "To be"}, {"name": "odd", "text": "<&\u0001>"})");
  snapshot("record " + suite());
  EXPECT_EQ(check("--junit ok.xml").status, 0);
  const std::string fine = read_file(work() / "ok.xml");
  EXPECT_NE(fine.find(R"(<testsuite name="suite" tests="2" failures="0" errors="0")"),
            std::string::npos)
      << fine;
  EXPECT_EQ(check("--junit bad.xml --model " + changed_model()).status, 1);
  const std::string bad = read_file(work() / "bad.xml");
  EXPECT_NE(bad.find(R"(tests="2" failures="2")"), std::string::npos) << bad;
  EXPECT_NE(bad.find(R"(<failure type="changed" message=")"), std::string::npos);
  EXPECT_NE(bad.find("L2H1: "), std::string::npos);
  // An independent judge, where there is one: is it XML?
  const std::string parse =
      "command -v python3 >/dev/null || exit 0; python3 -c 'import sys, xml.dom.minidom as d; "
      "d.parse(sys.argv[1])' ";
  EXPECT_EQ(std::system((parse + "'" + (work() / "bad.xml").string() + "'").c_str()), 0);
}

TEST_F(SnapshotCli, TheHtmlPageHoldsThePicturesItself) {
  snapshot("record " + suite());
  EXPECT_EQ(check("--html page.html --out-dir out --model " + changed_model()).status, 1);
  const std::string page = read_file(work() / "page.html");
  EXPECT_EQ(page.rfind("<!DOCTYPE html>", 0), 0U) << page.substr(0, 60);
  const std::regex image("src=\"data:image/png;base64,iVBOR");
  EXPECT_EQ(std::distance(std::sregex_iterator(page.begin(), page.end(), image), {}), 2);
  EXPECT_EQ(page.find("src=\"out"), std::string::npos);
  EXPECT_EQ(page.find("http:"), std::string::npos);
  EXPECT_EQ(page.find("https:"), std::string::npos);
  EXPECT_NE(page.find("L2H1: "), std::string::npos);
}

TEST_F(SnapshotCli, AnnotatesWhereGitHubRunsIt) {
  snapshot("record " + suite());
  EXPECT_EQ(check("", "GITHUB_ACTIONS=true").err, "");
  const Outcome outcome = check("--json --model " + changed_model(), "GITHUB_ACTIONS=true CI=true");
  EXPECT_EQ(outcome.status, 1);
  const std::vector<std::string> annotations = lines(outcome.err);
  ASSERT_EQ(annotations.size(), 2U) << outcome.err;
  EXPECT_EQ(annotations[0].rfind("::error file=" + elsewhere("suite.json").string() +
                                     ",title=attention of tobe%3A changed::25 of 48 heads",
                                 0),
            0U)
      << annotations[0];
  EXPECT_NE(annotations[0].find("%0AL2H1: "), std::string::npos);
  EXPECT_TRUE(Json::accept(outcome.out));
}

/// All files below a folder, by their paths in it.
std::map<std::string, std::string> bytes_below(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_directory()) {
      all[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
    }
  }
  return all;
}

TEST_F(SnapshotCli, ThreadsLocaleTimeZoneAndTerminalChangeNoByte) {
  write_suite(R"({"name": "tobe", "text": "To be or not to be"}, {"name": "cat",
                 "text": "The cat sat"})",
              R"(, "figures": ["grid", "average", "last"])");
  const std::string changed = changed_model();
  std::map<std::string, std::string> first;
  std::string first_report;
  for (const std::string environment :
       {"OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1",
        "OMP_NUM_THREADS=2 LC_ALL=de_DE.UTF-8 LANG=tr_TR.UTF-8 TZ=Asia/Kolkata",
        "OMP_NUM_THREADS=4 LC_ALL=C TZ=UTC COLUMNS=132 TERM=xterm-256color COLORTERM=truecolor"}) {
    fs::remove_all(elsewhere("suite.snapshots"));
    fs::remove_all(work() / "out");
    ASSERT_EQ(snapshot("record " + suite(), environment).status, 0);
    const Outcome report = check(
        "--json --junit out/r.xml --html out/r.html --out-dir out --dpi 60 --model " + changed,
        environment);
    EXPECT_EQ(report.status, 1) << report.err;
    // The same holds for the pictures and scores of the other subcommands.
    ASSERT_EQ(run("\"To be or not to be\" --prefix p --out-dir out --dpi 60 --save-attention "
                  "out/p.safetensors",
                  environment)
                  .status,
              0);
    ASSERT_EQ(run("heads \"To be or not to be, that is the question, to be or not\" --json "
                  "> out/heads.json",
                  environment)
                  .status,
              0);
    std::map<std::string, std::string> files = bytes_below(work() / "out");
    files.merge(bytes_below(elsewhere("suite.snapshots")));
    EXPECT_EQ(files.size(), 13U);
    if (first.empty()) {
      first = files;
      first_report = report.out;
    }
    EXPECT_EQ(report.out, first_report);
    for (const auto& [name, bytes] : files) EXPECT_TRUE(bytes == first[name]) << name;
  }
}

TEST_F(SnapshotCli, InitWritesASuiteThatWorksAtOnce) {
  const Outcome outcome = snapshot("init attention.json");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "attention.json\n");
  EXPECT_NE(outcome.err.find("next: attnviz snapshot record attention.json"), std::string::npos);
  EXPECT_EQ(snapshot("record attention.json").status, 0);
  EXPECT_EQ(lines(snapshot("check attention.json").out).back(), "attention: 4 same");
  EXPECT_EQ(snapshot("init attention.json").status, 2);
}

TEST_F(SnapshotCli, CompareSaysWhatPruningChanged) {
  const std::string demo = "'" ATTNVIZ_SOURCE_DIR "/models/demo.pt' ";
  ASSERT_EQ(run("prune " + demo +
                "--heads L2H1,L5H0 --max-loss-increase none --windows 2 -o pruned.pt --text "
                "'" ATTNVIZ_SOURCE_DIR "/README.md'")
                .status,
            0);
  const Outcome outcome = run("compare " + demo + "pruned.pt --text \"The cat sat\" --out-dir out");
  EXPECT_EQ(outcome.status, 1) << outcome.err;
  EXPECT_NE(outcome.out.find("gone: 2 heads, L2H1, L5H0;"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("23 of 46 heads"), std::string::npos) << outcome.out;
  expect_eighty_columns(outcome.out);
  EXPECT_EQ(run("compare " + demo + demo).status, 0);
  EXPECT_EQ(run("compare " + demo + "/no/such.pt").status, 2);
  EXPECT_EQ(run("compare " + demo + demo + "--text a --text A").status, 2);
  EXPECT_EQ(run("compare " + demo + demo + "--pattern nan").status, 2);
  EXPECT_EQ(run("compare " + demo + demo + "--score=-1").status, 2);
  EXPECT_EQ(run("compare " + demo + demo + "--max-tokens 3").status, 2);
}

/// The suite of this project itself.
TEST_F(SnapshotCli, TheBuiltInModelsAttentionIsWhatWasRecorded) {
  const Outcome outcome = snapshot("check '" ATTNVIZ_SOURCE_DIR "/tests/attention.json'");
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.err, "");
}

}  // namespace
}  // namespace attnviz
