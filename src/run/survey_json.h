#pragma once

namespace attnviz {

// What a survey's JSON says of itself.
inline constexpr char kSurveyKind[] = "attnviz heads";
inline constexpr int kSurveyVersion = 1;

}  // namespace attnviz
