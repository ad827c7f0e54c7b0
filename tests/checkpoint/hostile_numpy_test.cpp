// NumPy files that are not read: each ends in one line that says why.
#include <gtest/gtest.h>

#include <fstream>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "numpy_bytes.h"
#include "temporary_folder.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

const fs::path kData = ATTNVIZ_TEST_DATA "/numpy";

/// `why`: all that the line says behind `cannot read PATH: `.
void expect_refused(const fs::path& path, const std::string& why) {
  try {
    (void)read_numpy(path);
    ADD_FAILURE() << "was read, though it should be refused: " << why;
  } catch (const ModelError& error) {
    EXPECT_EQ(error.what(), "cannot read " + path.string() + ": " + why);
  }
}

void expect_refused_bytes(const std::string& bytes, const std::string& why) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "hostile";
  std::ofstream(path, std::ios::binary) << bytes;
  expect_refused(path, why);
}

void expect_refused_header(const std::string& header, const std::string& why) {
  expect_refused_bytes(npy(header, bytes_of(1.5F)), "its array " + why);
}

TEST(HostileNumpy, DtypesThatAreNotRead) {
  const std::pair<const char*, const char*> refused[] = {
      {"objects.npy",
       "holds Python objects, which are a pickle, and that is never run; save plain numbers, such "
       "as a.astype('float32')"},
      {"bfloat16.npy",
       "has the dtype <V2, by which numpy cannot say what it is, probably bfloat16; save it as "
       "float32, or as safetensors"},
      {"structures.npy", "is one of structures; save each of their fields as an array of its own"},
      {"complex.npy",
       "holds complex numbers (<c8); save their real and imaginary parts as arrays of their own"},
      {"big_endian.npy", "is big-endian (>f4); save it as a.astype(a.dtype.newbyteorder('<'))"},
      {"u8.npy",
       "holds unsigned integers of 64 bits (<u8), which LibTorch does not have; save them as "
       "int64"},
      {"bytes.npy", "holds strings of bytes (|S3); save them as a.astype(str)"},
      {"dates.npy", "has the dtype <M8[D], which is not read; save it as float32 or int64"},
      {"words_2d.npy", "holds strings in 2 dimensions; save them in one, such as a.ravel()"},
  };
  for (const auto& [name, why] : refused) {
    expect_refused(kData / name, std::string("its array ") + why);
  }
  for (const char* dtype : {"", "<", "f4", "=f4", "<f3", "<f44", "<U", "<U1x", "<U99999999999"}) {
    expect_refused_header(
        npy_header(dtype, "(1,)"),
        std::string("has the dtype ") + dtype + ", which is not read; save it as float32 or int64");
  }
  // As older versions of ml_dtypes wrote it.
  expect_refused_header(npy_header("|V2", "(2,)"),
                        "has the dtype |V2, by which numpy cannot say what it is, probably "
                        "bfloat16; save it as float32, or as safetensors");
}

TEST(HostileNumpy, WhatIsNoNumpyFile) {
  const std::string neither =
      "it is neither a .npy nor a .npz, as numpy.save and numpy.savez make them";
  expect_refused_bytes("", neither);
  expect_refused_bytes("just some text, no numbers", neither);
  expect_refused_bytes("\x93NUMPX\x01", neither);
  expect_refused(
      ATTNVIZ_TEST_DATA "/checkpoints/gpt_transformer/trained_model.pth",
      "its archive holds trained_model/data.pkl, which is no .npy; a file of torch.save is "
      "read by attnviz import");
  expect_refused_bytes(zip({{.name = "a.npy", .stored = "no array"}}),
                       "its array a does not begin as a .npy does");
}

TEST(HostileNumpy, HeadersThatAreCutOff) {
  const std::string whole = one_float();
  for (const std::size_t length : {6, 7, 9, 10, 40}) {
    expect_refused_bytes(whole.substr(0, length), "its array has a header that is cut off");
  }
  expect_refused_bytes(npy("", "").replace(6, 1, "\2"), "its array has a header that is cut off");
  expect_refused_bytes(std::string("\x93NUMPY\2\0\xFF\xFF\xFF\xFF{}", 14),
                       "its array has a header that is cut off");
}

TEST(HostileNumpy, VersionsThatThereAreNot) {
  const std::string header = npy_header("<f4", "(1,)");
  expect_refused_bytes(npy(header, "", 4),
                       "its array is of version 4.0 of the format; 1.0, 2.0 and 3.0 are read");
  expect_refused_bytes(npy(header, "", 0),
                       "its array is of version 0.0 of the format; 1.0, 2.0 and 3.0 are read");
  expect_refused_bytes(npy(header, "").replace(7, 1, "\1"),
                       "its array is of version 1.1 of the format; 1.0, 2.0 and 3.0 are read");
}

TEST(HostileNumpy, HeadersThatAreNoDictionary) {
  const std::string rest = "'fortran_order': False, 'shape': (1,)";
  for (const std::string& header :
       {std::string(), std::string("[]"), std::string("descr"), std::string("{"),
        std::string("{'descr"), std::string("{,}"), "{'descr' '<f4', " + rest + "}",
        "{'descr': '<f4' " + rest + "}", "{'descr': '<f4', " + rest, "{1: '<f4', " + rest + "}",
        "{'descr': '<f4', " + rest + "} + 1", "{'de\\x73cr': '<f4', " + rest + "}",
        "{'descr': '<f4',, " + rest + "}"}) {
    SCOPED_TRACE(header);
    expect_refused_header(header,
                          "has a header that is no dictionary of descr, fortran_order and shape");
  }
}

TEST(HostileNumpy, HeadersWithOtherKeysOrValues) {
  expect_refused_header("{}", "has a header that lacks descr");
  expect_refused_header("{'descr': '<f4', 'shape': (1,)}", "has a header that lacks fortran_order");
  expect_refused_header("{'descr': '<f4', 'fortran_order': False}",
                        "has a header that lacks shape");
  expect_refused_header("{'descr': '<f4', 'descr': '<f4'}", "has a header that names descr twice");
  expect_refused_header("{'order': 'C'}", "has a header with order, which a .npy does not have");
  expect_refused_header("{'descr': 4}", "has a header whose descr is no dtype");
  expect_refused_header("{'descr': ('<f4', (2,))}", "has a header whose descr is no dtype");
  expect_refused_header("{'fortran_order': 0}",
                        "has a header whose fortran_order is neither True nor False");
  for (const char* shape : {"1", "(1)", "[1]", "(1 1)", "(1,,1)", "(,)", "('1',)", "(1.5,)",
                            "(+1,)", "(1", "(1,", "None", "(- 1,)"}) {
    expect_refused_header(npy_header("<f4", shape),
                          "has a header whose shape is no tuple of integers");
  }
}

TEST(HostileNumpy, ShapesThatCannotBe) {
  expect_refused_header(npy_header("<f4", "(-1,)"), "has a negative size in its shape: -1");
  expect_refused_header(npy_header("<f4", "(2, -9223372036854775808)"),
                        "has a negative size in its shape: -9223372036854775808");
  expect_refused_header(npy_header("<f4", "(9223372036854775808,)"),
                        "has a size in its shape that 64 bits do not hold");
  expect_refused_header(npy_header("<f4", "(4611686018427387904, 4)"),
                        "has a shape that 64 bits do not hold: (4611686018427387904, 4)");
  expect_refused_header(npy_header("<f8", "(1152921504606846976,)"),
                        "has a shape that 64 bits do not hold: (1152921504606846976,)");
  // It has no numbers, but its strides do not fit.
  expect_refused_bytes(npy(npy_header("<f4", "(0, 4611686018427387904, 4)"), ""),
                       "its array has a shape that 64 bits do not hold: (0, 4611686018427387904, "
                       "4)");
  std::string shape = "(";
  for (int i = 0; i < 65; ++i) shape += "1,";
  expect_refused_header(npy_header("<f4", shape + ")"),
                        "has 65 dimensions, more than there can be");
}

TEST(HostileNumpy, ShapesThatAreNotTheSizeOfWhatFollows) {
  const std::string header = npy_header("<f4", "(2, 3)");
  expect_refused_bytes(npy(header, std::string(23, 'x')),
                       "its array has the shape (2, 3) of <f4, 24 bytes, but only 23 follow; was "
                       "the file cut off?");
  expect_refused_bytes(npy(header, std::string(25, 'x')),
                       "its array has the shape (2, 3) of <f4, 24 bytes, but 25 follow; save "
                       "several arrays with numpy.savez");
  expect_refused_bytes(npy(npy_header("<f4", "()"), ""),
                       "its array has the shape () of <f4, 4 bytes, but only 0 follow; was the "
                       "file cut off?");
  expect_refused_bytes(npy(npy_header("<f8", "(1000000000000,)"), "12345678"),
                       "its array has the shape (1000000000000,) of <f8, 8000000000000 bytes, but "
                       "only 8 follow; was the file cut off?");
  expect_refused_bytes(npy(npy_header("<U3", "(2,)"), std::string(20, '\0')),
                       "its array has the shape (2,) of <U3, 24 bytes, but only 20 follow; was the "
                       "file cut off?");
  expect_refused_bytes(zip({{.name = "w/0.npy", .stored = npy(header, "")}}),
                       "its array w/0 has the shape (2, 3) of <f4, 24 bytes, but only 0 follow; "
                       "was the file cut off?");
}

TEST(HostileNumpy, StringsThatAreNone) {
  expect_refused_bytes(npy(npy_header("<U1", "(1,)"), bytes_of(0x110000U)),
                       "its array holds a string that is no Unicode: it has the character 1114112");
  expect_refused_bytes(npy(npy_header("<U1", "(1,)"), bytes_of(0xD800U)),
                       "its array holds a string that is no Unicode: it has the character 55296");
  // A billion of them would fit into no bytes at all.
  expect_refused_bytes(npy(npy_header("<U0", "(1000000000,)"), ""),
                       "its array holds strings of no characters (<U0)");
}

class HostileArchive : public ::testing::Test {
 protected:
  const std::string array_ = one_float();
  const ZipRecord stored_{.name = "a.npy", .stored = array_};
  const ZipRecord deflated_{
      .name = "a.npy", .stored = deflate_stored(array_), .bytes = array_, .method = 8};
  const std::string damaged_ = "its archive is damaged, or cut off before its end";
};

TEST_F(HostileArchive, CutOff) {
  for (const char* name : {"arrays.npz", "compressed.npz"}) {
    const std::string whole = read_file(kData / name);
    for (const std::size_t length : {whole.size() - 1, whole.size() / 2, std::size_t{20}}) {
      expect_refused_bytes(whole.substr(0, length), damaged_);
    }
  }
}

TEST_F(HostileArchive, EncryptedOrOfAnotherCompression) {
  ZipRecord record = stored_;
  record.flags = 1;
  expect_refused_bytes(zip({record}), "its record a.npy is encrypted; save it without a password");
  record.flags = 0;
  record.method = 12;
  expect_refused_bytes(zip({record}),
                       "its record a.npy is compressed by method 12; only stored and deflated ones "
                       "are read");
}

TEST_F(HostileArchive, Damaged) {
  const std::string why = "its record a.npy is damaged: ";
  for (ZipRecord record : {stored_, deflated_}) {
    record.stored.back() ^= 1;
    expect_refused_bytes(zip({{.name = record.name,
                               .stored = record.stored,
                               .bytes = array_,
                               .method = record.method}}),
                         why + "its checksum (CRC-32) is wrong");
  }
  ZipRecord record = deflated_;
  record.stored[0] = 7;  // a kind of block that deflate does not have
  expect_refused_bytes(zip({record}), why + "it cannot be inflated");
  record.stored = deflated_.stored + "x";  // more than the stream
  expect_refused_bytes(zip({record}), why + "it cannot be inflated");
  // The header right before the bytes: its mark, and its claim of how long it is.
  const std::string bytes = zip({stored_, {.name = "b.npy", .stored = array_}});
  const std::size_t second = bytes.find("PK\3\4", 1);
  expect_refused_bytes(std::string(bytes).replace(second, 4, "QK\3\4"), damaged_);
  expect_refused_bytes(std::string(bytes).replace(second + 26, 2, "\xFF\xFF"), damaged_);
}

TEST_F(HostileArchive, ClaimsMoreThanItCanHold) {
  const std::string why = "its record a.npy claims more than the file holds";
  ZipRecord record = stored_;
  record.size = array_.size() + 1;
  expect_refused_bytes(zip({record}), why);
  record.size = record.stored_size = std::uint64_t{1} << 62U;
  expect_refused_bytes(zip({record}, /*is_long=*/true), why);
  record = deflated_;
  record.size = record.stored.size() * 1032 + 1;
  expect_refused_bytes(zip({record}), why);
  record.size = record.stored.size() * 1032;  // could be, and is not
  expect_refused_bytes(zip({record}), "its record a.npy is damaged: it cannot be inflated");
  record.size = array_.size() - 1;
  expect_refused_bytes(zip({record}), "its record a.npy is damaged: it cannot be inflated");
  record = stored_;
  record.size = array_.size() - 1;
  expect_refused_bytes(zip({record}), damaged_);
}

TEST_F(HostileArchive, ManyRecordsOfTheSameBytes) {
  ZipRecord other = stored_;
  other.name = "b.npy";
  other.start = 0;
  expect_refused_bytes(zip({stored_, other}), "its record b.npy overlaps another");
  other.start = 1;
  expect_refused_bytes(zip({stored_, other}), "its record b.npy overlaps another");
  other.start = std::uint64_t{1} << 63U;
  expect_refused_bytes(zip({other}, /*is_long=*/true), damaged_);
  expect_refused_bytes(zip({stored_, stored_}), "its archive holds a.npy twice");
}

TEST_F(HostileArchive, NamesThatAreNoText) {
  ZipRecord record = stored_;
  record.name = "\xFF.npy";
  expect_refused_bytes(zip({record}), "its archive holds a name that is not UTF-8: \xFF.npy");
  record.name = "\x1B[2J\n.npy";
  record.flags = 1;
  expect_refused_bytes(zip({record}),
                       "its record \\x1B[2J\\x0A.npy is encrypted; save it without a password");
}

}  // namespace
}  // namespace attnviz
