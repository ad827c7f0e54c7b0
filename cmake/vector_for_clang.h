#pragma once

// LibTorch 1.13's headers hold vectors of types that are not complete yet, which C++17 allows.
// In C++20 libstdc++'s vector is constexpr, and Clang (not GCC) looks into constexpr functions as
// soon as they are named. So for Clang it is not constexpr: this header is included first.
#include <memory>
#include <string>

#pragma push_macro("_GLIBCXX20_CONSTEXPR")
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR
#define __fill_a1 __fill_bits  // declared constexpr by then; vector<bool>'s own
#include <vector>
#undef __fill_a1
#pragma pop_macro("_GLIBCXX20_CONSTEXPR")
