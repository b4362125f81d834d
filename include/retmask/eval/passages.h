#pragma once
// Questions with the passages that answer them, as in the files of lost-in-the-middle
// (nq-open-oracle.jsonl).

#include <filesystem>
#include <string>
#include <vector>

namespace retmask::eval {

struct Passage {
  std::string title = {};
  std::string text = {};
};

struct PassageQuestion {
  std::string question = {};
  std::vector<std::string> answers = {};
  std::vector<Passage> gold = {};    // they answer the question
  std::vector<Passage> others = {};  // they do not
};

// Reads rows of {"question", "answers": [text, ...], "ctxs": [{"title", "text", "isgold"}, ...]},
// JSON Lines or a JSON array, plain or gzipped. Passages are gold if "isgold" says so or, in a row
// without that field, "hasanswer". Throws UserError with file and line.
std::vector<PassageQuestion> read_passage_questions(const std::filesystem::path& path);

}  // namespace retmask::eval
