#pragma once
// Parsers of untrusted bytes, as functions of these bytes. Each accepts any input: a UserError is
// an expected result; any other exception, or a crash, is a finding.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retmask::fuzz {

struct Harness {
  std::string_view name;                 // also the name of its folder in corpus/
  void (*read)(std::string_view bytes);  // may throw UserError
  std::vector<std::string_view> words;   // tokens of the format, inserted at random
};

// All harnesses.
std::span<const Harness> harnesses();

// Calls `read`; a UserError counts as success.
void run(const Harness& harness, std::string_view bytes);

void read_safetensors(std::string_view bytes);
void read_tokenizer(std::string_view bytes);
void read_config(std::string_view bytes);
void read_template(std::string_view bytes);
void read_rows(std::string_view bytes);
void read_parquet(std::string_view bytes);
void read_mask(std::string_view bytes);
void read_toml(std::string_view bytes);

}  // namespace retmask::fuzz
