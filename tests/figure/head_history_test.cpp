#include <gtest/gtest.h>

#include "figure/colours.h"
#include "figure/head_checks.h"
#include "figure/head_fixtures.h"

namespace attnviz {
namespace {

class HeadHistory : public testing::Test {
 protected:
  Drawing draw(const std::vector<int>& heads, int n_models, bool with_importance = false,
               int dpi = 150) {
    reports.clear();
    for (int i = 0; i < n_models; ++i) {
      reports.push_back(make_checkpoint(heads, i / (n_models - 1.0)));
    }
    models.clear();
    for (int i = 0; i < n_models; ++i) {
      models.push_back({"step-" + std::to_string(i * 500) + ".pt", &reports[i], {}});
      if (with_importance) models.back().importance = make_importance(reports[i]);
    }
    return layout_head_history(models, {.dpi = dpi});
  }

  std::vector<HeadReport> reports;
  std::vector<HeadsOfModel> models;
};

TEST_F(HeadHistory, RowsAreHeadsAndColumnsModels) {
  const auto drawing = draw(six_by_eight, 3);
  ASSERT_EQ(drawing.heatmaps.size(), 5U);
  EXPECT_EQ(drawing.colour_bars.size(), 1U);
  const std::array scores{Score::previous_token, Score::current_token, Score::first_token,
                          Score::induction, Score::normalised_entropy};
  for (int panel = 0; panel < 5; ++panel) {
    const auto& values = drawing.heatmaps[panel].values;
    ASSERT_EQ(values.sizes(), (std::vector<std::int64_t>{48, 3}));
    EXPECT_EQ(drawing.heatmaps[panel].range.high, 1);
    for (int head = 0; head < 48; ++head) {
      for (int model = 0; model < 3; ++model) {
        ASSERT_FLOAT_EQ(values[head][model].item<float>(),
                        static_cast<float>(reports[model].heads[head][scores[panel]]->mean));
      }
    }
  }
  for (const auto* text : {"L0H0", "L5H7", "step-1000.pt", "over 3 models"}) {
    EXPECT_TRUE(is_written(drawing, text)) << text;
  }
}

TEST_F(HeadHistory, ImportanceHasAPanelOnlyIfEachModelHasIt) {
  EXPECT_EQ(draw(six_by_eight, 3, true).heatmaps.size(), 6U);
  EXPECT_EQ(layout_head_history(models).colour_bars.size(), 2U);
  models[1].importance.clear();
  EXPECT_EQ(layout_head_history(models).heatmaps.size(), 5U);
}

TEST_F(HeadHistory, AMissingScoreIsGrey) {
  (void)draw({2}, 2);
  reports[0].heads[0][Score::previous_token].reset();
  const auto drawing = layout_head_history(models);
  const auto& box = drawing.heatmaps[0].box;
  EXPECT_EQ(colour_of(painted(drawing)(static_cast<int>(box.y + 5), static_cast<int>(box.x + 5))),
            missing_colour);
  EXPECT_TRUE(is_written(drawing, "Grey: not measured."));
}

TEST_F(HeadHistory, RowsAreTheHeadsThatAreLeft) {
  (void)draw(shape(3, 5), 2, true);
  for (int i = 0; i < 2; ++i) {
    reports[i] = pruned(reports[i], {{0, 4}, {}, {3}});
    models[i].importance = make_importance(reports[i]);
  }
  const auto drawing = layout_head_history(models);
  for (const auto& map : drawing.heatmaps) {
    EXPECT_EQ(map.values.sizes(), (std::vector<std::int64_t>{3, 2}));
  }
  std::vector<std::string> rows;
  for (const auto& line : written(drawing)) {
    if (line.starts_with("L") && line.find('H') != std::string::npos) rows.push_back(line);
  }
  EXPECT_EQ(rows, (std::vector<std::string>{"L0H0", "L0H4", "L2H3"}));
  EXPECT_FLOAT_EQ(drawing.heatmaps[0].values[2][1].item<float>(),
                  static_cast<float>(reports[1].heads[2][Score::previous_token]->mean));
  expect_whole(drawing);
  expect_apart(drawing);
}

TEST_F(HeadHistory, AllShapesStayOnThePageAndTextsApart) {
  for (const auto& [heads, n_models] :
       std::vector<std::pair<std::vector<int>, int>>{{{1}, 2},
                                                     {six_by_eight, 5},
                                                     {shape(12, 12), 12},
                                                     {shape(48, 64), 3},
                                                     {ragged, 200},
                                                     {shape(64, 1), 2}}) {
    for (const int dpi : {40, 150}) {
      SCOPED_TRACE(std::to_string(heads.size()) + " layers at " + std::to_string(dpi));
      const auto drawing = draw(heads, n_models, true, dpi);
      expect_whole(drawing);
      expect_apart(drawing);
    }
  }
}

TEST_F(HeadHistory, NeedsTwoModelsOfTheSameShape) {
  (void)draw({2, 3}, 2);
  expect_refused([&] { return layout_head_history(std::span(models).first(1)); },
                 {"needs two models or more"});
  const auto other = make_report({2, 2});
  models[1] = {"other.pt", &other, {}};
  expect_refused([&] { return layout_head_history(models); },
                 {"step-0.pt has 2 layers of 2 and 3 heads", "other.pt has 2 layers of 2 heads"});
  const auto one = pruned(make_report({3, 3}), {{0, 1}, {0, 2}}),
             another = pruned(make_report({3, 3}), {{0, 1}, {1, 2}});
  const HeadsOfModel of_one{"one.pt", &one, {}}, of_another{"another.pt", &another, {}};
  expect_refused(
      [&] {
        return layout_head_history(std::vector{of_one, of_another});
      },
      {"one.pt has 2 layers of 2 heads, another.pt has 2 layers of 2 heads", "only one has L1H0"});
  models[1] = {"empty.pt", nullptr, {}};
  expect_refused([&] { return layout_head_history(models); }, {"empty.pt"});
}

}  // namespace
}  // namespace attnviz
