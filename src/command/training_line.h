#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "terminal.h"

namespace attnviz::command {

/// How far a training is: a bar, the loss, tokens a second and the time left.
class TrainingLine {
 public:
  struct Now {
    std::int64_t step, steps;  ///< counted from 1
    std::int64_t tokens;       ///< seen since the start
    double loss;               ///< of this step
    std::string doing;         ///< "text", "epoch 2"; where it changes the clock starts anew
    std::int64_t steps_elsewhere = 0;  ///< that another model, trained in turn, has to come
  };

  void show(const Now& now);
  void end() { line_.end(); }
  void clear() { line_.clear(); }

 private:
  using Clock = std::chrono::steady_clock;

  StatusLine line_{StatusLine::First::at_once};
  double mean_loss_ = 0;
  // When `doing` began: what lies between two of them, such as measuring, is not training.
  std::string doing_;
  std::int64_t first_step_ = 0, first_tokens_ = 0;
  Clock::time_point start_;
};

}  // namespace attnviz::command
