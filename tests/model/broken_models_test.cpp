// What is wrong with a model is said in one short line, in our words: never LibTorch's own report.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/model.h"
#include "test_models.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

const std::string kAttention = R"(
    scores = torch.matmul(x, x.transpose(1, 2)).unsqueeze(1)
    pattern = torch.softmax(scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -10000.0), -1)
    y = torch.matmul(pattern, x.unsqueeze(1)).squeeze(1)
)";

std::string forward(const std::string& before, const std::string& after) {
  return "def forward(self, ids: Tensor):\n    x = torch.embedding(self.table, ids)\n" + before +
         kAttention + after;
}

struct Broken {
  const char* name;
  std::function<void(const fs::path&)> make;
  std::string says;  ///< a part of the message: the value or the way out
};

std::function<void(const fs::path&)> module_of(const std::string& source) {
  return [source](const fs::path& path) { module_with(source).save(path.string()); };
}

std::function<void(const fs::path&)> bytes_of(const std::string& bytes) {
  return [bytes](const fs::path& path) { std::ofstream(path, std::ios::binary) << bytes; };
}

/// A sound model, of whose code one part is replaced.
std::function<void(const fs::path&)> code_with(const std::string& part, const std::string& other) {
  return [=](const fs::path& path) {
    const TemporaryFolder folder;
    module_with(forward("", "    return y\n")).save((folder.path() / "whole.pt").string());
    copy_with(folder.path() / "whole.pt", path, "code/__torch__.py", [&](std::string& code) {
      const auto at = code.find(part);
      if (at == std::string::npos) throw std::runtime_error(part + " is not in " + code);
      code.replace(at, part.size(), other);
    });
  };
}

void cut_in_half(const fs::path& path) {
  module_with(forward("", "    return y\n")).save(path.string());
  fs::resize_file(path, fs::file_size(path) / 2);
}

void save_state_dict(const fs::path& path) {
  c10::Dict<std::string, at::Tensor> weights;
  weights.insert("weight", torch::ones({2}));
  const std::vector<char> bytes = torch::jit::pickle_save(weights);
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

const std::vector<Broken>& broken_models() {
  static const std::vector<Broken> all = {
      {"empty_file", bytes_of(""), "not a TorchScript file"},
      {"text", bytes_of("this is not a model\n"), "not a TorchScript file"},
      {"cut_archive", cut_in_half, "damaged"},
      {"state_dict", save_state_dict, "attnviz import"},
      {"safetensors", bytes_of(std::string("\x08\0\0\0\0\0\0\0{}      ", 16)), "safetensors"},
      {"old_pickle", bytes_of("\x80\x02}q"), "pickle"},
      {"no_forward", module_of("def other(self, ids: Tensor):\n    return ids\n"), "forward"},
      {"no_ids", module_of("def forward(self):\n    return self.table\n"), "token ids"},
      {"unknown_argument", module_of("def forward(self, ids, noise):\n    return ids + noise\n"),
       "'noise'"},
      {"no_softmax", module_of("def forward(self, ids):\n    return self.table[ids]\n"), "softmax"},
      {"softmax_over_vocabulary",
       module_of(
           "def forward(self, ids: Tensor):\n    return torch.softmax(self.table[ids], -1)\n"),
       "[1, 3, 8]"},
      {"not_finite", module_of(forward("    x = x / 0.0 - x / 0.0\n", "    return y\n")), ""},
      {"exception",
       module_of(forward("    assert ids.size(1) > 9, \"too short\"\n", "    return y\n")),
       "too short"},
      {"wrong_shapes",
       module_of(forward("    x = torch.matmul(x, self.table)\n", "    return y\n")), "3"},
      {"wrong_types", module_of(forward("    x = torch.matmul(x, ids)\n", "    return y\n")), ""},
      {"too_few_positions",
       module_of(forward("    x = x + torch.embedding(self.wpe, ids + 7)\n", "    return y\n")),
       ""},
      {"unknown_operator", code_with("torch.matmul(", "torch.dot_of_the_future("),
       "aten::dot_of_the_future"},
      {"unknown_class", code_with("torch.matmul(", "__torch__.Nowhere("), ""},
      {"damaged_code", code_with("return ", "return return "), ""},
      {"damaged_argument", code_with("torch.softmax(", "torch.softmax(77, "), ""},
      {"side_by_side", module_of(R"(
def forward(self, ids: Tensor):
    x = torch.embedding(self.table, ids).view([1, -1, 2, 4]).transpose(1, 2)
    scores = torch.matmul(x, x.transpose(2, 3))
    scores = scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -10000.0)
    return torch.softmax(scores, -1) - torch.softmax(scores * 2.0, -1)
)"),
       "[1, 2, 3, 3], [1, 2, 3, 3]"},
      {"endless_recursion", module_of(forward("    x = x.view([-1, 7])\n", "    return y\n")), "7"},
  };
  return all;
}

class BrokenModels : public ::testing::TestWithParam<std::size_t> {};

TEST_P(BrokenModels, AreRefusedInOneShortLine) {
  const Broken& broken = broken_models()[GetParam()];
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "m.pt";
  broken.make(path);
  std::string message;
  try {
    Model model(path);
    for (const at::Tensor& layer : model.capture({1, 2, 3})) {
      if (!layer.isfinite().all().item<bool>()) return;  // refused by check_patterns
    }
    FAIL() << "nothing was wrong";
  } catch (const Error& error) {
    message = error.what();
  }
  EXPECT_LT(message.size(), 300U) << message;
  EXPECT_NE(message.find("m.pt"), std::string::npos) << message;
  EXPECT_NE(message.find(broken.says), std::string::npos) << message;
  for (const char* raw : {"\n", "Exception raised", "frame #", "c10::", "aten/src", "ASSERT",
                          "Traceback", "report a bug", "/home/", "..\\"}) {
    EXPECT_EQ(message.find(raw), std::string::npos) << raw << " in: " << message;
  }
}

INSTANTIATE_TEST_SUITE_P(All, BrokenModels,
                         ::testing::Range(std::size_t{0}, broken_models().size()),
                         [](const auto& test) { return broken_models()[test.param].name; });

TEST(Devices, ThatAreNotThereAreRefusedByName) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "m.pt";
  module_with(forward("", "    return y\n")).save(path.string());
  for (const char* device : {"cuda:99", "mps", "nothing"}) {
    try {
      Model(path, {.device = device});
      ADD_FAILURE() << device;
    } catch (const ModelError& error) {
      EXPECT_NE(std::string(error.what()).find(device), std::string::npos) << error.what();
      EXPECT_LT(std::string(error.what()).size(), 200U) << error.what();
    }
  }
}

TEST(Devices, WrittenIntoTheCodeAreMoved) {
  const TemporaryFolder folder;
  Model model(saved(folder, module_with(R"(
def forward(self, ids: Tensor):
    x = torch.embedding(self.table, ids) + torch.arange(ids.size(1), device=torch.device("cuda:0")).view([1, -1, 1])
    x = x.cuda()
    if bool((ids.sum() > 0).item()):
        x = x + torch.zeros([8], device=torch.device("cuda"))
)" + kAttention + "    return y\n")));
  EXPECT_EQ(model.capture({1, 2, 3}).size(), 1U);
}

}  // namespace
}  // namespace attnviz
