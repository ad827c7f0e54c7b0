#pragma once

namespace attnviz::command {

/// From now on Ctrl-C and SIGTERM are only noted: what works asks, and stops in order. A second one
/// ends the program.
void catch_interrupts();
[[nodiscard]] bool was_interrupted();

/// From now on a model that is cut short while it is in use ends the program with a line that says
/// so: the system's answer is a signal that no code can go on after.
void tell_of_cut_files();

}  // namespace attnviz::command
