#include "retmask/metrics/citations.h"

#include <algorithm>
#include <set>

#include "python_text.h"
#include "retmask/base/error.h"
#include "retmask/jinja/unicode.h"
#include "retmask/metrics/answers.h"

namespace retmask::metrics {
namespace {

constexpr size_t kMostCitations = 3;
constexpr size_t kShortestStatement = 5;  // characters

// End of the digits from `at` on.
size_t skip_digits(std::string_view text, size_t at) {
  while (at < text.size()) {
    size_t next = at;
    if (!jinja::is_decimal(jinja::decode_at(text, next))) break;
    at = next;
  }
  return at;
}

// Deletes each `opening` that digits follow, with the digits.
std::string without_numbers(std::string_view text, std::string_view opening) {
  std::string out;
  size_t begin = 0;
  for (size_t at = 0; (at = text.find(opening, at)) != std::string_view::npos;) {
    const size_t digits = at + opening.size();
    const size_t end = skip_digits(text, digits);
    if (end > digits) {
      out += text.substr(begin, at - begin);
      begin = end;
    }
    at = end;
  }
  return out.append(text.substr(begin));
}

// Items of a list, without white space, full stops and commas at its end.
std::vector<std::string_view> list_items(std::string_view output) {
  output = jinja::strip_spaces(output, /*left=*/false, /*right=*/true);
  return split_at(strip_end(strip_end(output, '.'), ','), ",");
}

// The numbers of "[1" and the like; nullopt for one beyond every document.
std::vector<std::optional<int64_t>> cited_numbers(std::string_view statement) {
  constexpr int64_t kBeyond = 1'000'000'000;
  std::vector<std::optional<int64_t>> numbers;
  for (size_t at = 0; (at = statement.find('[', at)) != std::string_view::npos;) {
    const size_t end = skip_digits(statement, ++at);
    if (end == at) continue;
    std::optional<int64_t> number = 0;
    while (at < end) {
      const int digit = jinja::decimal_value(jinja::decode_at(statement, at));
      if (number) number = *number * 10 + digit;
      if (number && *number > kBeyond) number.reset();
    }
    numbers.push_back(number);
  }
  return numbers;
}

// Indices of the cited documents as in Python: "[0]" is -1 and so the last one. Empty if there is
// none, or one of them does not exist.
std::vector<size_t> cited_documents(std::string_view statement, size_t documents) {
  std::vector<size_t> cited;
  for (const auto& number : cited_numbers(statement)) {
    if (!number || *number > static_cast<int64_t>(documents) || documents == 0) return {};
    cited.push_back(*number == 0 ? documents - 1 : static_cast<size_t>(*number - 1));
  }
  if (cited.size() > kMostCitations) cited.resize(kMostCitations);
  return cited;
}

std::string premise_of(const std::vector<CitedDocument>& documents,
                       const std::vector<size_t>& cited) {
  std::string premise;
  for (size_t i = 0; i < cited.size(); ++i) {
    const CitedDocument& document = documents[cited[i]];
    if (i > 0) premise += '\n';
    premise += "Title: " + document.title + "\n" + document.text;
  }
  return premise;
}

std::vector<std::string> statements_of(const CitedAnswer& answer,
                                       bool is_list,
                                       const SentenceSplitter& split) {
  std::vector<std::string> statements;
  if (is_list) {
    for (const std::string_view item : list_items(answer.output)) {
      statements.push_back(answer.question + " " + std::string(strip(item)));
    }
    return statements;
  }
  for (std::string& sentence : split(answer.output)) {
    if (jinja::count_code_points(strip(sentence)) < kShortestStatement) continue;
    statements.push_back(std::move(sentence));
  }
  return statements;
}

std::string claim_of(const std::string& statement) {
  return std::string(strip(without_citations(statement)));
}

// Without the first occurrence of `document`.
std::vector<size_t> others_than(std::vector<size_t> cited, size_t document) {
  cited.erase(std::find(cited.begin(), cited.end(), document));
  return cited;
}

// Of several citations that support the claim together, those that are needed: each that supports
// it alone, or without which the others do not.
int64_t needed_citations(const CitedAnswer& answer,
                         const std::vector<size_t>& cited,
                         const std::string& claim,
                         const Entailment& entails) {
  int64_t needed = 0;
  for (const size_t document : cited) {
    bool is_needed = entails(premise_of(answer.documents, {document}), claim);
    if (!is_needed) {
      is_needed = !entails(premise_of(answer.documents, others_than(cited, document)), claim);
    }
    needed += is_needed;
  }
  return needed;
}

double percent(int64_t count, size_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(count) / static_cast<double>(whole);
}

double harmonic(double a, double b) { return a + b == 0.0 ? 0.0 : 2 * a * b / (a + b); }

}  // namespace

std::string alce_output(std::string_view output) {
  std::string out;
  for (size_t i = 0; i < output.size(); ++i) {
    if (output[i] != '\n') {
      out += output[i];
    } else if (i == 0 || output[i - 1] != '\n') {
      out += ' ';
    }
  }
  return replace_all(out, "<|im_end|>", "");
}

std::string without_citations(std::string_view text) {
  const std::string plain = without_numbers(without_numbers(text, " ["), "[");
  return replace_all(replace_all(plain, " |", ""), "]", "");
}

StrEm str_em(const std::vector<AnswerForms>& answers, std::string_view output) {
  if (answers.empty()) user_error("there is no question to look for answers to");
  const std::string normalized = normalize_answer(output);
  const auto occurs = [&](const std::string& form) {
    return normalized.find(normalize_answer(form)) != std::string::npos;
  };
  const auto found = std::count_if(answers.begin(), answers.end(), [&](const AnswerForms& forms) {
    return std::any_of(forms.begin(), forms.end(), occurs);
  });
  return {percent(found, answers.size()),
          found == static_cast<int64_t>(answers.size()) ? 100.0 : 0.0};
}

std::map<std::string, double> qampari_metrics(const std::vector<AnswerForms>& answers,
                                              std::string_view output) {
  constexpr size_t kTop = 5;
  std::vector<std::string> predictions;
  for (const std::string_view item : list_items(output)) {
    predictions.push_back(normalize_answer(item));
    if (predictions.back().empty()) predictions.pop_back();
  }
  const std::set<std::string> predicted(predictions.begin(), predictions.end());
  std::set<std::string> right;
  int64_t found = 0;
  for (const AnswerForms& forms : answers) {
    bool is_predicted = false;
    for (const std::string& form : forms) {
      const std::string normalized = normalize_answer(form);
      is_predicted = is_predicted || predicted.contains(normalized);
      right.insert(normalized);
    }
    found += is_predicted;
  }
  const auto precise = std::count_if(predictions.begin(),
                                     predictions.end(),
                                     [&](const std::string& one) { return right.contains(one); });
  const double precision = percent(precise, predictions.size());
  const double recall = percent(found, answers.size());
  const double top =
      percent(std::min<int64_t>(kTop, found), std::min<size_t>(kTop, answers.size()));
  return {{"num_preds", static_cast<double>(predictions.size())},
          {"qampari_prec", precision},
          {"qampari_rec", recall},
          {"qampari_rec_top5", top},
          {"qampari_f1", harmonic(precision, recall)},
          {"qampari_f1_top5", harmonic(precision, top)}};
}

std::vector<EntailmentPair> entailment_pairs(const CitedAnswer& answer,
                                             bool is_list,
                                             const SentenceSplitter& split) {
  std::vector<EntailmentPair> pairs;
  for (const std::string& statement : statements_of(answer, is_list, split)) {
    const std::vector<size_t> cited = cited_documents(statement, answer.documents.size());
    if (cited.empty()) continue;
    const std::string claim = claim_of(statement);
    const auto add = [&](const std::vector<size_t>& documents) {
      pairs.push_back({premise_of(answer.documents, documents), claim});
    };
    add(cited);
    if (cited.size() == 1) continue;
    for (const size_t document : cited) {
      add({document});
      add(others_than(cited, document));
    }
  }
  return pairs;
}

std::optional<CitationScores> citation_scores(const CitedAnswer& answer,
                                              bool is_list,
                                              const SentenceSplitter& split,
                                              const Entailment& entails) {
  const std::vector<std::string> statements = statements_of(answer, is_list, split);
  if (statements.empty()) return {};
  int64_t supported = 0;
  int64_t credit = 0;
  size_t citations = 0;
  for (const std::string& statement : statements) {
    const std::vector<size_t> cited = cited_documents(statement, answer.documents.size());
    if (cited.empty()) continue;
    citations += cited.size();
    const std::string claim = claim_of(statement);
    if (!entails(premise_of(answer.documents, cited), claim)) continue;
    ++supported;
    credit += cited.size() == 1 ? 1 : needed_citations(answer, cited, claim, entails);
  }
  return CitationScores{percent(supported, statements.size()), percent(credit, citations)};
}

}  // namespace retmask::metrics
