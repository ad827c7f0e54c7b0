#include <iostream>

#include "attnviz/pruning.h"
#include "command.h"
#include "terminal.h"

namespace attnviz::command {
int reset(const ResetOptions& options) {
  const std::vector<HeadId> heads = run_reset(options);
  std::cout << wrapped("reset: " + to_string(heads) +
                           "; until they are trained the model is that without them "
                           "(attnviz finetune --freeze-others trains them alone)",
                       output_width(), 2)
            << '\n'
            << printed(options.out) << '\n';
  return kDone;
}

}  // namespace attnviz::command
