#pragma once

#include <CLI/CLI.hpp>

namespace attnviz::cli {

/// CLI11's help, wrapped to a terminal of 80 columns.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
};

}  // namespace attnviz::cli
