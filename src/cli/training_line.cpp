#include "training_line.h"

#include <cmath>
#include <csignal>
#include <cstdio>

namespace attnviz::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void interrupt(int) {
  interrupted = 1;
}

std::string duration(double seconds) {
  const long minutes = std::lround(seconds / 60);
  if (minutes < 1) return std::to_string(std::lround(seconds)) + " s";
  if (minutes < 60) return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

std::string bar(std::int64_t step, std::int64_t steps) {
  constexpr std::int64_t kWidth = 8;
  const auto done = std::size_t(step * kWidth / steps);
  return "[" + std::string(done, '=') + std::string(kWidth - done, ' ') + "]";
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
}

bool was_interrupted() {
  return interrupted != 0;
}

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
                bar(now.step, now.steps).c_str(), long(now.step), long(now.steps),
                now.doing.c_str(), mean_loss_, double(now.tokens - first_tokens_) / seconds,
                duration(a_step * double(now.steps - now.step + now.steps_elsewhere)).c_str());
  line_.show(line);
}

}  // namespace attnviz::cli
