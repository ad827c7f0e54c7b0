#include "attnviz/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "attnviz/error.h"
#include "test_models.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

std::ptrdiff_t files_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), {});
}

TEST(ReadFile, GivesEveryByte) {
  const TemporaryFolder folder;
  const std::string bytes("a\0\r\n\xff", 5);
  std::ofstream(folder.path() / "x", std::ios::binary) << bytes;
  EXPECT_EQ(read_file(folder.path() / "x"), bytes);
}

TEST(ReadFile, ReadsWhatHasNoSize) {
  EXPECT_FALSE(read_file("/proc/self/status").empty());
}

TEST(ReadFile, RefusesWhatIsNoFile) {
  EXPECT_THROW((void)read_file("/no/such/file"), FileError);
  EXPECT_THROW((void)read_file("/tmp"), FileError);
}

TEST(ReadFile, StartsAreCutOrWhole) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "x") << "abc";
  EXPECT_EQ(read_file_start(folder.path() / "x", 2), "ab");
  EXPECT_EQ(read_file_start(folder.path() / "x", 9), "abc");
  EXPECT_THROW((void)read_file_start(folder.path(), 2), FileError);
}

TEST(Sha256, IsThatOfTheStandard) {
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "x") << "abc";  // FIPS 180-2, appendix B.1
  EXPECT_EQ(sha256_of_file(folder.path() / "x"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_THROW((void)sha256_of_file("/no/such/file"), FileError);
}

TEST(Base64, IsThatOfTheStandardsExamples) {  // RFC 4648, section 10
  EXPECT_EQ(base64_of(""), "");
  EXPECT_EQ(base64_of("f"), "Zg==");
  EXPECT_EQ(base64_of("fo"), "Zm8=");
  EXPECT_EQ(base64_of("foobar"), "Zm9vYmFy");
}

TEST(WriteFile, MakesMissingFoldersAndReplaces) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a" / "b" / "x";
  write_file_atomically(path, "one");
  write_file_atomically(path, "two");
  EXPECT_EQ(read_file(path), "two");
  EXPECT_EQ(files_in(path.parent_path()), 1);
}

TEST(WriteFile, KeepsTheOldContentWhenTheWriterFails) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x";
  write_file_atomically(path, "old");
  const auto fail = [](const fs::path& temporary) {
    std::ofstream(temporary) << "half";
    throw FileError("no more");
  };
  EXPECT_THROW(write_file_atomically(path, fail), FileError);
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(WriteFile, KeepsTheOldContentWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x";
  write_file_atomically(path, "old");
  // A limit on the file's size fails as a full disk does: after some bytes, with an error.
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ::getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit limit{1000, old_limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT_THROW(write_file_atomically(path, std::string(5000, 'x')), FileError);
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(WriteFile, TakesPieces) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x";
  write_file_atomically(path, [](std::ostream& out) { out << "a" << 12; });
  EXPECT_EQ(read_file(path), "a12");
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(RemoveTemporaryFiles, TakesAwayNoOthers) {
  const TemporaryFolder folder;
  const std::vector<std::string> others = {".a.png.0123456.tmp", ".a.txt.01234567.tmp",
                                           "a.png.01234567.tmp", ".a.png.0123456A.tmp",
                                           ".a.png.01234567",    ".01234567.tmp"};
  for (const std::string& name : others) write_file_atomically(folder.path() / name, "x");
  write_file_atomically(folder.path() / ".a.png.01234567.tmp", "x");
  write_file_atomically(folder.path() / "deep/.b.c.png.zzzzzzzz.tmp", "x");
  remove_temporary_files(folder.path(), {".png"});
  EXPECT_EQ(files_in(folder.path()), std::ptrdiff_t(others.size()) + 1);
  EXPECT_EQ(files_in(folder.path() / "deep"), 0);
}

TEST(FilesBelow, AreThoseThatAGlobFits) {
  const TemporaryFolder folder;
  for (const char* name : {"b.txt", "a/c.txt", "a/d.md", "a/b/e.txt"}) {
    write_file_atomically(folder.path() / name, "x");
  }
  EXPECT_EQ(files_below(folder.path(), {"*.txt"}),
            (std::vector<fs::path>{"a/b/e.txt", "a/c.txt", "b.txt"}));
  EXPECT_EQ(files_below(folder.path(), {"a/*.txt", "*.md"}),
            (std::vector<fs::path>{"a/c.txt", "a/d.md"}));
  EXPECT_THROW((void)files_below(folder.path(), {"*.rst"}), FileError);
  EXPECT_THROW((void)files_below(folder.path() / "none", {"*"}), FileError);
}

TEST(CheckWritable, ChangesNothing) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "x", "old");
  check_writable(folder.path() / "x");
  check_writable(folder.path() / "y");
  EXPECT_EQ(read_file(folder.path() / "x"), "old");
  EXPECT_EQ(files_in(folder.path()), 1);
  EXPECT_THROW(check_writable(folder.path()), FileError);
  EXPECT_THROW(check_writable(folder.path() / "x" / "y"), FileError);
}

TEST(WriteFile, RefusesAFolderAndAFileAsAFolder) {
  const TemporaryFolder folder;
  EXPECT_THROW(write_file_atomically(folder.path(), "x"), FileError);
  write_file_atomically(folder.path() / "file", "x");
  EXPECT_THROW(write_file_atomically(folder.path() / "file" / "y", "x"), FileError);
}

// A rename would put a file in a device's place.
TEST(WriteFile, LeavesDevicesAndPipesAlone) {
  const TemporaryFolder folder;
  const fs::path pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW(write_file_atomically(pipe, "x"), FileError);
  EXPECT_THROW(check_writable(pipe), FileError);
  EXPECT_TRUE(fs::is_fifo(pipe));
}

}  // namespace
}  // namespace attnviz
