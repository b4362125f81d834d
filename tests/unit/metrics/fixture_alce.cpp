#include <cstdlib>

#include "fixture_functions.h"
#include "retmask/metrics/citations.h"
#include "retmask/metrics/sentences.h"

namespace retmask::testing {
namespace {

using namespace metrics;

std::string text_of(const Json& object, const char* key) { return object.at(key); }

std::vector<AnswerForms> forms_at(const Json& args, size_t i) {
  return args.at(i).get<std::vector<AnswerForms>>();
}

// NLTK's punkt_tab/english, from RETMASK_PUNKT or where NLTK keeps its data.
const SentenceTokenizer& english_sentences() {
  static const SentenceTokenizer instance = [] {
    namespace fs = std::filesystem;
    std::vector<fs::path> places;
    if (const char* given = std::getenv("RETMASK_PUNKT")) places.emplace_back(given);
    for (const char* variable : {"NLTK_DATA", "HOME"}) {
      const char* folder = std::getenv(variable);
      if (folder == nullptr) continue;
      places.push_back(fs::path(folder) / "tokenizers/punkt_tab/english");
      places.push_back(fs::path(folder) / "nltk_data/tokenizers/punkt_tab/english");
    }
    places.emplace_back("/usr/share/nltk_data/tokenizers/punkt_tab/english");
    for (const fs::path& place : places) {
      if (fs::exists(place)) return SentenceTokenizer::load(place);
    }
    throw Unavailable("NLTK's punkt_tab/english is not here; set RETMASK_PUNKT to its folder");
  }();
  return instance;
}

Json str_em_json(const std::vector<StrEm>& rows) {
  StrEm sum;
  for (const StrEm& row : rows) {
    sum.share += row.share;
    sum.hit += row.hit;
  }
  const auto count = static_cast<double>(rows.size());
  return {sum.share / count, sum.hit / count};
}

Json autoais_json(const Json& args) {
  const Json& input = args.at(0);
  std::map<std::pair<std::string, std::string>, bool> verdicts;
  for (const Json& row : input.at("nli_table")) {
    verdicts[{text_at(row, 0), text_at(row, 1)}] = row.at(2).get<int>() == 1;
  }
  const auto entails = [&](const std::string& premise, const std::string& claim) {
    const auto found = verdicts.find({premise, claim});
    if (found == verdicts.end())
      throw std::runtime_error("asked for \"" + premise + "\" / " + claim);
    return found->second;
  };
  const auto split = [](std::string_view text) { return english_sentences().split(text); };
  double recall = 0.0;
  double precision = 0.0;
  double rows = 0.0;
  for (const Json& item : input.at("items")) {
    CitedAnswer answer = {item.at("question"), alce_output(text_of(item, "output")), {}};
    for (const Json& document : item.at("docs")) {
      answer.documents.push_back({document.at("title"), document.at("text")});
    }
    const auto scores = citation_scores(answer, input.at("qampari").get<bool>(), split, entails);
    if (!scores) continue;
    recall += scores->recall;
    precision += scores->precision;
    ++rows;
  }
  return {{"citation_rec", rows > 0 ? recall / rows : 0},
          {"citation_prec", rows > 0 ? precision / rows : 0}};
}

}  // namespace

void add_alce_functions(FixtureFunctions& functions) {
  functions["remove_citations"] = [](const Json& a) { return without_citations(text_at(a, 0)); };
  functions["alce_str_em_item"] = [](const Json& a) {
    return str_em_json({str_em(forms_at(a, 0), text_at(a, 1))});
  };
  functions["alce_str_em"] = [](const Json& a) {
    std::vector<StrEm> rows;
    for (const Json& row : a.at(0)) rows.push_back(str_em(forms_at(row, 0), text_at(row, 1)));
    return str_em_json(rows);
  };
  functions["alce_qampari_item"] = [](const Json& a) {
    return qampari_metrics(forms_at(a, 1), text_at(a, 0));
  };
  functions["alce_autoais"] = autoais_json;
  functions["nltk_sent_tokenize"] = [](const Json& a) {
    return english_sentences().split(text_at(a, 0));
  };
}

}  // namespace retmask::testing
