// The other ways to look: vector files, a page, the terminal; and what shells and man are told.
#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace attnviz {
namespace {

class Looks : public Cli {};

TEST_F(Looks, SeveralFormatsAtOnce) {
  const Outcome outcome =
      run("'The cat sat' --prefix cat --figures last --dpi 60 --format pdf,svg,png");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "./cat_attention_last_layer_detailed.png\n./cat_attention_last_layer_detailed.svg\n"
            "./cat_attention_last_layer_detailed.pdf\n");
  EXPECT_EQ(read_file(work() / "cat_attention_last_layer_detailed.pdf").substr(0, 5), "%PDF-");
  EXPECT_EQ(read_file(work() / "cat_attention_last_layer_detailed.svg").substr(0, 5), "<?xml");
  const Outcome heads =
      run("heads 'The cat sat on the mat and the cat sat' --importance none --prefix h --format "
          "svg --quiet");
  EXPECT_EQ(heads.status, 0) << heads.err;
  EXPECT_TRUE(fs::exists(work() / "h_head_summary.svg"));
  fs::remove_all(work());
  expect_failure(run("'The cat' --format jpg"), 2, "jpg");
}

TEST_F(Looks, CharactersThatXmlAndPdfDoNotKnow) {
  const Outcome outcome =
      run("\"$(printf 'a\\001b \\357\\277\\276 <c>')\" --prefix x --figures last --dpi 60 --format "
          "svg,pdf");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const std::string svg = read_file(work() / "x_attention_last_layer_detailed.svg");
  for (const char* part : {"&#1;", "\x01", "\xEF\xBF\xBE"})
    EXPECT_EQ(svg.find(part), std::string::npos);
  EXPECT_NE(svg.find("attnviz:text: a\xEF\xBF\xBD"), std::string::npos);
}

TEST_F(Looks, NoFileIsWrittenOverAnother) {
  for (const char* arguments : {"'a' --html x --save-attention x", "'a' --html x --findings ./x"}) {
    expect_failure(run(arguments), 2, "would be written over");
  }
  expect_failure(run("'a' --print --html x"), 2, "--html excludes --print");
  expect_failure(run("'a' --html /sys/kernel/x.html --figures none"), 1, "cannot write");
}

TEST_F(Looks, APageWithWhatTheHeadsDo) {
  EXPECT_EQ(run("heads --importance none --json > heads.json").status, 0);
  const Outcome outcome = run("'The cat sat' --figures none --html cat.html --findings heads.json");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "cat.html\n");
  const std::string page = read_file(work() / "cat.html");
  EXPECT_NE(page.find("\"title\":\"The cat sat\""), std::string::npos);
  EXPECT_NE(page.find("\"L0H0\":{\"labels\":[\"duplicate-token\""), std::string::npos);
  EXPECT_EQ(run("'The cat sat' --figures none --html a.html --findings cat.html").status, 1);
  EXPECT_FALSE(fs::exists(work() / "a.html"));
  EXPECT_EQ(run("'The cat sat' --findings heads.json").status, 2);
}

TEST_F(Looks, ABatchOfPagesHasAList) {
  const Outcome outcome =
      run("batch - --per-line --out-dir out --figures none --html --head-report",
          "printf 'the cat sat on the mat\\nsome # other ? text\\n' |");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("out/index.html\n"), std::string::npos) << outcome.out;
  const std::string list = read_file(work() / "out/index.html");
  EXPECT_NE(list.find("stdin_000001_attention.html"), std::string::npos);
  EXPECT_NE(list.find("2 texts, demo.pt"), std::string::npos);
  EXPECT_NE(read_file(work() / "out/stdin_000002_attention.html").find("\"L0H0\":"),
            std::string::npos);
}

TEST_F(Looks, AGlanceInTheTerminalWritesNoFile) {
  const Outcome outcome = run("'The cat sat on the mat' --print --only L1H2");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("L1H2, rows: queries, columns: keys\n"), std::string::npos);
  EXPECT_NE(outcome.out.find("\n·mat "), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find('\033'), std::string::npos) << "no colours, as it is no terminal";
  EXPECT_TRUE(fs::is_empty(work()));
  EXPECT_EQ(lines(run("'The cat' --print").out).size(), 15U);
}

TEST_F(Looks, ATerminalThatShowsPicturesIsGivenThePictureInPieces) {
  const Outcome outcome =
      run("--version >/dev/null; TERM=xterm-kitty TMUX= script -qc \"'" ATTNVIZ_PROGRAM
          "' cat --print\" /dev/null");
  if (outcome.err.find("not found") != std::string::npos) GTEST_SKIP() << "script(1) is not there";
  EXPECT_EQ(outcome.out.rfind("\033_Ga=T,f=100,q=2,c=80,m=1;iVBOR", 0), 0U)
      << outcome.out.substr(0, 60);
  EXPECT_NE(outcome.out.find("\033_Gm=0;"), std::string::npos);
  EXPECT_EQ(outcome.out.find("▀"), std::string::npos);
}

TEST_F(Looks, ShellsAndManAreToldOfEveryOption) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome outcome = run(std::string("--completion ") + shell);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    for (const char* word : {"heads", "finetune", "gradient", "log", "init"}) {
      EXPECT_NE(outcome.out.find(word), std::string::npos) << shell << " " << word;
    }
  }
  const std::string complete =
      "source <('" ATTNVIZ_PROGRAM
      "' --completion bash); COMP_WORDS=(attnviz heads --imp); "
      "COMP_CWORD=2; _attnviz; echo \"${COMPREPLY[@]}\"; "
      "COMP_WORDS=(attnviz heads --importance m); "
      "COMP_CWORD=3; _attnviz; echo \"${COMPREPLY[@]}\"; COMP_WORDS=(attnviz 'a text' --pri); "
      "COMP_CWORD=2; _attnviz; echo \"${COMPREPLY[@]}\"";
  write_file_atomically(elsewhere("complete"), complete);
  EXPECT_EQ(run("--version >/dev/null; bash '" + elsewhere("complete").string() + "'").out,
            "--importance\nmean\n--print\n");
  const Outcome manual = run("--manual 'snapshot check'");
  EXPECT_NE(manual.out.find(".TH ATTNVIZ-SNAPSHOT-CHECK 1"), std::string::npos) << manual.out;
  EXPECT_NE(manual.out.find("\\-\\-update"), std::string::npos);
  expect_failure(run("--manual nonsense"), 2, "no command \"nonsense\"");
  expect_failure(run("--completion=tcsh"), 2, "tcsh");
}

}  // namespace
}  // namespace attnviz
