#include "harnesses.h"

#include <array>

#include "retmask/base/error.h"

namespace retmask::fuzz {
namespace {

std::vector<std::string_view> json_words() {
  return {"{",       "}",
          "[",       "]",
          ",",       ":",
          "null",    "true",
          "\"\"",    "\"a\"",
          "-1",      "1e999",
          "0.5",     "4294967296",
          "\\ud83e", "\\",
          "\xff",    "\xef\xbb\xbf",
          "{}",      "[]",
          "[[]]",    "9223372036854775807"};
}

std::vector<std::string_view> with(std::vector<std::string_view> words,
                                   std::initializer_list<std::string_view> more) {
  words.insert(words.end(), more);
  return words;
}

}  // namespace

std::span<const Harness> harnesses() {
  static const std::array all{
      Harness{
          "safetensors",
          read_safetensors,
          with(json_words(),
               {"\"F32\"", "\"BF16\"", "\"shape\":", "\"data_offsets\":", "\"__metadata__\":"})},
      Harness{"tokenizer",
              read_tokenizer,
              with(json_words(),
                   {"\"Regex\"",
                    "(?:",
                    "[^\\\\s]+",
                    "\"type\":",
                    "\"Split\"",
                    "\"ByteLevel\"",
                    "\"Metaspace\"",
                    "\"content\":",
                    "\"id\":"})},
      Harness{"config",
              read_config,
              with(json_words(),
                   {"\"rope_scaling\":",
                    "\"rope_parameters\":",
                    "\"yarn\"",
                    "\"llama3\"",
                    "\"factor\":",
                    "\"head_dim\":",
                    "\"layer_types\":",
                    "16777216"})},
      Harness{"template",
              read_template,
              {"{{",
               "}}",
               "{%",
               "%}",
               "{%-",
               "-%}",
               "{#",
               "#}",
               "messages",
               "loop.index0",
               "|",
               "(",
               ")",
               "[",
               "]",
               ".",
               "~",
               "**",
               "//",
               "'",
               "\"",
               "\\x",
               " if ",
               " else ",
               "{% for m in messages %}",
               "{% endfor %}",
               "{% endif %}",
               "{% set x = 1 %}",
               "{% macro f(a) %}",
               "{% endmacro %}",
               "f(",
               "range(",
               "99999999999",
               "-1",
               "none",
               "tojson",
               "namespace(",
               " is defined",
               " in ",
               "[::-1]",
               "\xff"}},
      Harness{"rows",
              read_rows,
              with(json_words(),
                   {"\n",
                    "\"role\":",
                    "\"content\":",
                    "\"user\"",
                    "\"messages\":",
                    "\"prompt\":",
                    "\"chosen\":",
                    "\"from\":",
                    "\"value\":",
                    "\"assistant\""})},
      Harness{
          "parquet",
          read_parquet,
          {"PAR1", std::string_view("\0\0\0\0", 4), "\xff\xff\xff\xff", "\x15", "\x19", "\x4c"}},
      Harness{"mask",
              read_mask,
              with(json_words(),
                   {"\"heads\":",
                    "[3,3]",
                    "\"3-3\":",
                    "\"0-0\":",
                    "\"scores\":",
                    "attn_head_set: ",
                    "selected_heads: ",
                    "3-3,",
                    "(3,3),",
                    "\n- ",
                    " # ",
                    "0.5\t",
                    "\n"})},
      Harness{"toml", read_toml, {"[",        "]",       "=",    "\"", "'",
                                  "#",        "\n",      ",",    "\\", "1_000",
                                  "inf",      "nan",     "true", "-1", "1e999",
                                  "[detect]", "lengths", "\xff", ".",  "9223372036854775808"}},
  };
  return all;
}

void run(const Harness& harness, std::string_view bytes) {
  try {
    harness.read(bytes);
  } catch (const UserError&) {
  }
}

}  // namespace retmask::fuzz
