// Renders templates: reads one JSON object {"template", "variables", "now": seconds since 1970} per
// line from stdin, writes {"output"} or {"error"} per line to stdout. Used by
// tests/integration/test_jinja_templates.py.

#include <chrono>
#include <iostream>
#include <string>

#include "retmask/base/json.h"
#include "retmask/jinja/template.h"

using retmask::Json;

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    Json answer;
    try {
      const Json request = retmask::parse_json(line, "stdin");
      retmask::jinja::Options options;
      if (request.contains("now")) {
        options.now = std::chrono::system_clock::from_time_t(request["now"].get<std::time_t>());
      }
      const auto parsed =
          retmask::jinja::Template::parse(request.at("template").get<std::string>(), "template");
      answer["output"] = parsed.render(request.at("variables"), options);
    } catch (const retmask::UserError& error) {
      answer["error"] = error.what();
    }
    std::cout << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  }
}
