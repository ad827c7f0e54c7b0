// A TorchScript file is a program, and may be damaged or made to do harm: what it would do is read
// off it before anything of it is loaded.
#include "attnviz/contents.h"

#include <caffe2/serialize/inline_container.h>
#include <gtest/gtest.h>

#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>
#include <fstream>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/model.h"
#include "test_models.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

/// As module_with, whose forward begins with `statement`.
torch::jit::Module module_that(const std::string& statement) {
  return module_with("def forward(self, ids: Tensor):\n  " + statement +
                     "\n  x = torch.embedding(self.table, ids)\n"
                     "  scores = torch.matmul(x, x.transpose(1, 2)).unsqueeze(1)\n"
                     "  return torch.softmax(scores, -1)\n");
}

class Contents : public ::testing::Test {
 protected:
  void expect_refused(const std::string& part) const {
    try {
      Model model(path());
      ADD_FAILURE() << "was loaded, though it should be refused for: " << part;
    } catch (const ModelError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find(part), std::string::npos) << message;
      EXPECT_NE(message.find(path().string()), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }

  void save(torch::jit::Module module) const { (void)saved(folder_, std::move(module)); }

  /// Saves the module with one of its records changed, and perhaps under another name.
  void save_with(const torch::jit::Module& module, const std::string& record,
                 const std::function<void(std::string&)>& change,
                 const std::string& renamed = "") const {
    const fs::path whole = folder_.path() / "whole.pt";
    module.save(whole.string());
    copy_with(whole, path(), record, change, renamed);
  }

  /// Saves a module whose code has this line more, as an archive could be written by hand.
  void save_with_line(const std::string& line) const {
    save_with(module_that("pass"), "code/__torch__.py", [&](std::string& code) {
      const auto body = code.find("    x = ");
      ASSERT_NE(body, std::string::npos) << code;
      code.insert(body, "    " + line + "\n");
    });
  }

  [[nodiscard]] fs::path path() const { return folder_.path() / "model.pt"; }
  TemporaryFolder folder_;
};

TEST_F(Contents, OfABenignModelAreItsOperatorsAndSizes) {
  save(module_that("pass"));
  const ModelContents contents = read_model_contents(path());
  EXPECT_EQ(contents.operators,
            (std::vector<std::string>{"aten::embedding", "aten::matmul", "aten::softmax",
                                      "aten::transpose", "aten::unsqueeze"}));
  EXPECT_TRUE(contents.effects.empty());
  EXPECT_EQ(contents.tensor_bytes, (10 * 8 + 8 * 8) * sizeof(float));
  EXPECT_EQ(contents.file_size, fs::file_size(path()));
}

TEST_F(Contents, AModelThatWritesAFileIsRefusedUnlessItIsTrusted) {
  const fs::path victim = folder_.path() / "victim";
  save(module_that("torch.save(ids, \"" + victim.string() + "\")"));
  const ModelContents contents = read_model_contents(path());
  ASSERT_EQ(contents.effects.size(), 1U);
  EXPECT_EQ(contents.effects[0].what, "aten::save");
  EXPECT_EQ(contents.effects[0].effect, "writes files");
  expect_refused("aten::save writes files; run it nevertheless with --trust-model");
  EXPECT_FALSE(fs::exists(victim));
  Model trusted(path(), {.capture = CaptureMode::automatic, .trusted = true});
  EXPECT_EQ(trusted.capture({1, 2}).size(), 1U);
}

TEST_F(Contents, OneThatOpensAFileIsRefused) {
  save(module_that("ids = ids + torch.from_file(\"/etc/passwd\", False, 10)[0].long()"));
  expect_refused("aten::from_file opens files");
}

TEST_F(Contents, CodeThatRunsWhileTheFileIsLoadedIsReadFirst) {
  const fs::path victim = folder_.path() / "victim";
  torch::jit::Module module = module_that("pass");
  module.define(
      "def __getstate__(self):\n  return (self.table, self.training)\n"
      "def __setstate__(self, state: Tuple[Tensor, bool]):\n"
      "  torch.save(state[0], \"" +
      victim.string() +
      "\")\n"
      "  self.table = state[0]\n  self.training = state[1]\n");
  save(module);
  EXPECT_FALSE(fs::exists(victim));
  expect_refused("aten::save");
  EXPECT_FALSE(fs::exists(victim));
}

TEST_F(Contents, AFileThatChangesWhileItIsLoadedIsRefused) {
  torch::jit::Module module = module_that("pass");
  // Trusted, this one writes to its own file while it is loaded.
  module.define(
      "def __getstate__(self):\n  return (self.table, self.training)\n"
      "def __setstate__(self, state: Tuple[Tensor, bool]):\n"
      "  torch.save(state[0], \"" +
      path().string() +
      "\")\n"
      "  self.table = state[0]\n  self.training = state[1]\n");
  for (const bool mapped : {false, true}) {
    save(module);
    try {
      Model model(path(), {.mapped = mapped, .trusted = true});
      ADD_FAILURE() << "was loaded";
    } catch (const ModelError& error) {
      EXPECT_NE(std::string(error.what()).find("was replaced or written to while it was read"),
                std::string::npos)
          << error.what();
    }
  }
}

TEST_F(Contents, WhatAModelPrintsIsNoHarm) {
  save(module_that("print(\"hello\")"));
  EXPECT_TRUE(read_model_contents(path()).effects.empty());
  EXPECT_EQ(read_model_contents(path()).operators.back(), "prim::Print");
}

TEST_F(Contents, EachWayOfCallingIsFound) {
  // LibTorch itself writes torch.save(...).
  for (const char* call : {"ops.aten.save(ids, \"f\")", "ids.save(\"f\")", "f = torch.save",
                           "getattr(ids, \"save\")(\"f\")", "getattr(ids, 'save')('f')"}) {
    save_with_line(call);
    expect_refused("aten::save");
  }
}

TEST_F(Contents, NoDisguiseOfANameHelps) {
  const fs::path victim = folder_.path() / "victim";
  const std::string file = "(ids, \"" + victim.string() + "\")";
  for (const std::string& save :
       {std::string("getattr(torch, \"save\")"), std::string(R"(getattr(torch, "s\141ve"))"),
        std::string(R"(getattr(torch, "sa" "ve"))"), std::string(R"(getattr(torch, 's' "ave"))"),
        std::string(R"(getattr(torch, """save"""))"),
        std::string(R"(getattr(getattr(ops, "at" "en"), "sa" 'v\145'))")}) {
    save_with_line("y = " + save + file);
    expect_refused("aten::save");
    ASSERT_FALSE(fs::exists(victim)) << save;
    // It is no mere word: whoever trusts it has it done.
    Model trusted(path(), {.capture = CaptureMode::automatic, .trusted = true});
    EXPECT_EQ(trusted.capture({1, 2}).size(), 1U);
    EXPECT_TRUE(fs::remove(victim)) << save;
  }
}

TEST_F(Contents, CodeIsFoundAsLibTorchFindsItWithoutRegardToCase) {
  const fs::path victim = folder_.path() / "victim";
  const torch::jit::Module module = module_that("torch.save(ids, \"" + victim.string() + "\")");
  for (const char* name : {"CODE/__torch__.py", "code/__torch__.PY", "code/__TORCH__.py"}) {
    save_with(
        module, "code/__torch__.py", [](std::string&) {}, name);
    expect_refused("aten::save");
    Model trusted(path(), {.capture = CaptureMode::automatic, .trusted = true});
    EXPECT_EQ(trusted.capture({1, 2}).size(), 1U);
    EXPECT_TRUE(fs::remove(victim)) << name;
  }
}

TEST_F(Contents, WhatMayLieAnywhereInAnArchiveIsNotRead) {
  save_with(
      module_that("pass"), "data.pkl", [](std::string&) {}, "Model.JSON");
  expect_refused("a format before LibTorch 1.4");
  save(module_that("pass"));
  std::string bytes = read_file(path());
  bytes.replace(4, 4, "PTMF");  // a flatbuffer, to LibTorch
  write_file_atomically(path(), bytes);
  expect_refused("is not a TorchScript file");
}

/// Of an operator of LibTorch that takes the name of a file.
bool takes_a_file(const torch::jit::Operator& known) {
  const auto& arguments = known.schema().arguments();
  return std::any_of(arguments.begin(), arguments.end(), [](const c10::Argument& argument) {
    return argument.type()->str() == "str" && (argument.name().find("file") != std::string::npos ||
                                               argument.name().find("path") != std::string::npos);
  });
}

TEST_F(Contents, EachOperatorThatTakesAFileIsKnown) {
  int n_found = 0;
  for (const auto& known : torch::jit::getAllOperators()) {
    if (!takes_a_file(*known)) continue;
    std::string name = known->schema().name();
    name.replace(name.find("::"), 2, ".");
    save_with_line("y = ops." + name + "(ids)");
    EXPECT_FALSE(read_model_contents(path()).effects.empty()) << known->schema();
    ++n_found;
  }
  EXPECT_GE(n_found, 2);  // save, from_file
}

TEST_F(Contents, OperatorsAndClassesThatAreNotNamedOutrightAreRefused) {
  const std::pair<const char*, const char*> hidden[] = {
      {"y = getattr(ops, \"my_ext\").run(ids)", "ops stands for operators"},
      {"o = ops", "ops stands for operators"},
      {"o = ops.my_ext", "ops stands for operators"},
      {"t = __torch__", "__torch__ stands for classes"},
      {"t = getattr(__torch__.torch, \"classes\")", "__torch__ stands for classes"},
      {"t = __torch__.torch.classes", "__torch__.torch.classes stands for classes"},
      {"t = __torch__.torch.classes.dist_c10d.Store()", "torch.classes.dist_c10d.Store is a C++"},
      {"t = getattr(__torch__.torch.classes.dist_c10d, \"Store\")()", "torch.classes.dist_c10d"}};
  for (const auto& [statement, told] : hidden) {
    save_with_line(statement);
    expect_refused(told);
  }
}

TEST_F(Contents, OperatorsAndClassesOfExtensionsAreRefused) {
  save_with_line("y = ops.my_extension.run(ids)");
  expect_refused("my_extension::run is no operator of LibTorch");
  save_with(module_that("pass"), "data.pkl", [](std::string& pickle) {
    pickle.insert(2, "c__torch__.torch.classes.dist_c10d\nStore\n");
  });
  expect_refused("torch.classes.dist_c10d.Store is a C++ class");
}

TEST_F(Contents, TensorsThatClaimMoreThanTheirRecordAreRefused) {
  // Of `table`, 80 numbers: one byte behind the place, "cpu".
  save_with(module_that("pass"), "data.pkl", [](std::string& pickle) {
    const auto number = pickle.find("K\x50");
    ASSERT_NE(number, std::string::npos);
    pickle[number + 1] = '\x51';
  });
  expect_refused("claims more than its record data/0 holds");
}

TEST_F(Contents, RecordsThatClaimMoreThanTheFileAreRefused) {
  save(module_that("pass"));
  std::string bytes = read_file(path());
  // The sizes in the archive's list of records, of the last entry that is named data/0.
  const auto name = bytes.rfind("/data/0");
  const auto entry = bytes.rfind("PK\x01\x02", name);
  ASSERT_NE(entry, std::string::npos);
  bytes[entry + 24 + 3] = '\x7f';
  write_file_atomically(path(), bytes);
  expect_refused("is damaged");  // by LibTorch's own look at it
}

TEST_F(Contents, CodeThatIsNestedTooDeeplyIsRefused) {
  save_with_line("y = " + std::string(5000, '(') + "1" + std::string(5000, ')'));
  expect_refused("nested too deeply");
}

TEST_F(Contents, AFileCutAnywhereIsRefused) {
  save(module_that("pass"));
  const std::string bytes = read_file(path());
  for (std::size_t length = 8; length < bytes.size(); length += bytes.size() / 40) {
    write_file_atomically(path(), bytes.substr(0, length));
    EXPECT_THROW((void)read_model_contents(path()), ModelError) << length;
  }
}

}  // namespace
}  // namespace attnviz
