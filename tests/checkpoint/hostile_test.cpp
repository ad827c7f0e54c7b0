// Files that are damaged, or made to do harm: each ends in one line that says what is wrong.
#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "checkpoint/pickle.h"
#include "test_models.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

const fs::path kData = ATTNVIZ_TEST_DATA "/checkpoints";

void expect_refused(const fs::path& path, const std::string& part) {
  try {
    (void)read_checkpoint(path);
    ADD_FAILURE() << "was read, though it should be refused for: " << part;
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_NE(message.find(path.filename().string()), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

class Hostile : public ::testing::Test {
 protected:
  fs::path write(const std::string& bytes) const {
    std::ofstream(path(), std::ios::binary) << bytes;
    return path();
  }

  /// An archive as torch.save makes it, of this pickle and one storage "0" of 16 bytes.
  fs::path archive(const std::string& pickle) const {
    caffe2::serialize::PyTorchStreamWriter writer(path().string());
    writer.writeRecord("data.pkl", pickle.data(), pickle.size());
    const float numbers[4] = {1, 2, 3, 4};
    writer.writeRecord("data/0", numbers, sizeof numbers);
    writer.writeEndOfFile();
    return path();
  }

  /// The same, of a dictionary that holds one tensor "w" over that storage.
  fs::path with_tensor(const std::string& numel, const std::string& offset,
                       const std::string& sizes, const std::string& strides) const {
    return archive("\x80\x02}" + tensor_at("w", numel, offset, sizes, strides) + ".");
  }

  /// The entry of a pickled dictionary.
  static std::string tensor_at(const std::string& key, const std::string& numel,
                               const std::string& offset, const std::string& sizes,
                               const std::string& strides) {
    const std::string three("\0\0\0", 3);
    return "X" + std::string(1, char(key.size())) + three + key +
           "ctorch._utils\n_rebuild_tensor_v2\n((X\x07" + three +
           "storagectorch\nFloatStorage\nX\x01" + three + "0X\x03" + three + "cpu" + numel + "tQ" +
           offset + sizes + strides + "\x89Ntq\x01Rs";
  }

  /// A safetensors file with this header and that many bytes of tensors.
  fs::path safetensors(const std::string& header, std::size_t n_bytes) const {
    std::uint64_t length = header.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return write(bytes + header + std::string(n_bytes, 'x'));
  }

  fs::path path() const { return folder_.path() / "hostile.bin"; }
  TemporaryFolder folder_;
};

TEST_F(Hostile, APickleThatCallsTheSystem) {
  expect_refused(archive("\x80\x02"
                         "cos\nsystem\nX\x04" +
                         std::string("\0\0\0echo", 7) + "\x85R."),
                 "os.system");
  // The same by the newer opcode.
  expect_refused(archive("\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04"
                         "echo\x85R."),
                 "os.system");
  expect_refused(archive("\x80\x02"
                         "cbuiltins\neval\n."),
                 "builtins.eval");
}

TEST_F(Hostile, AWholeModuleIsToldToSaveItsStateDict) {
  expect_refused(archive("\x80\x02"
                         "c__main__\nGPT\n)\x81."),
                 "save model.state_dict() alone");
}

TEST_F(Hostile, PicklesThatEndEarlyOrTakeTooMuch) {
  expect_refused(archive("\x80\x02}"), "ends too early");
  expect_refused(archive("\x80\x02X" + std::string("\xff\xff\xff\x7f", 4)), "ends too early");
  expect_refused(archive("\x80\x02"
                         "0."),
                 "opcode");
  expect_refused(archive("\x80\x02."), "takes more");
  expect_refused(archive("\x80\x02t."), "mark");
  expect_refused(archive("\x80\x02h\x05."), "never kept");
  expect_refused(archive("\x80\x02}]R."), "something else");
  expect_refused(archive("\x80\x02}."), "no state dict");
}

TEST_F(Hostile, ATensorIsReadWhereItIsSound) {
  const Checkpoint checkpoint = read_checkpoint(
      with_tensor("K\x04", std::string("K\0", 2), "K\x02K\x02\x86", "K\x02K\x01\x86"));
  EXPECT_TRUE(
      at::equal(checkpoint.tensors.at(0).values, at::tensor({1.F, 2.F, 3.F, 4.F}).view({2, 2})));
}

TEST_F(Hostile, TensorsThatClaimMoreThanTheFileHolds) {
  const std::string zero("K\0", 2), one = "K\x01\x85",
                                    huge = "\x8a\x08" + std::string("\0\0\0\0\0\0\0\x10", 8);
  expect_refused(with_tensor(huge, zero, "K\x02\x85", one), "more than the file holds");
  expect_refused(with_tensor("K\x05", zero, "K\x02\x85", one), "more than the file holds");
  expect_refused(with_tensor("K\x04", zero, "K\x05\x85", one), "more than the file holds");
  expect_refused(with_tensor("K\x04", "K\x03", "K\x02\x85", one), "more than the file holds");
  expect_refused(with_tensor("K\x04", zero, huge + "\x85", std::string("K\0\x85", 3)),
                 "more than the file holds");
  expect_refused(with_tensor("K\x04", "J\xff\xff\xff\xff", "K\x02\x85", one), "shape");
  expect_refused(with_tensor("K\x04", zero, "K\x02\x85", "J\xff\xff\xff\xff\x85"), "shape");
}

TEST_F(Hostile, ManyTensorsThatClaimMoreTogether) {
  // Each repeats one number, and is not larger than the file.
  const auto save = [&](int n, const std::string& size) {
    std::string pickle = "\x80\x02}";
    for (int i = 0; i < n; ++i) {
      pickle += tensor_at("w" + std::to_string(i), "K\x04", std::string("K\0", 2), size + "\x85",
                          std::string("K\0\x85", 3));
    }
    return archive(pickle + ".");
  };
  const std::string numbers_1000 = "M\xe8\x03", numbers_20000 = "M\x20\x4e";
  EXPECT_EQ(read_checkpoint(save(48, numbers_1000)).tensors.size(), 48U);
  expect_refused(save(200, numbers_20000), "its tensors claim more than the file holds");
}

TEST_F(Hostile, FilesThatAreCutOff) {
  for (const char* name : {"gpt2/pytorch_model.bin", "gpt2/model.safetensors"}) {
    const std::string whole = read_file(kData / name);
    for (const std::size_t length : {whole.size() - 1, whole.size() / 2, std::size_t{20}}) {
      expect_refused(write(whole.substr(0, length)), "cannot read");
    }
  }
  expect_refused(write(""), "neither");
  expect_refused(write("just some text, no weights"), "neither");
  expect_refused(write("\x80\x02whatever"), "before 1.6");
}

TEST_F(Hostile, SafetensorsHeadersThatLie) {
  std::string claims(8, '\0');
  claims[7] = 0x10;  // 2^60
  expect_refused(write(claims + "{}"), "claims 1152921504606846976 bytes");
  const auto header = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)" + a +
           R"(},"b":{"dtype":"F32","shape":[2],"data_offsets":)" + b + "}}";
  };
  EXPECT_EQ(read_checkpoint(safetensors(header("[0,8]", "[8,16]"), 16)).tensors.size(), 2U);
  expect_refused(safetensors(header("[0,8]", "[4,12]"), 12), "overlaps");
  expect_refused(safetensors(header("[0,8]", "[0,8]"), 8), "overlaps");
  expect_refused(safetensors(header("[0,8]", "[12,20]"), 20), "gap");
  expect_refused(safetensors(header("[0,8]", "[8,16]"), 15), "more than the file holds");
  expect_refused(safetensors(header("[0,8]", "[8,16]"), 17), "belong to none");
  expect_refused(safetensors(header("[0,8]", "[16,8]"), 16), "ends before it begins");
  expect_refused(safetensors(header("[0,8]", "[8,20]"), 20), "another size");
  expect_refused(safetensors(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],)"
                             R"("data_offsets":[0,0]}})",
                             0),
                 "another size");
  expect_refused(safetensors(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4),
                 "another size");
  expect_refused(safetensors(R"({"a":{"dtype":"Q7","shape":[1],"data_offsets":[0,4]}})", 4), "Q7");
  expect_refused(safetensors(R"({"a":[1,2]})", 0), "no valid safetensors header");
  expect_refused(safetensors("{", 0), "no valid safetensors header");
}

TEST_F(Hostile, AnIndexThatLeavesItsFolder) {
  const fs::path index = folder_.path() / "hostile.bin.json";
  std::ofstream(index) << R"({"weight_map": {"a": "../../etc/passwd"}})";
  expect_refused(index, "not beside it");
  std::ofstream(index) << R"({"weights": {}})";
  expect_refused(index, "no index");
}

}  // namespace
}  // namespace attnviz
