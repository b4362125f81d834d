#pragma once
// MT-Bench's ids, and answers as the next turn and the judge see them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "retmask/eval/mt_bench_suite.h"

namespace retmask::eval {

// "81-0-1": question, sample, turn.
std::string mt_bench_id(const Json& question, int64_t sample, int turn);

// The question of a row of predictions.jsonl. Throws UserError, which names `where`.
const MtBenchQuestion& question_of(const std::vector<MtBenchQuestion>& questions,
                                   const Json& row,
                                   const std::string& where);

// str.strip(), as the original does with each answer.
std::string stripped_answer(std::string_view answer);

// text[:count]
std::string first_characters(std::string_view text, size_t count);

}  // namespace retmask::eval
