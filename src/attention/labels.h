#pragma once

#include "attnviz/heads.h"

namespace attnviz {

/// The labels of one head, the primary one first.
std::vector<HeadLabel> labels_of(const HeadFindings& head, const HeadReport& report);

/// The flags of one head.
std::vector<HeadFlag> flags_of(const HeadFindings& head, const HeadReport& report);

/// Even attention on these texts: the rule of the label and of the flag.
bool is_uniform(const HeadFindings& head, const Thresholds& thresholds);

}  // namespace attnviz
