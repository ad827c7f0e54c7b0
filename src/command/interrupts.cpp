#include "interrupts.h"

#include <unistd.h>

#include <csignal>

#include "command.h"

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

void tell_of_cut_files() {
  std::signal(SIGBUS, [](int) {
    constexpr char kMessage[] =
        "attnviz: the model's file could not be read any more: it was cut short, or the disk "
        "fails; run it again when it is whole\n";
    (void)!::write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
    ::_exit(kFailed);
  });
}

}  // namespace attnviz::command
