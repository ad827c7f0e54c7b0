#include <spdlog/spdlog.h>

#include <iostream>

#include "attnviz/batch.h"
#include "batch_report.h"
#include "command.h"
#include "terminal.h"

namespace attnviz::command {
int merge(const MergeArguments& arguments) {
  const BatchResult result = merge_batches(arguments.folders, arguments.out_dir, arguments.force);
  report_failures(result);
  spdlog::info("{} of {}, {} of them failed", counted(result.progress.texts, "text"),
               counted(std::int64_t(arguments.folders.size()), "folder"), result.progress.failed);
  for (const auto& file : result.files) std::cout << printed(file) << '\n';
  return kDone;
}

}  // namespace attnviz::command
