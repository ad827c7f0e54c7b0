// Stored statistics that are damaged, or made to do harm: each is refused in one line.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "attnviz/error.h"
#include "attnviz/head_statistics.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

constexpr auto kHuge = std::numeric_limits<std::int64_t>::max();

/// Of two heads, three texts (one of them short) and a probe.
std::vector<NamedTensor> sound_tensors() {
  HeadStatistics statistics;
  const auto patterns = [](std::int64_t n) {
    return layer({random(n, 4, 1), causal(n, [](auto, auto k) { return k == 3 ? 9.0 : 1; })});
  };
  for (const std::int64_t n : {6, 20, 30}) statistics.add_text(patterns(n), different(n));
  const RepeatedProbe probe = make_probes().at(0);
  const auto n = static_cast<std::int64_t>(probe.ids.size());
  statistics.add_probe(patterns(n), patterns(n), probe);
  std::vector<NamedTensor> tensors = statistics.to_tensors();
  for (NamedTensor& tensor : tensors) tensor.values = tensor.values.clone();
  return tensors;
}

using Spoil = std::function<at::Tensor(const at::Tensor&)>;

/// The error of these tensors where that one is spoilt names it and says `part`.
void expect_refused(const std::string& name, const Spoil& spoil, const std::string& part) {
  std::vector<NamedTensor> tensors = sound_tensors();
  bool is_found = false;
  for (NamedTensor& tensor : tensors) {
    if (tensor.name != name) continue;
    tensor.values = spoil(tensor.values);
    is_found = true;
  }
  ASSERT_TRUE(is_found) << name;
  try {
    (void)HeadStatistics::from_tensors(tensors);
    ADD_FAILURE() << name << " was read, though it should be refused for: " << part;
  } catch (const ModelError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("its tensor " + name + " "), std::string::npos) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

/// Puts a number at a place of the tensor as it lies in memory.
Spoil with(std::int64_t place, double number) {
  return [=](const at::Tensor& tensor) {
    tensor.view(-1)[place] = number;
    return tensor;
  };
}
Spoil with_integer(std::int64_t place, std::int64_t number) {
  return [=](const at::Tensor& tensor) {
    tensor.data_ptr<std::int64_t>()[place] = number;
    return tensor;
  };
}

TEST(HostileStatistics, SoundOnesAreRead) {
  EXPECT_EQ(HeadStatistics::from_tensors(sound_tensors()).n_texts(), 3);
}

TEST(HostileStatistics, TensorsThatAreMissingOrMisshapenOrOfAnotherDtype) {
  for (const NamedTensor& tensor : sound_tensors()) {
    const std::string& name = tensor.name;
    std::vector<NamedTensor> without = sound_tensors();
    std::erase_if(without, [&](const NamedTensor& one) { return one.name == name; });
    EXPECT_THROW((void)HeadStatistics::from_tensors(without), ModelError) << name;
    expect_refused(
        name, [](const auto&) { return at::Tensor(); }, "is missing");
    expect_refused(
        name, [](const auto& t) { return t.to(at::kInt); }, "is Int, not ");
    expect_refused(
        name, [](const auto& t) { return t.unsqueeze(0); }, "is [1, ");
    for (std::int64_t axis = 0; axis < tensor.values.dim(); ++axis) {
      std::vector<NamedTensor> longer = sound_tensors(), shorter = sound_tensors();
      for (std::size_t i = 0; i < longer.size(); ++i) {
        if (longer[i].name != name) continue;
        longer[i].values = at::cat({longer[i].values, longer[i].values}, axis);
        shorter[i].values = shorter[i].values.narrow(axis, 0, 0);
      }
      EXPECT_THROW((void)HeadStatistics::from_tensors(longer), ModelError) << name << axis;
      EXPECT_THROW((void)HeadStatistics::from_tensors(shorter), ModelError) << name << axis;
    }
  }
}

TEST(HostileStatistics, OtherVersionsAndOptions) {
  expect_refused("statistics.version", with(0, 2), "is 2; this program reads version 1");
  expect_refused("statistics.options", with(2, 0), "options");
  expect_refused("statistics.options", with(3, -1), "options");
}

TEST(HostileStatistics, HeadsThatDoNotAddUp) {
  expect_refused("heads.per_layer", with(0, 1), "other heads");
  expect_refused("heads.per_layer", with(0, 3), "other heads");
  expect_refused("heads.per_layer", with(0, -1), "other heads");
  expect_refused("heads.per_layer", with_integer(0, kHuge), "other heads");
  expect_refused("heads.numbers", with(1, -1), "no head's number");
  expect_refused("heads.numbers", with_integer(1, std::int64_t{1} << 32), "no head's number");
}

TEST(HostileStatistics, TextsOrProbesOfNoHeads) {
  for (const std::string name : {"texts.counts", "short_texts.counts", "probes.count"}) {
    std::vector<NamedTensor> tensors = HeadStatistics().to_tensors();
    EXPECT_NO_THROW((void)HeadStatistics::from_tensors(tensors));
    for (NamedTensor& tensor : tensors) {
      if (tensor.name == name)
        tensor.values.narrow(0, 0, std::min<std::int64_t>(tensor.values.numel(), 3)).fill_(1);
    }
    for (const std::string of : {"texts.scores", "short_texts.scores", "probes.scores"}) {
      tensors.push_back(
          {of + ".sums", at::zeros({0, of == "probes.scores" ? 4 : 25, 8}, at::kLong)});
      tensors.push_back({of + ".values", at::zeros(0, at::kDouble)});
    }
    try {
      (void)HeadStatistics::from_tensors(tensors);
      ADD_FAILURE() << name;
    } catch (const ModelError& error) {
      EXPECT_NE(std::string(error.what()).find("there are no heads"), std::string::npos);
    }
  }
}

TEST(HostileStatistics, CountsThatNoTextsCanHave) {
  for (const std::string name : {"texts.counts", "short_texts.counts"}) {
    for (int place = 0; place < 6; ++place) {
      expect_refused(name, with(place, -1), "no texts can have");
      expect_refused(name, with_integer(place, kHuge), "no texts can have");
    }
  }
  expect_refused("texts.counts", with(1, 31), "no texts can have");  // longer than the longest
  expect_refused("texts.counts", with(5, 3), "no texts can have");   // compared more than there are
  expect_refused("probes.count", with(0, -1), "no texts can have");
  expect_refused("probes.count", with_integer(0, kHuge), "no texts can have");
}

TEST(HostileStatistics, SamplesThatNoTextsCanHave) {
  for (const std::string name : {"texts.scores", "texts.offsets", "probes.scores"}) {
    const std::string sums = name + ".sums", values = name + ".values";
    expect_refused(sums, with(0, 1), "no texts can have");        // high half of the sum
    expect_refused(sums, with(2, -1), "no texts can have");       // count
    expect_refused(sums, with(2, 3), "no texts can have");        // there are two texts
    expect_refused(sums, with(3, -1), "no texts can have");       // high half of the squares
    expect_refused(sums, with(5, 1 << 20), "no texts can have");  // high half of the chances
    expect_refused(sums, with(7, 3), "no texts can have");        // chances of more texts
    expect_refused(values, with(0, 0.123), "other sums");
    expect_refused(values, with(0, std::nan("")), "other sums");
    expect_refused(values, with(0, 1e300), "other sums");
    expect_refused(
        values, [](const auto& t) { return t.slice(0, 0, -1).clone(); }, "fewer values");
    expect_refused(
        values,
        [](const auto& t) {
          return at::cat({t, t});
        },
        "more values");
  }
}

TEST(HostileStatistics, OtherNumbersThatNoTextsCanHave) {
  for (const std::string name : {"texts.hits", "texts.offset_chances"}) {
    expect_refused(name, with(0, 1 << 20), "no texts can have");
    expect_refused(name, with_integer(2, kHuge), "no texts can have");
  }
  expect_refused("texts.offset_chances", with(2, 1), "other texts");
  for (int place = 0; place < 3; ++place) {
    expect_refused("texts.positions", with(place, -2), "no texts can have");
    expect_refused("texts.positions", with_integer(place, kHuge), "no texts can have");
  }
  for (const double share : {-0.1, 1.5, std::nan("")}) {
    expect_refused("texts.position_shares", with(0, share), "no share");
  }
  for (const int place : {0, 5, 8}) {
    expect_refused("texts.divergences", with(place, -1), "no texts can have");
    expect_refused("texts.divergences", with_integer(place, kHuge), "no texts can have");
  }
  expect_refused("texts.divergences", with(8, 3), "no texts can have");
}

// What is not refused can be added, reported and said in words.
TEST(HostileStatistics, NoNumberDoesHarm) {
  const std::vector<NamedTensor> sound = sound_tensors();
  int n_read = 0;
  for (std::size_t i = 0; i < sound.size(); ++i) {
    if (sound[i].values.scalar_type() != at::kLong) continue;
    for (std::int64_t place = 0; place < sound[i].values.numel(); ++place) {
      for (const std::int64_t number : {std::int64_t{0}, std::int64_t{1}, kHuge, -kHuge - 1}) {
        std::vector<NamedTensor> tensors = sound;
        tensors[i].values = sound[i].values.clone();
        tensors[i].values.data_ptr<std::int64_t>()[place] = number;
        try {
          HeadStatistics statistics = HeadStatistics::from_tensors(tensors, 0, 3);
          statistics.add(statistics);
          if (statistics.n_texts() + statistics.n_probes() == 0) continue;
          (void)summary(statistics.report());
          ++n_read;
        } catch (const ModelError&) {
        }
      }
    }
  }
  EXPECT_GT(n_read, 10);
}

}  // namespace
}  // namespace attnviz
