#include "figure/head_style.h"

#include <cmath>

#include "figure/colours.h"

namespace attnviz {

Colour colour_of(LabelKind kind) {
  switch (kind) {
    case LabelKind::previous_token:
      return {51, 136, 200};
    case LabelKind::current_token:
      return {68, 170, 153};
    case LabelKind::first_token:
      return {221, 204, 119};
    case LabelKind::fixed_offset:
      return {51, 34, 136};
    case LabelKind::duplicate_token:
      return {170, 68, 153};
    case LabelKind::induction:
      return {204, 102, 119};
    case LabelKind::local:
      return {17, 119, 51};
    case LabelKind::broad:
      return {153, 153, 51};
    case LabelKind::uniform:
      return {50, 50, 50};
    case LabelKind::content_dependent:
      return {198, 222, 186};  // pale: that no known pattern explains it stands back
  }
  return unclassified_colour();
}

Colour unclassified_colour() {
  return grey(28);
}

Colour paler(Colour colour) {
  for (auto& channel : colour) {
    channel = static_cast<std::uint8_t>(std::lround(0.5 * channel + 0.5 * 255));
  }
  return colour;
}

Colour colour_of(const HeadFindings& head) {
  if (head.labels.empty()) return unclassified_colour();
  const auto colour = colour_of(head.labels.front().kind);
  return head.labels.front().weak ? paler(colour) : colour;
}

std::string short_name(const HeadLabel& label) {
  switch (label.kind) {
    case LabelKind::previous_token:
      return "previous";
    case LabelKind::current_token:
      return "current";
    case LabelKind::first_token:
      return "first";
    case LabelKind::fixed_offset:
      return label.offset ? "offset " + std::to_string(*label.offset) : "offset";
    case LabelKind::duplicate_token:
      return "duplicate";
    case LabelKind::content_dependent:
      return "content";
    default:
      return std::string(to_string(label.kind));
  }
}

std::string_view meaning_of(FlagKind kind) {
  switch (kind) {
    case FlagKind::uniform:
      return "uniform";
    case FlagKind::sink:
      return "first-token sink";
    case FlagKind::parked:
      return "parked on first token";
    case FlagKind::stuck:
      return "stuck on a position";
    case FlagKind::single_offset:
      return "one offset only";
    case FlagKind::no_variation:
      return "same on all texts";
    case FlagKind::near_copy:
      return "near-copy of a head";
    case FlagKind::low_output:
      return "low output";
    case FlagKind::no_effect:
      return "no effect on loss";
    case FlagKind::dead:
      return "dead";
  }
  return "";
}

FlagLook look_of(FlagLevel level) {
  switch (level) {
    case FlagLevel::conclusion:
      return {true, black, white, "black for a measured effect"};
    case FlagLevel::warning:
      return {true, {178, 24, 43}, white, "red for a warning"};
    case FlagLevel::note:
      return {true, white, ink_colour, "white for a note"};
    case FlagLevel::info:
      break;
  }
  return {false, white, ink_colour, "plain where not a fault"};
}

}  // namespace attnviz
