#pragma once
// What reads bytes that nobody vouches for, as functions of these bytes. Each takes any input: a
// UserError is an answer, and whatever else is thrown, or a crash, is a finding.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retmask::fuzz {

struct Harness {
  std::string_view name;                 // also of its folder in corpus/
  void (*read)(std::string_view bytes);  // throws UserError, or nothing
  std::vector<std::string_view> words;   // what the format is made of, to be put in anywhere
};

// All of them.
std::span<const Harness> harnesses();

// Calls `read` and takes a UserError for an answer.
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
