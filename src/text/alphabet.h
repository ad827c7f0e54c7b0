#pragma once

#include <string>
#include <string_view>

namespace attnviz::text {

/// GPT-2's files write each byte of a token as one visible character: printable Latin-1 stands for
/// itself, the 68 other bytes are U+0100 to U+0143 in their order (so a space is U+0120, Ġ).

/// The name of the token that is this byte alone.
[[nodiscard]] std::string byte_name(unsigned char byte);

/// Appends the bytes that a token's name stands for. A name with any other character is that of an
/// added token, such as "<begin of text>", and stands for itself.
void append_named_bytes(std::string& bytes, std::string_view name);

}  // namespace attnviz::text
