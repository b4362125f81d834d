#include "control_questions.h"

#include <algorithm>
#include <array>
#include <string>

namespace retmask::detect {
namespace {

constexpr auto kControlQuestions = std::to_array<ControlQuestion>({
    {"What is the capital of France?", "paris"},
    {"What is the capital of Italy?", "rome"},
    {"What is the capital of Japan?", "tokyo"},
    {"What is the capital of Germany?", "berlin"},
    {"What is the capital of Spain?", "madrid"},
    {"What is the capital of China?", "beijing"},
    {"What is the capital of Russia?", "moscow"},
    {"What is the capital of Greece?", "athens"},
    {"What is the capital of Egypt?", "cairo"},
    {"On which continent is Brazil?", "south america"},
    {"On which continent is Kenya?", "africa"},
    {"On which continent is India?", "asia"},
    {"What is the largest planet in our solar system?", "jupiter"},
    {"What is the name of the star at the center of our solar system?", "sun"},
    {"What is the largest ocean on Earth?", "pacific"},
    {"Who wrote the play Romeo and Juliet?", "shakespeare"},
    {"Who painted the Mona Lisa?", "leonardo"},
    {"Who developed the theory of relativity?", "einstein"},
    {"Who was the first president of the United States?", "washington"},
    {"What is the chemical formula of water?", "h2o"},
    {"Which gas do plants take in from the air for photosynthesis?", "carbon dioxide"},
    {"What is the opposite of hot?", "cold"},
    {"Which organ pumps blood through the body?", "heart"},
    {"What do bees make?", "honey"},
    {"What is frozen water called?", "ice"},
    {"Which animal is known as the king of the jungle?", "lion"},
    {"Which language is spoken in France?", "french"},
    {"Which language is spoken in Brazil?", "portuguese"},
    {"What is the currency of Japan?", "yen"},
    {"Which metal has the chemical symbol Fe?", "iron"},
    {"What is the tallest mountain in the world?", "everest"},
    {"What is the longest river in Africa?", "nile"},
});

}  // namespace

std::span<const ControlQuestion> control_questions() { return kControlQuestions; }

bool is_right(const ControlQuestion& question, std::string_view answer) {
  std::string lower(answer);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower.find(question.answer) != std::string::npos;
}

}  // namespace retmask::detect
