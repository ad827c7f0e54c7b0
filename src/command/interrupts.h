#pragma once

namespace attnviz::command {

/// From now on Ctrl-C and SIGTERM are only noted: what works asks, and stops in order. A second one
/// ends the program.
void catch_interrupts();
[[nodiscard]] bool was_interrupted();

}  // namespace attnviz::command
