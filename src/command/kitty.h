#pragma once

#include <cstddef>
#include <string>

namespace attnviz::command {

/// Standard output is a terminal that shows pictures by kitty's graphics protocol: kitty, Ghostty
/// or WezTerm, as they name themselves in the environment, and not within tmux or screen.
bool shows_pictures();

/// The escapes that draw a PNG there, as wide as so many columns, in pieces of 4,096 characters as
/// the protocol wants them (kitty's documentation, "Terminal graphics protocol").
std::string kitty_picture(const std::string& png, std::size_t columns);

}  // namespace attnviz::command
