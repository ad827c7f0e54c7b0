#include "training_line.h"

#include <cstdio>

namespace attnviz::command {
void TrainingLine::show(const Now& now) {
  if (doing_ != now.doing) {
    doing_ = now.doing;
    first_step_ = now.step;
    first_tokens_ = now.tokens;
    start_ = Clock::now();
    mean_loss_ = now.loss;
  }
  // One step's loss jumps about; the mean of the last fifty or so can be read.
  mean_loss_ += (now.loss - mean_loss_) / 50;
  if (now.step == first_step_ || (now.step != now.steps && !line_.is_due())) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double a_step = seconds / double(now.step - first_step_);
  char line[128];
  std::snprintf(line, sizeof line, "%s %ld/%ld %s, loss %.2f, %.0f tok/s, %s left",
                bar(double(now.step) / double(now.steps)).c_str(), long(now.step), long(now.steps),
                now.doing.c_str(), mean_loss_, double(now.tokens - first_tokens_) / seconds,
                duration(a_step * double(now.steps - now.step + now.steps_elsewhere)).c_str());
  line_.show(line);
}

}  // namespace attnviz::command
