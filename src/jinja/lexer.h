#pragma once
// Tokenizer for template source, with the rules of Jinja2's lexer under trim_blocks and
// lstrip_blocks.

#include <string>
#include <string_view>
#include <vector>

#include "value.h"

namespace retmask::jinja {

struct Token {
  enum class Kind {
    kData,  // text outside of tags
    kBlockBegin,
    kBlockEnd,
    kVariableBegin,
    kVariableEnd,
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,
    kEnd
  };

  Kind kind = Kind::kEnd;
  int line = 1;
  std::string text;  // of a string: its value
  Value number;
};

// Throws TemplateSyntaxError.
std::vector<Token> tokenize(std::string_view source, const std::string& name);

}  // namespace retmask::jinja
