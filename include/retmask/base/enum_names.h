#pragma once
// Names of an enumeration's values on the command line and in files: one table per enumeration.

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "retmask/base/error.h"

namespace retmask {

// constexpr EnumNames<Turns, 2> kTurnsNames{{{{Turns::first, "first"}, {Turns::all, "all"}}}};
template <typename Enum, size_t N>
struct EnumNames {
  std::array<std::pair<Enum, std::string_view>, N> table;

  std::string name_of(Enum value) const {
    for (const auto& [known, name] : table) {
      if (known == value) return std::string(name);
    }
    throw InternalError("an enumerator has no name");
  }

  // Throws UserError, which names `flag` and the expected names; `also` is one that the caller
  // handles ("auto").
  Enum parse(std::string_view flag, std::string_view text, std::string_view also = {}) const {
    std::string expected(also);
    for (const auto& [value, name] : table) {
      if (name == text) return value;
      expected += (expected.empty() ? "" : ", ") + std::string(name);
    }
    user_error(flag, " is \"", text, "\", expected one of: ", expected);
  }
};

}  // namespace retmask
