#pragma once

#include <CLI/CLI.hpp>
#include <string>

// What a system's other programs want to know of the command line, made of its own definitions.
namespace attnviz::cli {

/// A script that completes commands, options and their values. shell: bash, zsh or fish.
std::string completion(CLI::App& app, const std::string& shell);

/// The manual page, in roff, of a command: "heads", "snapshot check", or "attnviz" for
/// all of it. Throws UsageError for a command that is none.
std::string manual(CLI::App& app, const std::string& command);

}  // namespace attnviz::cli
