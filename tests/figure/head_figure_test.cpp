#include "attnviz/head_figure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "figure/colours.h"
#include "figure/head_checks.h"
#include "figure/head_fixtures.h"
#include "figure/head_style.h"

namespace attnviz {
namespace {

TEST(HeadSummary, CellsHaveTheColourOfTheirPrimaryLabel) {
  const auto report = make_report(six_by_eight);
  const auto drawing = layout_head_summary(report);
  const auto picture = painted(drawing);
  int labelled = 0, weak = 0, without = 0;
  for (const auto& head : report.heads) {
    const auto shown = cell_colour(drawing, picture, head.id);
    if (head.labels.empty()) {
      EXPECT_EQ(shown, unclassified_colour()) << to_string(head.id);
      ++without;
    } else {
      const auto& label = head.labels.front();
      EXPECT_EQ(shown, label.weak ? paler(colour_of(label.kind)) : colour_of(label.kind))
          << to_string(head.id);
      ++(label.weak ? weak : labelled);
    }
  }
  EXPECT_GT(labelled, 20);
  EXPECT_GT(weak, 0);
  EXPECT_GT(without, 5);
}

TEST(HeadSummary, ColoursOfLabelsDifferAndLettersOfFlagsToo) {
  std::set<Colour> colours{unclassified_colour()};
  for (int i = 0; i <= static_cast<int>(LabelKind::content_dependent); ++i) {
    colours.insert(colour_of(static_cast<LabelKind>(i)));
  }
  EXPECT_EQ(colours.size(), 11U);
  std::set<char> letters;
  for (int i = 0; i <= static_cast<int>(FlagKind::dead); ++i) {
    letters.insert(letter(static_cast<FlagKind>(i)));
  }
  EXPECT_EQ(letters.size(), 10U);
}

// CIELAB of the colour as seen with a cone missing (Machado, Oliveira, Fernandes 2009, severity 1).
cv::Vec3d seen(Colour colour, const cv::Matx33d& sight) {
  cv::Vec3d linear;
  for (int c = 0; c < 3; ++c) {
    const double v = colour[c] / 255.0;
    linear[c] = v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  }
  linear = sight * linear;
  for (int c = 0; c < 3; ++c) linear[c] = std::clamp(linear[c], 0.0, 1.0);
  const cv::Matx33d to_xyz(0.4125, 0.3576, 0.1804, 0.2127, 0.7152, 0.0722, 0.0193, 0.1192, 0.9503);
  const cv::Vec3d xyz = to_xyz * linear;
  const auto f = [](double t) { return t > 0.008856 ? std::cbrt(t) : 7.787 * t + 16.0 / 116; };
  const double x = f(xyz[0] / 0.9505), y = f(xyz[1]), z = f(xyz[2] / 1.0888);
  return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

TEST(HeadSummary, ColourBlindReadersTellLabelsApart) {
  const std::array sights{cv::Matx33d::eye(),
                          cv::Matx33d(0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413,
                                      -0.011820, 0.042940, 0.968881),
                          cv::Matx33d(0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216,
                                      -0.003882, -0.048116, 1.051998),
                          cv::Matx33d(1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602,
                                      0.004733, 0.691367, 0.303900)};
  std::vector<Colour> colours{unclassified_colour()};
  for (int i = 0; i <= static_cast<int>(LabelKind::content_dependent); ++i) {
    colours.push_back(colour_of(static_cast<LabelKind>(i)));
  }
  for (const auto kind : {LabelKind::previous_token, LabelKind::induction}) {
    colours.push_back(paler(colour_of(kind)));
  }
  for (const auto& sight : sights) {
    for (std::size_t i = 0; i < colours.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        EXPECT_GE(cv::norm(seen(colours[i], sight) - seen(colours[j], sight)), 10) << i << ' ' << j;
      }
    }
  }
}

// The text that follows `name` at the same height.
std::string after(const Drawing& drawing, const std::string& name) {
  for (std::size_t i = 0; i + 1 < drawing.texts.size(); ++i) {
    if (name_of(drawing.texts[i]) == name) return name_of(drawing.texts[i + 1]);
  }
  return "not there";
}

TEST(HeadSummary, TheLegendCountsPrimaryLabelsThatOccurOnly) {
  HeadReport report = make_report({3, 3});
  for (auto& head : report.heads) {
    head.labels.clear();
    head.flags.clear();
  }
  const HeadLabel induction{
      LabelKind::induction, false, Evidence::probe, make_statistic(0.7), 0.5, {}, {}};
  auto weak = induction;
  weak.weak = true;
  auto local = induction;
  local.kind = LabelKind::local;
  report.heads[0].labels = {induction, local};  // local is not primary here
  report.heads[1].labels = {weak};
  report.heads[2].labels = {local};
  const auto drawing = layout_head_summary(report);
  EXPECT_EQ(after(drawing, "induction"), "0.70");  // of the cell, which is drawn first
  const auto lines = written(drawing);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "2 (1 weak)"), 1);
  EXPECT_EQ(after(drawing, "unclassified"), "3");
  EXPECT_FALSE(is_written(drawing, "previous-token"));
  EXPECT_FALSE(is_written(drawing, "Flags"));
}

TEST(HeadSummary, FlagsAreLettersInTheCellAndInTheLegend) {
  HeadReport report = make_report({2, 2});
  for (auto& head : report.heads) head.flags.clear();
  report.heads[3].flags = {{FlagKind::stuck, FlagLevel::warning, 0.95, 0.9, 16, {}, 4},
                           {FlagKind::sink, FlagLevel::info, 0.4, 0.3, 16, {}, {}}};
  report.heads[0].flags = {{FlagKind::stuck, FlagLevel::warning, 0.95, 0.9, 16, {}, 4}};
  const auto drawing = layout_head_summary(report);
  const auto lines = written(drawing);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "S"), 3);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "F"), 2);
  EXPECT_EQ(after(drawing, "stuck on a position"), "2");
  EXPECT_EQ(after(drawing, "first-token sink"), "1");
  const auto red = look_of(FlagLevel::warning).ground;
  EXPECT_EQ(std::count_if(drawing.lines.begin(), drawing.lines.end(),
                          [&](const LineItem& line) { return line.colour == red; }),
            3);
  const auto& above = named(drawing, "S", 1);
  EXPECT_GT(above.x, named(drawing, "H1", 0).x);  // the right half of the cell L1H1
  EXPECT_LT(above.y, named(drawing, "L1", 0).y);  // its upper half
}

TEST(HeadSummary, WhereFlagsDoNotFitTheGravestAreShownAndAPlus) {
  HeadReport report = make_report(shape(12, 12));
  for (auto& head : report.heads) head.flags.clear();
  for (const auto kind : {FlagKind::uniform, FlagKind::sink, FlagKind::stuck, FlagKind::near_copy,
                          FlagKind::no_effect, FlagKind::dead}) {
    const auto level = kind == FlagKind::sink        ? FlagLevel::info
                       : kind == FlagKind::stuck     ? FlagLevel::warning
                       : kind >= FlagKind::no_effect ? FlagLevel::conclusion
                                                     : FlagLevel::note;
    report.heads[0].flags.push_back({kind, level, 0.5, 0.5, 16, {}, 4});
  }
  const auto lines = written(layout_head_summary(report));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "+"), 1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "D"), 2);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "F"), 1);  // in the legend
}

TEST(HeadSummary, AMissingScoreIsGreyAndNotZero) {
  auto report = make_report(six_by_eight);
  report.heads[9][Score::previous_token].reset();
  report.heads[10][Score::previous_token] = make_statistic(0);
  report.heads[11][Score::previous_token] =
      make_statistic(std::numeric_limits<double>::quiet_NaN());
  const auto drawing = layout_head_summary(report);
  const auto picture = painted(drawing);
  EXPECT_EQ(cell_colour(drawing, picture, {1, 1}, 3), missing_colour);
  EXPECT_EQ(cell_colour(drawing, picture, {1, 2}, 3), colour_at(ColourMap::blues, 0));
  EXPECT_EQ(cell_colour(drawing, picture, {1, 3}, 3), missing_colour);
  EXPECT_TRUE(is_written(drawing, "Grey: not measured."));
  EXPECT_FALSE(is_written(layout_head_summary(make_report(six_by_eight)), "Grey"));
}

TEST(HeadSummary, SmallMapsShowTheScoresByColourAndNumber) {
  const auto report = make_report(six_by_eight);
  const auto drawing = layout_head_summary(report);
  const auto picture = painted(drawing);
  const std::array maps{Score::normalised_entropy, Score::induction, Score::previous_token,
                        Score::first_token};
  for (int map = 0; map < 4; ++map) {
    for (const auto& head : report.heads) {
      const double value = head[maps[map]]->mean;
      ASSERT_EQ(cell_colour(drawing, picture, head.id, map + 1),
                levels(ColourMap::blues)[level_of(value)])
          << to_string(head.id) << " in map " << map;
    }
  }
  EXPECT_EQ(drawing.colour_bars.size(), 4U);
  EXPECT_TRUE(is_written(drawing, "First token"));
}

TEST(HeadSummary, WithoutAProbeInductionIsThatOnTheTextsAndSaysSo) {
  auto report = make_report(six_by_eight);
  EXPECT_TRUE(is_written(layout_head_summary(report), "Induction, on repeated tokens"));
  for (auto& head : report.heads) head[Score::induction].reset();
  report.n_probes = 0;
  const auto drawing = layout_head_summary(report);
  EXPECT_TRUE(is_written(drawing, "Induction, on the texts"));
  EXPECT_TRUE(is_written(drawing, "no probe"));
  EXPECT_EQ(cell_colour(drawing, painted(drawing), {0, 0}, 2),
            levels(ColourMap::blues)[level_of(report.heads[0][Score::induction_on_text]->mean)]);
}

TEST(HeadSummary, ImportanceMayBeNegativeAndItsScaleSaysSo) {
  const auto report = make_report(shape(2, 2));
  const auto drawing = layout_head_summary(report, {.importance = {-0.1, 0.0, 0.3, std::nullopt},
                                                    .importance_title = "Loss change, nats"});
  const auto picture = painted(drawing);
  EXPECT_TRUE(is_written(drawing, "Loss change, nats"));
  EXPECT_TRUE(is_written(drawing, "-0.10"));
  EXPECT_TRUE(is_written(drawing, "-0.2"));
  const auto& colours = levels(ColourMap::blue_red);
  EXPECT_EQ(cell_colour(drawing, picture, {0, 0}, 4), colours[level_of(1.0 / 3)]);
  EXPECT_EQ(cell_colour(drawing, picture, {0, 1}, 4), colours[level_of(0.5)]);
  EXPECT_EQ(cell_colour(drawing, picture, {1, 0}, 4), colours[level_of(1)]);
  EXPECT_EQ(cell_colour(drawing, picture, {1, 1}, 4), missing_colour);
}

TEST(HeadSummary, NumbersInNarrowCellsAreRoundedNotCut) {
  const auto report = make_report(shape(12, 12));
  std::vector<std::optional<double>> importance(144, 0.5);
  importance[0] = 1.96;
  importance[1] = -0.256;
  const auto drawing = layout_head_summary(report, {.importance = importance});
  const auto lines = written(drawing);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "2.0"), 1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "-.26"), 1);
  EXPECT_FALSE(is_written(drawing, "1.9"));
}

TEST(HeadSummary, ImportanceOfAnySizeIsDrawn) {
  const auto report = make_report(shape(1, 2));
  for (const double value :
       {0.0, -1e-300, 1e300, -0.5, 3e-7, std::numeric_limits<double>::infinity()}) {
    const auto drawing = layout_head_summary(report, {.importance = {value, value}});
    EXPECT_LT(drawing.width, 3000) << value;
    expect_whole(drawing);
  }
}

TEST(HeadSummary, ALayerWithFewerHeadsHasNothingInTheirPlace) {
  const auto drawing = layout_head_summary(make_report(ragged));
  const auto picture = painted(drawing);
  for (const auto& id : {HeadId{1, 3}, {1, 7}, {2, 0}, {5, 1}}) {
    for (int map = 0; map < 5; ++map) {
      EXPECT_EQ(cell_colour(drawing, picture, id, map), white) << to_string(id) << map;
    }
  }
  EXPECT_NE(cell_colour(drawing, picture, {5, 0}), white);
  expect_apart(drawing);
}

TEST(HeadSummary, HeadsThatPruningLeftKeepTheirCells) {
  const auto whole = make_report(shape(3, 5));
  const KeptHeads kept{{0, 2, 4}, {}, {1, 4}};
  const auto report = pruned(whole, kept);
  const auto before = layout_head_summary(whole), after = layout_head_summary(report);
  const auto picture_before = painted(before), picture_after = painted(after);
  for (const auto& head : whole.heads) {
    const auto& left = kept[head.id.layer];
    const bool is_left = std::count(left.begin(), left.end(), head.id.head) > 0;
    for (int map = 0; map < 5; ++map) {
      EXPECT_EQ(cell_colour(after, picture_after, head.id, map),
                is_left ? cell_colour(before, picture_before, head.id, map) : white)
          << to_string(head.id) << " in map " << map;
    }
  }
  expect_whole(after);
  expect_apart(after);
}

TEST(HeadSummary, TheLastLayerMayHaveNoHeadsLeft) {
  const auto report = pruned(make_report(shape(3, 4)), {{1}, {0, 3}, {}});
  const auto drawing = layout_head_summary(report);
  const auto picture = painted(drawing);
  for (int head = 0; head < 4; ++head) {
    EXPECT_EQ(cell_colour(drawing, picture, {2, head}), white);
  }
  EXPECT_NE(cell_colour(drawing, picture, {1, 3}), white);
}

TEST(HeadSummary, AllShapesStayOnThePage) {
  for (const auto& heads : {shape(1, 1), six_by_eight, shape(12, 12), shape(48, 64), shape(1, 64),
                            shape(64, 1), ragged}) {
    const auto report = make_report(heads);
    for (const int dpi : {40, 150, 300}) {
      SCOPED_TRACE(std::to_string(heads.size()) + " layers at " + std::to_string(dpi));
      const auto importance = make_importance(report);
      expect_whole(layout_head_summary(report, {.model = "m.pt", .dpi = dpi}));
      expect_whole(layout_head_summary(report, {.model = std::string(300, 'W'),
                                                .importance = importance,
                                                .importance_title = std::string(300, 'W'),
                                                .dpi = dpi}));
    }
  }
}

TEST(HeadSummary, NoTwoTextsOverlap) {
  for (const auto& heads :
       {shape(1, 1), shape(2, 2), six_by_eight, shape(12, 12), shape(24, 16), shape(48, 64)}) {
    const auto report = make_report(heads);
    for (const int dpi : {72, 150, 300}) {
      SCOPED_TRACE(std::to_string(heads.size()) + " layers at " + std::to_string(dpi));
      expect_apart(layout_head_summary(report, {.model = "m.pt", .dpi = dpi}));
      expect_apart(
          layout_head_summary(report, {.importance = make_importance(report), .dpi = dpi}));
    }
  }
}

TEST(HeadSummary, SaysWhatItRestsOn) {
  auto report = make_report(six_by_eight);
  const auto drawing = layout_head_summary(report, {.model = "gpt.pt"});
  EXPECT_TRUE(is_written(drawing, "What the heads of gpt.pt do, on 16 texts"));
  EXPECT_TRUE(is_written(drawing, "16 texts of 31 to 128 tokens, 4 sequences"));
  EXPECT_TRUE(is_written(drawing, "lower end of the 95 % interval"));
  EXPECT_TRUE(is_written(drawing, "not whether the model needs it"));
  report.n_texts = 1;
  EXPECT_TRUE(is_written(layout_head_summary(report), "What the heads do, on 1 text"));
  report.too_short = true;
  EXPECT_TRUE(is_written(layout_head_summary(report), "too short"));
}

TEST(HeadSummary, TheSameInputGivesTheSameBytes) {
  const auto drawn = [] {
    return encode_png(paint(layout_head_summary(make_report(six_by_eight), {.model = "x"})), 150);
  };
  EXPECT_EQ(drawn(), drawn());
}

TEST(HeadSummary, RefusesWhatCannotBeDrawn) {
  const auto report = make_report({2, 2});
  expect_refused([] { return layout_head_summary({}); }, {"no heads"});
  expect_refused(
      [&] {
        return layout_head_summary(report, {.importance = {0.1, 0.2}});
      },
      {"2 importances for the 4 heads"});
  expect_refused([&] { return layout_head_summary(report, {.dpi = 5}); }, {"dots an inch"});
  auto mixed = report;
  std::swap(mixed.heads[0], mixed.heads[3]);
  expect_refused([&] { return layout_head_summary(mixed); }, {"not in order", "L1H1"});
  mixed = report;
  mixed.n_layers = 0;
  mixed.heads[0].id.layer = 7;
  expect_refused([&] { return layout_head_summary(mixed); }, {"not in order", "L0H1"});
  for (const int number : {0, -1}) {  // the same as the one before, or none
    mixed = report;
    mixed.heads[1].id.head = number;
    expect_refused([&] { return layout_head_summary(mixed); },
                   {"not in order", "L0H" + std::to_string(number)});
  }
}

}  // namespace
}  // namespace attnviz
