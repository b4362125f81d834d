#pragma once
// Questions of the suites mmlu-pro, gpqa and math500 in the forms of their data files.

#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::eval {

struct Question {
  Json id = {};
  std::string task = {};  // its category or subject
  std::string text = {};
  std::vector<std::string> options = {};     // of multiple choice
  std::vector<std::string> references = {};  // for the metric
};

// The letter of option number `index`.
std::string option_letter(size_t index);

// What a metric needs: of multiple choice, the right letter and the last one. Throws UserError.
std::vector<std::string> question_references(const std::string& suite,
                                             const Json& row,
                                             const std::string& where);

// "question_id", "unique_id", "id" or "Record ID"; else the row's number.
Json question_id(const Json& row, int64_t number);
// "category", "subject" or "Subdomain"; else the suite.
std::string question_task(const std::string& suite, const Json& row, const std::string& where);

// Reads the questions of a data file. GPQA's four answers are put into the order of the profile.
// Throws UserError.
std::vector<Question> read_questions(const std::string& suite,
                                     const std::string& profile,
                                     const std::filesystem::path& data);

}  // namespace retmask::eval
