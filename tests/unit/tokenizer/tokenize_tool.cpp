// Runs the tokenizer and the chat template on JSON Lines, for tests that compare them with Python.
//
//   tokenize_tool encode DIR          "text"  -> [ids]
//   tokenize_tool encode-special DIR  "text"  -> [ids], including those of the post-processor
//   tokenize_tool decode DIR          [ids]   -> "text"
//   tokenize_tool decode-skip DIR     [ids]   -> "text", without special tokens
//   tokenize_tool render DIR          {"messages", "variables", "add_generation_prompt"}  -> "text"
//
// A line that fails yields {"error": ".."}.

#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/tokenizer/chat_template.h"
#include "retmask/tokenizer/tokenizer.h"

namespace {

using retmask::Json;

using Step = std::function<Json(const Json&)>;

Step make_step(const std::string& mode, const std::string& dir) {
  if (mode == "render") {
    std::shared_ptr<const retmask::ChatTemplate> chat = retmask::ChatTemplate::load(dir);
    return [chat](const Json& line) {
      const retmask::RenderOptions options{line.value("add_generation_prompt", true),
                                           line.value("variables", Json::object())};
      return Json(chat->render(line.at("messages"), options));
    };
  }
  std::shared_ptr<const retmask::Tokenizer> tokenizer = retmask::Tokenizer::load(dir);
  if (mode == "encode" || mode == "encode-special") {
    const bool special = mode == "encode-special";
    return [tokenizer, special](const Json& line) {
      return Json(tokenizer->encode(line.get_ref<const std::string&>(), special));
    };
  }
  if (mode == "decode" || mode == "decode-skip") {
    const bool skip = mode == "decode-skip";
    return [tokenizer, skip](const Json& line) {
      return Json(tokenizer->decode(line.get<std::vector<int64_t>>(), skip));
    };
  }
  retmask::user_error("unknown mode ", mode);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: tokenize_tool encode|encode-special|decode|decode-skip|render DIR\n";
    return 2;
  }
  try {
    const Step step = make_step(argv[1], argv[2]);
    std::string line;
    while (std::getline(std::cin, line)) {
      Json result;
      try {
        result = step(retmask::parse_json(line, "stdin"));
      } catch (const retmask::UserError& error) {
        result = Json{{"error", error.what()}};
      }
      std::cout << retmask::dump_json_line(result) << '\n';
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
