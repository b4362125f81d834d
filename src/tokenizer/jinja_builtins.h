#pragma once
// The names that every template may use, where minja's own differ from Jinja's in transformers.

#include <memory>
#include <minja/minja.hpp>
#include <optional>
#include <string>

#include "retmask/base/moment.h"

namespace retmask::text {

// Thrown by raise_exception(..). No std::exception: minja would catch that and bury the message in
// source excerpts.
struct TemplateComplaint {
  std::string message;
};

// minja's builtins with our own on top. `moment`: as in RenderOptions.
std::shared_ptr<minja::Context> jinja_builtins(const std::optional<Moment>& moment);

}  // namespace retmask::text
