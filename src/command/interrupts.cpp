#include "interrupts.h"

#include <csignal>

namespace attnviz::command {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void interrupt(int signal) {
  interrupted = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
}

bool was_interrupted() {
  return interrupted != 0;
}

}  // namespace attnviz::command
