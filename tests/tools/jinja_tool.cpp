// Renders the templates of stdin: a line of JSON {"template", "variables"} each, and for each a
// line
// {"output"} or {"error"}. For comparisons with Jinja2: see tests/golden/compare_jinja.py.

#include <iostream>

#include "retmask/base/json.h"
#include "retmask/jinja/template.h"

int main() {
  using retmask::Json;
  std::string line;
  while (std::getline(std::cin, line)) {
    const Json row = Json::parse(line);
    Json result = Json::object();
    try {
      const auto parsed = retmask::jinja::Template::parse(row["template"].get<std::string>(), "t");
      result["output"] = parsed.render(row.value("variables", Json::object()));
    } catch (const std::exception& error) {
      result["error"] = error.what();
    }
    std::cout << result.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
}
