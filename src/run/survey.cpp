#include "attnviz/survey.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <random>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "run/effects.h"
#include "run/one_text.h"
#include "run/one_thread.h"
#include "run/probes.h"
#include "run/source.h"

namespace attnviz {
namespace {

/// Positions of each text that are compared with those of the others.
constexpr std::int64_t kVariationRows = 16;

bool has_no_effect(const HeadFindings& head) {
  return std::any_of(head.flags.begin(), head.flags.end(), [](const HeadFlag& flag) {
    return flag.kind == FlagKind::no_effect || flag.kind == FlagKind::dead;
  });
}

/// Empty where none is needed.
std::filesystem::path vocabulary_of(const SurveyOptions& options) {
  const auto is_ids = [](const SurveyText& text) { return !text.ids.empty(); };
  const bool are_ids =
      !options.texts.empty() && std::all_of(options.texts.begin(), options.texts.end(), is_ids);
  return options.vocabulary.empty() && !are_ids ? built_in_vocabulary() : options.vocabulary;
}

class Surveyor {
 public:
  explicit Surveyor(const SurveyOptions& options)
      : options_(options),
        tokenizer_(tokenizer_of(vocabulary_of(options))),
        path_(options.model.empty() ? built_in_model() : options.model),
        same_(path_, ""),
        model_(path_, options.capture),
        texts_(options.texts.empty() ? example_texts() : options.texts),
        longest_(std::min(options.max_tokens, model_.n_positions().value_or(options.max_tokens))) {
    if (const auto table = model_.token_embeddings()) {
      similarity_.emplace(*table, kVariationRows, options.statistics.seed);
    }
  }

  Survey run() {
    survey_.model = path_.filename().string();
    survey_.sha256 = sha256_of_file(path_);
    same_.require();
    const ModelInfo info = model_.info();
    n_weight_sets_ = info.n_weight_sets.value_or(std::int64_t(info.n_heads.size()));
    survey_.layers_share_weights = n_weight_sets_ < std::int64_t(info.n_heads.size());
    HeadStatistics statistics(options_.statistics);
    add_texts(statistics);
    survey_.no_probes = add_probes(statistics, model_, options_.n_probes, options_.statistics.seed,
                                   tokenizer_ ? std::int64_t(tokenizer_->size()) : 0);
    add_deviations();
    add_templates();
    const std::vector<HeadMeasures> measures = measure();
    survey_.report = statistics.report(options_.thresholds, variation_.result(), measures);
    add_joint_effect();
    return std::move(survey_);
  }

 private:
  void tell(std::string_view stage, std::size_t done, std::size_t all) const {
    if (options_.on_progress) options_.on_progress(stage, done, all);
  }

  /// As many as the model is shown. Throws what makes a text unfit.
  TokenIds ids_of(const SurveyText& text, bool* was_cut = nullptr) const {
    TokenIds ids = text.ids;
    if (ids.empty()) {
      const std::string bytes = text_or_file(text.text, text.file);
      require_utf8(bytes);
      ids = tokenizer_->encode(bytes);
    }
    if (ids.empty()) throw TextError("it is empty");
    const bool is_long = std::int64_t(ids.size()) > longest_;
    if (is_long) ids.resize(std::size_t(longest_));
    if (was_cut) *was_cut = is_long;
    return ids;
  }

  /// Texts that fail here are not looked at again.
  void add_texts(HeadStatistics& statistics) {
    std::size_t done = 0;
    for (const SurveyText& text : texts_) {
      try {
        bool was_cut = false;
        const TokenIds ids = ids_of(text, &was_cut);
        const AttentionPatterns patterns = patterns_of(model_, ids);
        statistics.add_text(patterns, ids);
        variation_.add_to_mean(patterns);
        if (similarity_) similarity_->add_to_mean(patterns);
        survey_.n_cut += was_cut;
        usable_.push_back(&text);
      } catch (const Error& error) {
        survey_.skipped.emplace_back(text.name, error.what());
      }
      tell("patterns", ++done, texts_.size());
    }
    std::sort(survey_.skipped.begin(), survey_.skipped.end());
    if (!usable_.empty()) return;
    const auto& [name, why] = survey_.skipped.front();
    throw TextError((texts_.size() == 1 ? "" : "no text can be used; the first, ") + name + ": " +
                    why);
  }

  /// Each text is read anew: none is kept.
  void for_each_text(std::string_view stage, const std::function<void(const TokenIds&)>& visit) {
    std::size_t done = 0;
    for (const SurveyText* text : usable_) {
      visit(ids_of(*text));
      tell(stage, ++done, usable_.size());
    }
  }

  /// A second look at the texts' first tokens, now that their mean pattern is known.
  void add_deviations() {
    for_each_text("variation", [&](const TokenIds& all) {
      if (std::int64_t(all.size()) < kVariationRows) return;
      const TokenIds ids(all.begin(), all.begin() + kVariationRows);
      const AttentionPatterns patterns = patterns_of(model_, ids);
      variation_.add_deviation(patterns);
      if (similarity_) similarity_->add_deviation(patterns, ids);
    });
    if (similarity_) survey_.similarity = similarity_->result();
  }

  void add_templates() {
    if (options_.n_templates == 0) return;
    if (!tokenizer_) {
      survey_.no_relations = "there is no vocabulary to make sentences with (--vocab)";
      return;
    }
    RelationOptions wanted;
    wanted.n_items = options_.n_templates;
    wanted.seed = options_.statistics.seed;
    wanted.n_positions = model_.n_positions().value_or(wanted.n_positions);
    const RelationItems templates = make_relation_items(*tokenizer_, wanted);
    survey_.no_relations = templates.not_measured;
    RelationStatistics relations;
    std::size_t done = 0;
    for (const RelationItem& item : templates.items) {
      relations.add(patterns_of(model_, item.ids), item);
      tell("template sentences", ++done, templates.items.size());
    }
    survey_.relations = relations.findings();
  }

  /// Nothing where the model does not let its heads be measured and nobody insists.
  std::vector<HeadMeasures> measure() {
    const ImportanceKind kind = options_.importance.value_or(ImportanceKind::gradient);
    if (kind == ImportanceKind::none) return {};
    try {
      return measured(kind);
    } catch (const Error& error) {
      if (options_.importance) throw;
      effects_.reset();
      survey_.importance = {};
      survey_.importance.missing = error.what();
      return {};
    }
  }

  std::vector<HeadMeasures> measured(ImportanceKind kind) {
    effects_.emplace(
        path_, options_.capture, options_.statistics,
        [this, kind](const Effects::Visit& visit) { for_each_text(to_string(kind), visit); });
    Importance& importance = survey_.importance;
    importance.kind = kind;
    importance.loss = effects_->loss();
    std::vector<std::vector<HeadId>> sets = effects_->single_heads();
    const auto n_heads = std::int64_t(sets.size());
    if (n_weight_sets_ == 1 && survey_.layers_share_weights) {
      for (auto& set : heads_of_all_layers()) sets.push_back(std::move(set));
    }
    importance.effects = effects_->of_sets(sets, kind);
    importance.of_all_layers.assign(importance.effects.begin() + n_heads, importance.effects.end());
    importance.effects.resize(std::size_t(n_heads));
    return effects_->measures(importance.effects, kind);
  }

  [[nodiscard]] std::vector<std::vector<HeadId>> heads_of_all_layers() const {
    std::map<int, std::vector<HeadId>> by_number;
    for (const HeadId id : effects_->heads()) by_number[id.head].push_back(id);
    std::vector<std::vector<HeadId>> sets;
    for (auto& [number, heads] : by_number) sets.push_back(std::move(heads));
    return sets;
  }

  void add_joint_effect() {
    constexpr int kRandomSets = 5;
    if (!effects_ || survey_.importance.kind == ImportanceKind::gradient) return;
    JointEffect joint;
    for (const HeadFindings& head : survey_.report.heads) {
      if (has_no_effect(head)) joint.heads.push_back(head.id);
    }
    if (joint.heads.size() < 2) return;
    std::vector<std::vector<HeadId>> sets = {joint.heads};
    std::mt19937_64 random(options_.statistics.seed);
    for (int i = 0; i < kRandomSets; ++i) {
      std::vector<HeadId> heads = effects_->heads();
      std::shuffle(heads.begin(), heads.end(), random);
      heads.resize(joint.heads.size());
      sets.push_back(std::move(heads));
    }
    const std::vector<Statistic> changes = effects_->of_sets(sets, survey_.importance.kind);
    joint.loss_change = changes[0];
    for (std::size_t i = 1; i < changes.size(); ++i) {
      joint.of_random_sets.push_back(changes[i].mean);
    }
    survey_.importance.joint = std::move(joint);
  }

  const SurveyOptions& options_;
  std::optional<Tokenizer> tokenizer_;  ///< none where all texts are ids and no vocabulary is named
  std::filesystem::path path_;
  SameFiles same_;
  Model model_;
  const std::vector<SurveyText>& texts_;
  std::int64_t longest_;
  std::int64_t n_weight_sets_ = 0;
  std::vector<const SurveyText*> usable_;
  Variation variation_{kVariationRows, options_.statistics.seed};
  std::optional<SimilarityStatistics> similarity_;
  std::optional<Effects> effects_;
  Survey survey_;
};

}  // namespace

Survey survey_heads(const SurveyOptions& options) {
  const OneThread one_thread;
  return Surveyor(options).run();
}

std::string_view to_string(ImportanceKind kind) {
  constexpr std::string_view kNames[] = {"none", "gradient", "zero", "mean"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace attnviz
