#include <cmath>
#include <iostream>

#include "attnviz/error.h"
#include "attnviz/snapshot.h"
#include "command.h"
#include "snapshot_report.h"

namespace attnviz::command {
namespace {

std::vector<SuiteText> texts_of(const CompareArguments& arguments) {
  std::vector<SuiteText> texts;
  for (const std::string& text : arguments.texts) texts.push_back({prefix_from(text), text});
  for (const auto& file : arguments.files) texts.push_back({file.stem().string(), "", file});
  if (texts.empty() && arguments.max_tokens) {
    throw UsageError("--max-tokens needs a --text or a --file that it could cut");
  }
  for (SuiteText& text : texts) text.max_tokens = arguments.max_tokens;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (texts[i].name == texts[j].name) {
        throw UsageError("two texts have the name " + texts[i].name + "; their pictures would too");
      }
    }
  }
  return texts;
}

}  // namespace

int compare(const CompareArguments& arguments) {
  check_report_files(arguments.report);
  CompareOptions options = arguments.options;
  options.texts = texts_of(arguments);
  options.n_heads = arguments.report.n_heads;
  options.dpi = arguments.report.dpi;
  SnapshotReport report = attnviz::compare(options);
  give_report(report, arguments.report);
  return report.verdict() == Verdict::same ? int(kDone) : int(kChanged);
}

}  // namespace attnviz::command
