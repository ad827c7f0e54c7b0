#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attnviz/dump.h"
#include "attnviz/figure.h"
#include "attnviz/head_statistics.h"
#include "attnviz/model.h"
#include "attnviz/relations.h"

// What the heads of a model do on many texts: the model is run, every head reported.
//
//     SurveyOptions options;
//     options.texts = {{"speech", "To be, or not to be ..."}, {"notes.txt", "", "notes.txt"}};
//     Survey survey = survey_heads(options);
//     for (const Answer& answer : summary(survey.report)) std::cout << answer.answer << '\n';
namespace attnviz {

/// A text given as such, as token ids, or by the file that it is read from when its turn comes.
struct SurveyText {
  std::string name;
  std::string text = {};
  std::filesystem::path file = {};  ///< empty: `text` is the text
  TokenIds ids = {};                ///< not empty: they are the text
};

/// Sixteen short texts of this project's own: prose, verse, code, a list, dialogue, numbers.
[[nodiscard]] const std::vector<SurveyText>& example_texts();

/// The .txt files in a folder and all folders below it, by name. Throws FileError where there is
/// none, or no such folder.
[[nodiscard]] std::vector<SurveyText> text_files(const std::filesystem::path& folder);

/// How much the loss depends on a head.
enum class ImportanceKind {
  none,
  gradient,  ///< |dL/dgate| of each text, then the mean over texts (Michel et al. 2019, Eq. 2)
  zero,      ///< change of loss when the head's output is 0: what pruning it does
  mean,      ///< change of loss when it is the mean over all texts and positions
};
[[nodiscard]] std::string_view to_string(ImportanceKind kind);

struct SurveyOptions {
  std::filesystem::path model;  ///< empty: built_in_model()
  /// Empty: built_in_vocabulary(); where all texts are ids, none.
  std::filesystem::path vocabulary;
  ModelOptions capture;
  std::vector<SurveyText> texts;  ///< empty: example_texts()
  std::int64_t max_tokens = 256;  ///< longer texts are cut there, or at the model's positions
  StatisticsOptions statistics;
  Thresholds thresholds;
  std::int64_t n_probes = 10;      ///< repeated-token sequences; 0: none
  std::int64_t n_templates = 120;  ///< sentences for each grammatical relation; 0: none
  /// None: gradient, and nothing where the model gives no logits or hides its heads' outputs.
  std::optional<ImportanceKind> importance;
  /// Told now and then: what is done, how many texts of it are, and of how many.
  std::function<void(std::string_view stage, std::size_t done, std::size_t all)> on_progress;
};

/// Heads taken out together, re-measured since effects do not add up, beside random sets of as
/// many.
struct JointEffect {
  std::vector<HeadId> heads;
  Statistic loss_change;               ///< nats per token
  std::vector<double> of_random_sets;  ///< the same for five random sets of the same size
};

struct Importance {
  ImportanceKind kind = ImportanceKind::none;
  /// Why there is none although it was not declined; or empty.
  std::string missing;
  double loss = 0;  ///< of the model as it is, nats per token, mean over texts
  /// One a head, layer by layer, nats per token (gradient: nats per unit of the gate).
  std::vector<Statistic> effects;
  /// Where all layers share one set of weights: head 0 of all layers together, head 1 ...
  std::vector<Statistic> of_all_layers;
  /// Of the heads with no measurable effect each, where there are two or more.
  std::optional<JointEffect> joint;
};

struct Survey {
  std::string model;   ///< its file's name
  std::string sha256;  ///< of the model's file
  HeadReport report;
  std::string no_probes;                 ///< why there were none, although asked for; or empty
  std::vector<HeadRelations> relations;  ///< one a head; empty: not measured
  std::string no_relations;              ///< why they were not, although asked for; or empty
  /// One a head: none with fewer than 8 texts of 16 tokens; empty where the model does not show its
  /// embeddings.
  std::vector<std::optional<HeadSimilarity>> similarity;
  Importance importance;
  bool layers_share_weights = false;
  std::int64_t n_cut =
      0;  ///< texts that were longer than max_tokens, or than the model's positions
  /// What is not as usual in files of attention, each once.
  std::vector<std::string> remarks;
  /// Texts that could not be read or run, and why; by name.
  std::vector<std::pair<std::string, std::string>> skipped;
};

/// Runs the model over all texts, one at a time, and reports every head. The order of the texts
/// changes nothing, and memory does not grow with their number. Throws what Model and Tokenizer
/// throw, GatedModel's errors where importance was asked for, and TextError where no text is left.
[[nodiscard]] Survey survey_heads(const SurveyOptions& options);

/// The same of files of attention (dump.h), one text each: the scores that need no model to be run
/// again. Of the options model, capture, texts, max_tokens, n_probes, n_templates and importance
/// are not looked at; a vocabulary is used only where one is named. Throws TextError where no file
/// is left.
[[nodiscard]] Survey survey_attention(const std::vector<std::filesystem::path>& files,
                                      const DumpOptions& dump, const SurveyOptions& options);

/// Leaves the chosen heads alone in a survey, as they were found among all. Throws UsageError as
/// chosen_heads does.
void choose_heads(Survey& survey, const HeadChoice& choice);

/// The whole survey as one JSON object; its schema is in docs/heads.md, `version` counts its
/// changes.
[[nodiscard]] std::string to_json(const Survey& survey);
/// An array of them.
[[nodiscard]] std::string to_json(const std::vector<Survey>& surveys);

/// A line of names, then one line a head: model, head, layer, index, primary label, labels and
/// flags (joined by `;`), mean and chance level of each score, and the effect. What was not
/// measured is empty.
[[nodiscard]] std::string to_csv(const std::vector<Survey>& surveys);

/// Pictures of heads, and where they go.
struct SurveyPictures {
  std::optional<std::string> prefix;  ///< how their names begin; none: they are not drawn
  std::filesystem::path out_dir = ".";
  int dpi = 150;
  std::vector<FileFormat> formats = {FileFormat::png};
};

/// What draw_surveys will write: PREFIX_head_summary.png, and of several models
/// PREFIX_head_history.png, each in all formats. Makes the folder if missing. Throws UsageError for
/// a prefix that is empty or has a / in it, FileError where one cannot be written: before the work,
/// not after it.
[[nodiscard]] std::vector<std::filesystem::path> survey_figure_files(const SurveyPictures& pictures,
                                                                     std::size_t n_models);

/// The last model's heads as a map; of several models each head's scores from the first to the
/// last, too. Throws FigureError (models of other layers or heads, dpi) and FileError.
void draw_surveys(const std::vector<Survey>& surveys, const SurveyPictures& pictures);

/// What has changed since an older to_json: heads whose labels or flags differ, and scores that
/// moved by `least` or more, a line each, those that moved most first. Throws ModelError for JSON
/// of another kind or version, or of a model with other heads.
[[nodiscard]] std::vector<std::string> changes_since(const Survey& survey, const std::string& older,
                                                     double least = 0.1);

}  // namespace attnviz
