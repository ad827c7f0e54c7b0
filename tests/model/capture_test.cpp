#include <caffe2/serialize/inline_container.h>
#include <gtest/gtest.h>

#include <fstream>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/model.h"
#include "test_models.h"

namespace attnviz {
namespace {

/// Two heads of four, causal by masked_fill; the rest of each test's model goes around it.
const std::string kAttend = R"(
def attend(self, x):
    # type: (Tensor) -> Tuple[Tensor, Tensor]
    q = x.view([x.size(0), x.size(1), 2, 4]).transpose(1, 2)
    later = torch.ones_like(torch.matmul(q, q.transpose(2, 3))).triu(1) > 0
    pattern = torch.softmax(torch.matmul(q, q.transpose(2, 3)).masked_fill(later, -10000.0), -1)
    return torch.matmul(pattern, q).transpose(1, 2).reshape(x.size()), pattern
)";

template <typename Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string capture_error(const std::string& source, const TokenIds& ids = {1, 2, 3},
                          CaptureMode mode = CaptureMode::automatic) {
  const TemporaryFolder folder;
  const auto path = saved(folder, module_with(source));
  return message_of([&] { (void)Model(path, {mode, "cpu"}).capture(ids); });
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

TEST(Capture, GraphAndMethodGiveTheSameNumbers) {
  const TemporaryFolder folder;
  const auto path = saved(folder, build_gpt(tiny_gpt(), 0));
  Model by_graph(path, {CaptureMode::graph, "cpu"});
  Model by_method(path, {CaptureMode::method, "cpu"});
  for (const TokenIds& ids : {TokenIds{5}, TokenIds{1, 2, 3, 39, 0, 1, 2}, TokenIds(32, 7)}) {
    const auto graph = by_graph.capture(ids);
    const auto method = by_method.capture(ids);
    ASSERT_EQ(graph.size(), 2U);
    ASSERT_EQ(method.size(), 2U);
    for (std::size_t layer = 0; layer < 2; ++layer) {
      EXPECT_EQ(graph[layer].sizes(),
                (std::vector<std::int64_t>{4, std::int64_t(ids.size()), std::int64_t(ids.size())}));
      EXPECT_TRUE(at::equal(graph[layer], method[layer]));
    }
  }
  EXPECT_EQ(by_graph.capture_mode(), CaptureMode::graph);
  EXPECT_EQ(by_method.capture_mode(), CaptureMode::method);
}

TEST(Capture, ReadsTheLimitsOffTheGraph) {
  const TemporaryFolder folder;
  const Model model(saved(folder, build_gpt(tiny_gpt(), 0)));
  EXPECT_EQ(model.vocabulary_size(), 40);
  EXPECT_EQ(model.n_positions(), 32);
}

TEST(Capture, GivesTheTableOfTheTokens) {
  const TemporaryFolder folder;
  const auto module = build_gpt(tiny_gpt(), 0);
  const at::Tensor own = module.attr("token_embedding").toTensor();
  const auto table = Model(saved(folder, module)).token_embeddings();
  ASSERT_TRUE(table);
  EXPECT_EQ(table->sizes(), (std::vector<std::int64_t>{40, 16}));
  EXPECT_TRUE(at::equal(*table, own));
  EXPECT_FALSE(table->requires_grad());

  const auto path = folder.path() / "half.pt";
  save_gpt(build_gpt(tiny_gpt(), 0), {tiny_gpt(), {}}, path, Precision::half);
  const auto widened = Model(path).token_embeddings();
  EXPECT_EQ(widened->scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(*widened, own.to(at::kHalf).to(at::kFloat)));
}

TEST(Capture, GivesNoTableOfTheTokensWhereThereIsNotOne) {
  const TemporaryFolder folder;
  const Model one_hot(saved(folder, module_with(kAttend + R"(
def forward(self, ids):
    x = torch.matmul(torch.one_hot(ids, 10).float(), self.table)
    return self.attend(x)[0]
)")));
  EXPECT_FALSE(one_hot.token_embeddings());
  const Model two_tables(saved(folder, module_with(kAttend + R"(
def forward(self, ids):
    x = torch.embedding(self.table, ids) + torch.embedding(self.wpe, ids)
    return self.attend(x)[0]
)")));
  EXPECT_FALSE(two_tables.token_embeddings());
}

TEST(Capture, FindsLearnedPositionsThatAreLookedUp) {
  const TemporaryFolder folder;
  const Model model(saved(folder, module_with(kAttend + R"(
def forward(self, ids):
    positions = torch.arange(ids.size(1), device=ids.device)
    x = torch.embedding(self.table, ids) + torch.embedding(self.wpe, positions)
    return self.attend(x)[0]
)")));
  EXPECT_EQ(model.vocabulary_size(), 10);
  EXPECT_EQ(model.n_positions(), 8);
}

TEST(Capture, TakesTokenTypesForNoPositions) {
  const TemporaryFolder folder;
  Model model(saved(folder, module_with(kAttend + R"(
def forward(self, ids):
    types = torch.zeros_like(ids)
    x = torch.embedding(self.table, ids) + torch.embedding(self.wpe[:2], types)
    return self.attend(x)[0]
)")));
  EXPECT_EQ(model.vocabulary_size(), 10);
  EXPECT_EQ(model.n_positions(), std::nullopt);
  EXPECT_EQ(model.capture({1, 2, 3, 4}).size(), 1U);
}

TEST(Capture, UnrollsALoopOverLayers) {
  const TemporaryFolder folder;
  Model model(saved(folder, module_with(kAttend + R"(
def forward(self, ids):
    x = torch.embedding(self.table, ids)
    for i in range(self.n_layers):
        x = x + self.attend(x)[0]
    return x
)")));
  EXPECT_EQ(model.capture({1, 2, 3}).size(), 3U);
}

TEST(Capture, LeavesOutASoftmaxOverTheVocabulary) {
  const TemporaryFolder folder;
  Model model(saved(folder, module_with(kAttend + R"(
def forward(self, ids):
    x = self.attend(torch.embedding(self.table, ids))[0]
    return torch.softmax(torch.matmul(x, self.table.t()), -1)
)")));
  EXPECT_EQ(model.capture({1, 2, 3}).size(), 1U);
  // The graph has been cut once more by now.
  EXPECT_EQ(model.capture({1, 2, 3, 4}).at(0).size(-1), 4);
  // As many tokens as the vocabulary has: its softmax has the shape of a pattern.
  Model again(model.path());
  EXPECT_EQ(again.capture(TokenIds(10, 1)).size(), 1U);
}

TEST(Capture, TakesTheMethodWhereThereIsNoSoftmax) {
  const TemporaryFolder folder;
  Model model(saved(folder, module_with(R"(
def forward_with_attention(self, ids):
    # type: (Tensor) -> Tuple[Tensor, List[Tensor]]
    x = torch.embedding(self.table, ids)
    weights = torch.exp(torch.matmul(x, x.transpose(1, 2))).tril()
    pattern = (weights / weights.sum([-1], True)).unsqueeze(1)
    return torch.matmul(pattern, x.unsqueeze(1)).squeeze(1), [pattern]
)")));
  EXPECT_EQ(model.capture({1, 2, 3}).size(), 1U);
  EXPECT_EQ(model.capture_mode(), CaptureMode::method);
}

TEST(Capture, IsBeforeDropoutEvenWhenThatWritesInPlace) {
  const TemporaryFolder folder;
  Model model(saved(folder, module_with(R"(
def forward(self, ids):
    x = torch.embedding(self.table, ids).unsqueeze(1)
    pattern = torch.softmax(torch.matmul(x, x.transpose(2, 3)), -1)
    pattern.mul_(0.5)
    return torch.matmul(pattern, x)
)")));
  const at::Tensor pattern = model.capture({1, 2, 3}).at(0);
  EXPECT_TRUE(at::allclose(pattern.sum(-1), torch::ones({1, 3})));
}

TEST(Capture, DefaultsBindOptionalArguments) {
  const TemporaryFolder folder;
  Model model(saved(folder, module_with(kAttend + R"(
def forward(self, ids, mask: Optional[Tensor]=None, with_cache: bool=False):
    return self.attend(torch.embedding(self.table, ids))[0]
)")));
  EXPECT_EQ(model.capture({1, 2, 3}).size(), 1U);
}

TEST(Capture, UsualArgumentsAreWhatTheyAreForAWholeText) {
  const TemporaryFolder folder;
  torch::manual_seed(0);
  Model without(saved(folder, module_with(kAttend + R"(
def forward(self, ids):
    positions = torch.arange(ids.size(1))
    x = torch.embedding(self.table, ids) + torch.embedding(self.wpe, positions)
    return self.attend(x + torch.embedding(self.wpe, torch.zeros_like(ids)))[0]
)")));
  const at::Tensor expected = without.capture({1, 2, 3}).at(0);
  torch::manual_seed(0);
  Model with(saved(folder, module_with(kAttend + R"(
def forward(self, ids, attention_mask, position_ids, token_type_ids):
    x = torch.embedding(self.table, ids) + torch.embedding(self.wpe, position_ids)
    x = x + torch.embedding(self.wpe, token_type_ids)
    return self.attend(x * attention_mask.unsqueeze(-1))[0]
)")));
  EXPECT_TRUE(at::equal(with.capture({1, 2, 3}).at(0), expected));
  EXPECT_EQ(with.n_positions(), 8);
}

TEST(Logits, AreTheSameOfATensorATupleAndADictionary) {
  const auto logits_of = [](const std::string& arguments, const std::string& returned) {
    const TemporaryFolder folder;
    torch::manual_seed(0);
    Model model(saved(folder, module_with(kAttend + R"(
def forward(self, ids)" + arguments + R"():
    x = torch.embedding(self.table, ids)
    y, pattern = self.attend(x)
    logits = torch.matmul(y, self.table.t())
    return )" + returned + "\n")));
    EXPECT_EQ(model.capture({1, 2, 3}).at(0).sizes(), (std::vector<std::int64_t>{2, 3, 3}));
    return model.logits({1, 2, 3});
  };
  const at::Tensor expected = logits_of("", "logits");
  EXPECT_EQ(expected.sizes(), (std::vector<std::int64_t>{3, 10}));
  EXPECT_TRUE(at::equal(logits_of("", "(logits, y)"), expected));
  EXPECT_TRUE(at::equal(logits_of("", "((logits, x), y)"), expected));
  EXPECT_TRUE(at::equal(logits_of("", "{'hidden': y, 'logits': logits}"), expected));
  EXPECT_TRUE(at::equal(logits_of(", attention_mask, position_ids", "logits"), expected));
  const auto refused = [&](const std::string& returned) {
    return message_of([&] { (void)logits_of("", returned); });
  };
  expect_contains(refused("{'hidden': logits}"), "model.pt: it returns no logits");
  expect_contains(refused("[logits]"), "it returns no logits");
  expect_contains(refused("y[:, :2]"), "returns no [1, T, V]");
}

TEST(Capture, HalfWeightsAreWidened) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "half.pt";
  save_gpt(build_gpt(tiny_gpt(), 0), {tiny_gpt(), {}}, path, Precision::half);
  EXPECT_EQ(Model(path).capture({1, 2, 3}).at(0).scalar_type(), at::kFloat);
}

TEST(CaptureErrors, ATokenBeyondTheVocabulary) {
  const TemporaryFolder folder;
  Model model(saved(folder, build_gpt(tiny_gpt(), 0)));
  const std::string message = message_of([&] { (void)model.capture({1, 40}); });
  expect_contains(message, "token id 40 is beyond the vocabulary");
  expect_contains(message, "0 to 39");
}

TEST(CaptureErrors, MoreTokensThanPositions) {
  const TemporaryFolder folder;
  Model model(saved(folder, build_gpt(tiny_gpt(), 0)));
  EXPECT_NO_THROW((void)model.capture(TokenIds(32, 1)));
  expect_contains(message_of([&] { (void)model.capture(TokenIds(33, 1)); }), "--max-tokens 32");
}

TEST(CaptureErrors, NoTokens) {
  const TemporaryFolder folder;
  Model model(saved(folder, build_gpt(tiny_gpt(), 0)));
  EXPECT_THROW((void)model.capture({}), TextError);
}

TEST(CaptureErrors, NoSoftmaxAtAll) {
  expect_contains(capture_error("def forward(self, ids):\n    return ids + 1\n"),
                  "no attention found");
}

TEST(CaptureErrors, NamesTheShapesThatWereFound) {
  const std::string message = capture_error(R"(
def forward(self, ids):
    return torch.softmax(torch.embedding(self.table, ids), -1)
)");
  expect_contains(message, "[1, 3, 8]");
}

TEST(CaptureErrors, ASoftmaxInABranchThatDependsOnTheInput) {
  const std::string message = capture_error(kAttend + R"(
def forward(self, ids):
    x = torch.embedding(self.table, ids)
    if bool((ids.sum() > 3).item()):
        x = self.attend(x)[0]
    return x
)",
                                            {1, 2, 3}, CaptureMode::graph);
  expect_contains(message, "branch that depends on the input");
}

TEST(CaptureErrors, AnArgumentThatHasNoDefault) {
  expect_contains(capture_error("def forward(self, ids, mask):\n    return ids + mask\n"),
                  "'mask'");
}

TEST(CaptureErrors, NoMethodWhereTheMethodIsAskedFor) {
  expect_contains(capture_error(kAttend + R"(
def forward(self, ids):
    return self.attend(torch.embedding(self.table, ids))[0]
)",
                                {1, 2}, CaptureMode::method),
                  "forward_with_attention");
}

TEST(ModelFile, MissingFile) {
  EXPECT_THROW(Model("/no/such/model.pt"), FileError);
}

TEST(ModelFile, AFolder) {
  EXPECT_THROW(Model("/tmp"), FileError);
}

TEST(ModelFile, SomethingElse) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "notes.txt";
  std::ofstream(path) << "not a model";
  expect_contains(message_of([&] { Model{path}; }), "is not a TorchScript file");
}

TEST(ModelFile, AStateDictIsToldToImport) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "trained_model.pth";
  {
    caffe2::serialize::PyTorchStreamWriter writer(path.string());
    writer.writeRecord("data.pkl", "\x80\x02}q\x00.", 5);
  }
  const std::string message = message_of([&] { Model{path}; });
  expect_contains(message, "state dict");
  expect_contains(message, "attnviz import " + path.string());
}

TEST(ModelFile, ABarePickleIsToldToImport) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "old.pth";
  std::ofstream(path, std::ios::binary).write("\x80\x02}q\x00.", 6);
  expect_contains(message_of([&] { Model{path}; }), "attnviz import " + path.string());
}

TEST(ModelFile, SafetensorsAreToldToImport) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "model.safetensors";
  write_safetensors(path, {{"w", at::zeros({2})}}, {});
  expect_contains(message_of([&] { Model{path}; }), "attnviz import " + path.string());
}

TEST(ModelFile, ATruncatedOne) {
  const TemporaryFolder folder;
  const auto path = saved(folder, build_gpt(tiny_gpt(), 0));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  expect_contains(message_of([&] { Model{path}; }), "is damaged");
}

/// A copy of the archive with one word of its code changed, as if a newer LibTorch had written it.
std::filesystem::path with_operator(const std::filesystem::path& path, const std::string& old_name,
                                    const std::string& new_name) {
  const auto changed = path.parent_path() / "changed.pt";
  caffe2::serialize::PyTorchStreamReader reader(path.string());
  caffe2::serialize::PyTorchStreamWriter writer(changed.string());
  for (const std::string& name : reader.getAllRecords()) {
    if (name == "version" || name.find("serialization_id") != std::string::npos) continue;
    const auto [data, size] = reader.getRecord(name);
    std::string bytes(static_cast<const char*>(data.get()), size);
    for (auto at = bytes.find(old_name); at != std::string::npos; at = bytes.find(old_name, at)) {
      bytes.replace(at, old_name.size(), new_name);
    }
    writer.writeRecord(name, bytes.data(), bytes.size());
  }
  return changed;
}

TEST(ModelFile, AnOperatorThatThisLibTorchLacksIsNamed) {
  const TemporaryFolder folder;
  const auto path =
      saved(folder, module_with("def forward(self, ids):\n    return torch.tanh(ids)\n"));
  const std::string message =
      message_of([&] { Model{with_operator(path, "torch.tanh", "torch.from_the_future")}; });
  expect_contains(message, "aten::from_the_future");
  expect_contains(message, libtorch_version());
}

TEST(ModelFile, ADeviceThatIsNotThere) {
  const TemporaryFolder folder;
  const auto path = saved(folder, build_gpt(tiny_gpt(), 0));
  EXPECT_THROW(Model(path, {CaptureMode::automatic, "no such device"}), ModelError);
}

}  // namespace
}  // namespace attnviz
