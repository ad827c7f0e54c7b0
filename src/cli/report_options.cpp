#include "commands.h"

namespace attnviz::cli {

void add_report_options(CLI::App& app, command::ReportArguments& arguments) {
  app.add_flag("--json", arguments.json, "print one JSON object instead")->group("Report");
  app.add_option("--junit", arguments.junit, "write JUnit's XML, for CI servers")
      ->check(not_empty())
      ->option_text("F.xml")
      ->group("Report");
  app.add_option("--html", arguments.html, "write one page with the pictures in it")
      ->check(not_empty())
      ->option_text("F.html")
      ->group("Report");
  app.add_option("--out-dir", arguments.out_dir, "folder for NAME_diff.png, made if missing")
      ->option_text("D [.]")
      ->group("Report");
  app.add_option("--most", arguments.n_heads, "so many heads in words and pictures, at most")
      ->check(CLI::Range(1, 1000).description(""))
      ->option_text("N [" + std::to_string(arguments.n_heads) + "]")
      ->group("Report");
  app.add_option("--dpi", arguments.dpi, "pixels per inch")
      ->check(CLI::Range(40, 1200).description(""))
      ->option_text("N [" + std::to_string(arguments.dpi) + "]")
      ->group("Report");
}

}  // namespace attnviz::cli
