// Tokenizer load, encode and decode speed on one thread. tokenizer_peer.py prints the same for the
// tokenizers package of Hugging Face.
//
//   tokenizer_bench DIR FILE

#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "retmask/base/file.h"
#include "retmask/tokenizer/tokenizer.h"

namespace {

using Ids = std::vector<int64_t>;

constexpr int kRounds = 5;

// The best of several rounds, as the least disturbed.
double best_seconds(const std::function<void()>& work) {
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (round == 0 || taken.count() < best) best = taken.count();
  }
  return best;
}

std::vector<std::string_view> paragraphs_of(std::string_view text) {
  std::vector<std::string_view> paragraphs;
  while (!text.empty()) {
    const size_t end = text.find("\n\n");
    paragraphs.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  }
  return paragraphs;
}

void run(const std::string& dir, const std::string& file) {
  std::unique_ptr<const retmask::Tokenizer> tokenizer;
  const double load = best_seconds([&] { tokenizer = retmask::Tokenizer::load(dir); });

  const std::string text = retmask::read_text_file(file, "text");
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  Ids ids;
  const double whole =
      best_seconds([&] { ids = tokenizer->encode(text, /*add_special_tokens=*/false); });
  const std::vector<std::string_view> paragraphs = paragraphs_of(text);
  const double parts = best_seconds([&] {
    for (const std::string_view paragraph : paragraphs)
      tokenizer->encode(paragraph, /*add_special_tokens=*/false);
  });
  const double decode =
      best_seconds([&] { tokenizer->decode(ids, /*skip_special_tokens=*/false); });

  std::printf(
      "load %.3f s, whole %.1f MB/s, %zu paragraphs %.1f MB/s, decode %.1f MB/s (%zu tokens)\n",
      load,
      megabytes / whole,
      paragraphs.size(),
      megabytes / parts,
      megabytes / decode,
      ids.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: tokenizer_bench DIR FILE\n";
    return 2;
  }
  try {
    run(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
