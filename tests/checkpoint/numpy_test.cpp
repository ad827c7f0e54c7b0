#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <string_view>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "numpy_bytes.h"
#include "temporary_folder.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

const fs::path kData = ATTNVIZ_TEST_DATA "/numpy";

template <typename Number>
at::Tensor whole_range() {
  return at::tensor(
      {std::numeric_limits<Number>::min(), Number{1}, std::numeric_limits<Number>::max()},
      c10::CppTypeToScalarType<Number>::value);
}

/// What make_numpy.py says of each array. The numbers of 16 bits are given by their bits.
std::vector<NamedTensor> expected() {
  const float inf = std::numeric_limits<float>::infinity();
  const at::Tensor cube = at::arange(24, at::kInt).view({2, 3, 4});
  const at::Tensor half_bits = at::tensor({0x2E66, -0x8000, 0x7BFF, 0x7C00}, at::kShort);
  return {
      {"f2", half_bits.view(at::kHalf)},
      {"f4", at::tensor({0.1F, -0.0F, std::numeric_limits<float>::max(), -inf}, at::kFloat)},
      {"f8", at::tensor({0.1, -0.0, std::numeric_limits<double>::denorm_min(),
                         std::numeric_limits<double>::max()},
                        at::kDouble)},
      {"i1", whole_range<std::int8_t>()},
      {"i2", whole_range<std::int16_t>()},
      {"i4", whole_range<std::int32_t>()},
      {"i8", whole_range<std::int64_t>()},
      {"u1", whole_range<std::uint8_t>()},
      {"u2", at::tensor({0, 1, 65535}, at::kInt)},
      {"u4", at::tensor({std::int64_t{0}, std::int64_t{1}, std::int64_t{4294967295}}, at::kLong)},
      {"b1", at::tensor({1, 0, 1}, at::kInt).to(at::kBool)},
      {"scalar", at::scalar_tensor(2.5, at::kFloat)},
      {"empty", at::zeros({0, 3}, at::kFloat)},
      {"cube", cube},
      {"fortran", cube},
      {"layer/0", at::tensor({1.5F})},
      {"gr\u00f6\u00dfe", at::tensor({2}, at::kChar)},
  };
}

void expect_same(const NamedTensor& read, const NamedTensor& wanted) {
  SCOPED_TRACE(wanted.name);
  EXPECT_EQ(read.name, wanted.name);
  ASSERT_EQ(read.values.scalar_type(), wanted.values.scalar_type());
  ASSERT_EQ(read.values.sizes(), wanted.values.sizes());
  EXPECT_TRUE(read.values.is_contiguous());
  const auto bits = [](const at::Tensor& values) {  // so that -0 is not 0
    return std::string_view(static_cast<const char*>(values.data_ptr()), values.nbytes());
  };
  EXPECT_TRUE(bits(read.values) == bits(wanted.values)) << read.values;
}

NumpyFile read(const std::string& bytes) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "x", std::ios::binary) << bytes;
  return read_numpy(folder.path() / "x");
}

TEST(Numpy, EveryDtypeAndShapeOfAnArchive) {
  const std::vector<NamedTensor> wanted = expected();
  const NumpyFile file = read_numpy(kData / "arrays.npz");
  ASSERT_EQ(file.tensors.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) expect_same(file.tensors[i], wanted[i]);
}

TEST(Numpy, ACompressedArchiveHoldsTheSame) {
  const NumpyFile stored = read_numpy(kData / "arrays.npz");
  const NumpyFile compressed = read_numpy(kData / "compressed.npz");
  ASSERT_EQ(compressed.tensors.size(), stored.tensors.size() + 1);
  expect_same(compressed.tensors[0], {"zeros", at::zeros({100, 100})});
  for (std::size_t i = 0; i < stored.tensors.size(); ++i) {
    expect_same(compressed.tensors[i + 1], stored.tensors[i]);
  }
  EXPECT_EQ(compressed.texts, stored.texts);
}

TEST(Numpy, StringsAreTexts) {
  const std::map<std::string, std::vector<std::string>> wanted = {
      {"words", {"The", " cat", "", "s\u00fc\u00df", "\U0001F431"}},
      {"word", {"one"}},
      {"no_words", {}}};
  EXPECT_EQ(read_numpy(kData / "arrays.npz").texts, wanted);
  const NumpyFile file = read_numpy(kData / "words.npy");
  EXPECT_EQ(file.texts, (decltype(wanted){{"", wanted.at("words")}}));
  EXPECT_TRUE(file.tensors.empty());
}

TEST(Numpy, AZeroWithinAStringIsKept) {
  const std::string characters =
      bytes_of(U'a') + bytes_of(U'\0') + bytes_of(U'b') + bytes_of(U'\0');
  const NumpyFile file = read(npy(npy_header("<U4", "()"), characters));
  EXPECT_EQ(file.texts.at(""), std::vector{std::string("a\0b", 3)});
}

TEST(Numpy, AnArrayByItselfHasNoName) {
  const NamedTensor cube{"", at::arange(24, at::kInt).view({2, 3, 4})};
  for (const char* name : {"cube.npy", "fortran.npy", "version_2.npy", "version_3.npy"}) {
    SCOPED_TRACE(name);
    const NumpyFile file = read_numpy(kData / name);
    ASSERT_EQ(file.tensors.size(), 1U);
    expect_same(file.tensors[0], cube);
  }
}

TEST(Numpy, AnArchiveOfNothing) {
  const NumpyFile file = read_numpy(kData / "none.npz");
  EXPECT_TRUE(file.tensors.empty());
  EXPECT_TRUE(file.texts.empty());
}

TEST(Numpy, WhatIsNot0IsTrue) {
  const NumpyFile file = read(npy(npy_header("|b1", "(3,)"), std::string("\0\2\xFF", 3)));
  expect_same(file.tensors.at(0), {"", at::tensor({0, 1, 1}, at::kInt).to(at::kBool)});
}

TEST(Numpy, HeadersAsOtherVersionsOfPythonWriteThem) {
  const NamedTensor wanted{"", at::tensor({1.5F}).view({1, 1})};
  for (const char* header : {
           "{'descr': '<f4', 'fortran_order': True, 'shape': (1L, 1L), }",
           R"({"shape":(1,1),"fortran_order":False,"descr":"<f4"})",
           "\n{ 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 1 , 1 , ) , } \n",
       }) {
    SCOPED_TRACE(header);
    expect_same(read(npy(header, bytes_of(1.5F))).tensors.at(0), wanted);
  }
}

TEST(Numpy, AsManyDimensionsAsNumpyHas) {
  std::string shape = "(";
  for (int i = 0; i < 64; ++i) shape += "1,";
  const std::string header = "{'descr': '<f4', 'fortran_order': True, 'shape': " + shape + ")}";
  EXPECT_EQ(read(npy(header, bytes_of(1.5F))).tensors.at(0).values.dim(), 64);
}

TEST(Numpy, ArchivesOfOtherPrograms) {
  const std::string array = one_float();
  const NamedTensor wanted{"a", at::tensor({1.5F})};
  const ZipRecord stored{.name = "a.npy", .stored = array};
  const ZipRecord deflated{
      .name = "a.npy", .stored = deflate_stored(array), .bytes = array, .method = 8};
  for (const ZipRecord& record : {stored, deflated}) {
    for (const bool is_long : {false, true}) {
      SCOPED_TRACE(std::to_string(record.method) + (is_long ? " long" : ""));
      const NumpyFile file = read(zip({record}, is_long));
      ASSERT_EQ(file.tensors.size(), 1U);
      expect_same(file.tensors[0], wanted);
    }
  }
  std::string commented = zip({stored});
  commented.replace(commented.size() - 2, 2, std::string("\x09\0a comment", 11));
  expect_same(read(commented).tensors.at(0), wanted);
}

TEST(Numpy, AFileThatIsNotThere) {
  EXPECT_THROW((void)read_numpy(kData / "missing.npy"), FileError);
  EXPECT_THROW((void)read_numpy(kData), FileError);
}

}  // namespace
}  // namespace attnviz
