#include "documents.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "builtin_data.h"
#include "retmask/base/error.h"
#include "retmask/jinja/unicode.h"

namespace retmask::eval {

DocumentFiller::DocumentFiller(const std::vector<PassageQuestion>& questions,
                               DocumentStyle style,
                               const PromptEncoder& encoder)
    : questions_(questions), style_(std::move(style)), encoder_(encoder) {
  constexpr size_t kTypicalNumber = 10;  // most documents' numbers have as many digits or fewer
  std::set<std::string_view> seen;
  const auto add = [&](const std::vector<Passage>& passages, size_t row) {
    for (const Passage& passage : passages) {
      if (!seen.insert(passage.text).second) continue;
      const auto tokens =
          static_cast<int64_t>(encoder.tokenizer()
                                   .encode(style_.separator + join({&passage}, kTypicalNumber),
                                           /*add_special_tokens=*/false)
                                   .size());
      pool_.push_back({&passage, jinja::lower_case(passage.text), row, tokens});
      smallest_ = smallest_ == 0 ? tokens : std::min(smallest_, tokens);
    }
  };
  for (size_t row = 0; row < questions.size(); ++row) {
    add(questions[row].gold, row);
    add(questions[row].others, row);
  }
}

std::string DocumentFiller::join(const std::vector<const Passage*>& passages, size_t first) const {
  std::string text;
  for (size_t i = 0; i < passages.size(); ++i) {
    text += i == 0 ? "" : style_.separator;
    text += fill_template(style_.document,
                          {{"number", std::to_string(first + i)},
                           {"title", passages[i]->title},
                           {"text", passages[i]->text}});
  }
  return text;
}

std::vector<const DocumentFiller::Entry*> DocumentFiller::distractors(const Request& request,
                                                                      RandomStream& random) const {
  const PassageQuestion& question = questions_[request.question];
  std::vector<std::string> answers;
  for (const std::string& answer : question.answers) answers.push_back(jinja::lower_case(answer));
  std::vector<const Entry*> own;
  std::vector<const Entry*> others;
  for (const Entry& entry : pool_) {
    const bool has_answer = std::any_of(answers.begin(), answers.end(), [&](const std::string& a) {
      return entry.lower.find(a) != std::string::npos;
    });
    const bool is_gold =
        std::any_of(question.gold.begin(), question.gold.end(), [&](const Passage& gold) {
          return gold.text == entry.passage->text;
        });
    if (!has_answer && !is_gold) (entry.row == request.question ? own : others).push_back(&entry);
  }
  shuffle(own, random);
  shuffle(others, random);
  own.insert(own.end(), others.begin(), others.end());
  return own;
}

Prompt DocumentFiller::fill(const Request& request) const {
  const PassageQuestion& question = questions_[request.question];
  RandomStream random = request.random;
  const std::vector<const Entry*> available = distractors(request, random);
  RandomStream order = RandomStream::from_state(random.next());

  // The gold passages among the first `count` of the chosen others.
  std::vector<const Passage*> chosen;
  const auto prompt = [&] {
    std::vector<const Passage*> all = chosen;
    const auto place = static_cast<std::ptrdiff_t>(
        std::llround(std::max(request.depth, 0.0) * static_cast<double>(chosen.size())));
    std::vector<const Passage*> gold;
    for (const Passage& passage : question.gold) gold.push_back(&passage);
    all.insert(all.begin() + place, gold.begin(), gold.end());
    RandomStream same_order = order;
    if (request.depth < 0) shuffle(all, same_order);
    return request.prompt(join(all));
  };

  const auto count = [&] { return static_cast<int64_t>(encoder_.encode(prompt()).size()); };
  const int64_t smallest = count();
  if (smallest > request.limit) {
    user_error("the passages of the question \"",
               question.question,
               "\" make a prompt of ",
               smallest,
               " tokens, more than ",
               request.limit,
               "; use larger --lengths");
  }
  if (available.empty()) return prompt();
  int64_t room = request.limit - smallest;
  for (bool added = true; added && room >= smallest_;) {
    added = false;
    for (const Entry* entry : available) {
      if (entry->tokens > room) continue;
      chosen.push_back(entry->passage);
      room -= entry->tokens;
      added = true;
      if (room < smallest_) break;
    }
  }
  // Their tokens were counted one by one; numbers of more digits take more.
  while (count() > request.limit) chosen.pop_back();
  return prompt();
}

}  // namespace retmask::eval
