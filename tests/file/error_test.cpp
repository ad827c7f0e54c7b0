#include "attnviz/error.h"

#include <gtest/gtest.h>

namespace attnviz {
namespace {

std::string message(const std::string& text) {
  return FileError(text).what();
}

TEST(Error, IsOneLineThatCommandsNoTerminal) {
  EXPECT_EQ(message("no file a\nb"), "no file a\\x0Ab");
  EXPECT_EQ(message("\x1b[31mred\x7f"), "\\x1B[31mred\\x7F");
  EXPECT_EQ(message(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(message("\xC2\x9B"
                    "31m, \xC2"),
            "\\xC2\\x9B31m, \xC2");
}

TEST(Error, LeavesWordsOfAllLanguagesAsTheyAre) {
  EXPECT_EQ(message("Grüße, 世界: \xC2\xA0é"), "Grüße, 世界: \xC2\xA0é");
}

}  // namespace
}  // namespace attnviz
