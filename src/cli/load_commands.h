#pragma once

#include "command/command.h"

namespace attnviz::cli {

/// Loads the module beside the program in which the commands are, and LibTorch with it. Throws
/// FileError where it cannot be loaded.
const command::Commands& load_commands();

}  // namespace attnviz::cli
