#include "head_report.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "attnviz/error.h"
#include "command.h"
#include "file/one_line.h"
#include "terminal.h"

namespace attnviz::command {
namespace {

std::string heading(const Survey& survey) {
  const HeadReport& report = survey.report;
  std::string text = survey.model + ": " + counted(std::int64_t(report.heads.size()), "head") +
                     " in " + counted(report.n_layers, "layer") + ", " +
                     counted(report.n_texts, "text") + " of ";
  if (report.shortest != report.longest) text += std::to_string(report.shortest) + " to ";
  text += counted(report.longest, "token") + ", " + counted(report.n_probes, "sequence") +
          " of repeated random tokens";
  if (!report.too_short && report.n_short_texts > 0) {
    text +=
        "; " + counted(report.n_short_texts, "text") + " under 16 tokens left out of the scores";
  }
  if (!survey.importance.effects.empty()) {
    char loss[32];
    std::snprintf(loss, sizeof loss, "; loss %.3f nats", survey.importance.loss);
    text += loss;
  }
  if (report.too_short) text += "; texts under 16 tokens are too short for labels";
  if (survey.layers_share_weights) text += "; layers share their weights";
  return text;
}

/// What heads follow besides position and repetition.
void print_content(const Survey& survey, std::size_t width) {
  std::cout << "\nGrammatical relations and similar words\n";
  if (!survey.no_relations.empty()) {
    std::cout << "  " << wrapped("relations: not measured: " + survey.no_relations, width - 2, 2)
              << '\n';
  }
  bool has_any = false;
  const auto say = [&](const std::string& sentence) {
    std::cout << "  " << wrapped(sentence, width - 2, 4) << '\n';
    has_any = true;
  };
  for (const HeadRelations& head : survey.relations) {
    for (const RelationFinding& found : head.relations) {
      if (found.passes) say(sentence(head.id, found));
    }
  }
  for (std::size_t i = 0; i < survey.similarity.size(); ++i) {
    const auto& found = survey.similarity[i];
    if (found && found->passes()) say(sentence(survey.report.heads[i].id, *found));
  }
  const bool is_measured =
      survey.no_relations.empty() ||
      std::ranges::any_of(survey.similarity, [](const auto& found) { return found.has_value(); });
  if (!has_any && is_measured)
    std::cout << "  No head follows any beyond what position explains.\n";
}

void print_shared(const Survey& survey) {
  const Importance& importance = survey.importance;
  if (importance.of_all_layers.empty()) return;
  std::cout << "\nOne set of weights serves all layers. Effect of a head in all of them:\n ";
  for (std::size_t head = 0; head < importance.of_all_layers.size(); ++head) {
    // The heads of all layers are those of the first.
    std::printf(" H%d %+.4f", survey.report.heads[head].id.head,
                importance.of_all_layers[head].mean);
  }
  std::printf("\n");
}

void print_joint(const Importance& importance, std::size_t width) {
  if (!importance.joint) return;
  const JointEffect& joint = *importance.joint;
  const auto [low, high] =
      std::minmax_element(joint.of_random_sets.begin(), joint.of_random_sets.end());
  char text[256];
  std::snprintf(text, sizeof text,
                "Without the %zu heads that have no measurable effect each, all together, the loss "
                "changes by %+.4f nats; without as many drawn at random, by %+.4f to %+.4f.",
                joint.heads.size(), joint.loss_change.mean, *low, *high);
  std::cout << '\n' << wrapped(text, width) << '\n';
}

void print_sentences(const Survey& survey, const TableOptions& options) {
  for (const std::size_t i : chosen_heads(survey, options)) {
    const HeadFindings& head = survey.report.heads[i];
    for (const HeadLabel& label : head.labels) {
      std::cout << wrapped(sentence(head, label), options.width, 2) << '\n';
    }
    for (const HeadFlag& flag : head.flags) {
      std::cout << wrapped(sentence(head, flag), options.width, 2) << '\n';
    }
  }
}

}  // namespace

void print_report(const Survey& survey, const TableOptions& options, bool explain) {
  const std::size_t width = options.width;
  std::cout << wrapped(heading(survey), width) << "\n\n" << head_table(survey, options);
  if (explain) {
    std::cout << '\n';
    print_sentences(survey, options);
  }
  print_content(survey, width);
  print_shared(survey);
  print_joint(survey.importance, width);
  for (const Answer& answer : options.of_some ? std::vector<Answer>() : summary(survey.report)) {
    std::cout << '\n'
              << wrapped(answer.question, width) << "\n  " << wrapped(answer.answer, width - 2, 2)
              << '\n';
  }
  std::cout << '\n' << wrapped(caveat(), width) << '\n';
}

void print_changes(const Survey& survey, const std::string& older, const std::string& name) {
  std::vector<std::string> changes;
  try {
    changes = changes_since(survey, older);
  } catch (const ModelError& error) {
    throw ModelError(name + " cannot be compared with: " + error.what());
  }
  std::cout << "\nSince " << name << ":"
            << (changes.empty() ? " no label, flag or score moved by "
                                  "0.1 or more"
                                : "")
            << '\n';
  for (const std::string& change : changes) std::cout << "  " << one_line(change) << '\n';
}

}  // namespace attnviz::command
