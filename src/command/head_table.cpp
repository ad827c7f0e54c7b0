#include "head_table.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "attention/find_score.h"
#include "terminal.h"

namespace attnviz::command {
namespace {

struct ShortName {
  Score score;
  const char* name;
};
// Column names of at most five letters; other scores are named in full.
constexpr ShortName kShortNames[] = {
    {Score::previous_token, "prev"},   {Score::current_token, "self"},
    {Score::first_token, "first"},     {Score::duplicate_token, "dup"},
    {Score::induction, "induc"},       {Score::normalised_entropy, "entr"},
    {Score::duplicate_on_text, "dup"}, {Score::induction_on_text, "induc"},
    {Score::naive_entropy, "naive"},
};

std::string column_name(Score score) {
  for (const ShortName& known : kShortNames) {
    if (known.score == score) return known.name;
  }
  return std::string(score_table()[std::size_t(score)].name);
}

std::string number(const std::optional<Statistic>& statistic, const char* format) {
  if (!statistic) return "-";
  char text[32];
  std::snprintf(text, sizeof text, format, statistic->mean);
  return text;
}

bool is_chosen(const HeadFindings& head, const std::string& only) {
  if (only == "all") return true;
  if (only == "flagged") return is_flagged(head);
  const auto has = [&only](const auto& finding) { return to_string(finding.kind) == only; };
  return std::any_of(head.labels.begin(), head.labels.end(), has) ||
         std::any_of(head.flags.begin(), head.flags.end(), has);
}

/// What heads are sorted by, one a head.
std::vector<std::optional<double>> sort_values(const Survey& survey, const std::string& sort) {
  std::vector<std::optional<double>> values(survey.report.heads.size());
  const std::optional<Score> score = find_score(sort);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& effects = survey.importance.effects;
    if (sort == "importance" && !effects.empty()) values[i] = effects[i].mean;
    if (score && survey.report.heads[i][*score]) values[i] = survey.report.heads[i][*score]->mean;
  }
  return values;
}

// SGR parameters: what a head does in colours of its own, what it does not in grey.
const char* colour_of(const HeadFindings& head) {
  if (head.labels.empty()) return "2";
  switch (head.labels[0].kind) {
    case LabelKind::previous_token:
    case LabelKind::current_token:
    case LabelKind::fixed_offset:
    case LabelKind::local:
      return "34";
    case LabelKind::duplicate_token:
    case LabelKind::induction:
      return "32";
    case LabelKind::first_token:
      return "36";
    case LabelKind::broad:
    case LabelKind::uniform:
      return "33";
    case LabelKind::content_dependent:
      return "35";
  }
  return "0";
}

struct Cell {
  std::string text;
  const char* colour = nullptr;
};

struct Column {
  std::string name;
  std::size_t width;
  bool is_left;  ///< its text begins at the column's left side
};

class Table {
 public:
  Table(const Survey& survey, const TableOptions& options)
      : survey_(survey), options_(options), columns_{{"head", 5, true}, {"label", 21, true}} {
    std::size_t taken = 5 + 1 + 21 + has_effects() * 9 + kFlags + 1;
    for (const Score score : options.scores) {
      const std::string name = column_name(score);
      const std::size_t width = std::max<std::size_t>(5, name.size());
      if (taken + 1 + width > options.width) {
        left_out_ += (left_out_.empty() ? "" : ", ") + name;
        continue;
      }
      taken += 1 + width;
      shown_.push_back(score);
      columns_.push_back({name, width, false});
    }
    if (has_effects()) columns_.push_back({"effect", 8, false});
    columns_.push_back({"flags", kFlags, true});
  }

  std::string text() {
    std::vector<Cell> names;
    for (const Column& column : columns_) names.push_back({column.name, "1"});
    std::string table = line(names);
    const std::vector<std::size_t> heads = chosen_heads(survey_, options_);
    for (const std::size_t i : heads) table += line(cells(i));
    if (heads.empty()) table += "(no head is " + options_.only + ")\n";
    return table + legend(heads);
  }

 private:
  static constexpr std::size_t kFlags = 6;

  [[nodiscard]] bool has_effects() const { return !survey_.importance.effects.empty(); }

  [[nodiscard]] std::string line(const std::vector<Cell>& cells) const {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Column& column = columns_[i];
      const std::size_t size = cells[i].text.size();
      const std::string space(column.width > size ? column.width - size : 0, ' ');
      std::string cell = cells[i].text;
      if (options_.colours && cells[i].colour && size > 0) {
        cell = "\033[" + std::string(cells[i].colour) + "m" + cell + "\033[0m";
      }
      const bool is_last = i + 1 == cells.size();
      text += (i > 0 ? " " : "") + (column.is_left ? cell + (is_last ? "" : space) : space + cell);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  }

  std::vector<Cell> cells(std::size_t i) {
    const HeadFindings& head = survey_.report.heads[i];
    std::vector<Cell> cells = {{to_string(head.id)}, {label_of(head), colour_of(head)}};
    for (const Score score : shown_) {
      const auto& value = head[score];
      cells.push_back({number(value, value && std::abs(value->mean) >= 9.995 ? "%.1f" : "%.2f")});
    }
    if (has_effects()) cells.push_back({number(survey_.importance.effects[i], "%+.4f")});
    cells.push_back(flags_of(head));
    return cells;
  }

  std::string label_of(const HeadFindings& head) {
    if (head.labels.empty()) return "-";
    std::string text =
        (head.labels[0].weak ? "~" : "") + std::string(to_string(head.labels[0].kind));
    has_weak_ |= head.labels[0].weak;
    if (head.labels.size() == 1) return text;
    has_more_ = true;
    return text + " +" + std::to_string(head.labels.size() - 1);
  }

  Cell flags_of(const HeadFindings& head) {
    std::string letters;
    for (const HeadFlag& flag : head.flags) {
      letters += letter(flag.kind);
      seen_.insert(flag.kind);
    }
    return {letters, is_flagged(head) ? "33" : "2"};
  }

  [[nodiscard]] std::string legend(const std::vector<std::size_t>& heads) const {
    if (heads.empty()) return {};
    std::string text;
    const auto add = [&text](const std::string& part) {
      text += (text.empty() ? "" : "; ") + part;
    };
    if (has_weak_) add("~ weak");
    if (has_more_) add("+1 one more label (--explain)");
    for (const FlagKind kind : seen_) add(letter(kind) + (" " + std::string(to_string(kind))));
    if (has_effects()) {
      add(survey_.importance.kind == ImportanceKind::gradient
              ? "effect: |slope of the loss by the head's gate|, nats"
              : "effect: change of loss without the head, nats per token");
    }
    if (!left_out_.empty()) add("no room for " + left_out_);
    return text.empty() ? "" : wrapped(text, options_.width) + "\n";
  }

  const Survey& survey_;
  const TableOptions& options_;
  std::vector<Score> shown_;
  std::vector<Column> columns_;
  std::string left_out_;
  std::set<FlagKind> seen_;
  bool has_weak_ = false, has_more_ = false;
};

}  // namespace

std::vector<Score> usual_scores() {
  return {Score::previous_token,  Score::current_token, Score::first_token,
          Score::duplicate_token, Score::induction,     Score::normalised_entropy};
}

std::vector<std::size_t> chosen_heads(const Survey& survey, const TableOptions& options) {
  std::vector<std::size_t> heads;
  for (std::size_t i = 0; i < survey.report.heads.size(); ++i) {
    if (is_chosen(survey.report.heads[i], options.only)) heads.push_back(i);
  }
  if (options.sort == "head") return heads;
  const auto values = sort_values(survey, options.sort);
  std::stable_sort(heads.begin(), heads.end(), [&values](std::size_t a, std::size_t b) {
    return values[a] && (!values[b] || *values[a] > *values[b]);
  });
  return heads;
}

std::string head_table(const Survey& survey, const TableOptions& options) {
  return Table(survey, options).text();
}

}  // namespace attnviz::command
