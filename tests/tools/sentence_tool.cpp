// Splits texts into sentences: reads one JSON string per line from stdin, writes the list of its
// sentences per line to stdout. The argument is NLTK's folder punkt_tab/english. Used by
// tests/integration/test_sentences.py.

#include <iostream>
#include <string>

#include "retmask/base/json.h"
#include "retmask/metrics/sentences.h"

using retmask::Json;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::ios::sync_with_stdio(false);
  const auto tokenizer = retmask::metrics::SentenceTokenizer::load(argv[1]);
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto text = retmask::parse_json(line, "stdin").get<std::string>();
    std::cout << Json(tokenizer.split(text)).dump() << "\n";
  }
}
