// RULER's eight needle tasks: scripts/data/synthetic/niah.py there.

#include <algorithm>
#include <cmath>

#include "builtin_data.h"
#include "retmask/base/error.h"
#include "ruler_task.h"
#include "word_list.h"

namespace retmask::eval {
namespace {

std::string draw_of_kind(const std::string& kind, RandomStream& random) {
  if (kind == "words") return draw_adjective_noun(random);
  if (kind == "numbers") return draw_number(random);
  RETMASK_CHECK(kind == "uuids", kind);
  return draw_uuid(random);
}

// Everything that is drawn for a sample, apart from the haystack.
struct Needles {
  std::vector<std::string> keys = {};
  std::vector<std::vector<std::string>> values = {};  // per key
  std::vector<std::string> sentences = {};            // in random order
  std::vector<std::string> queries = {};
  std::vector<std::string> references = {};
  std::set<std::string> used = {};  // keys and values
};

// Draws keys and values, and the sentences of a haystack made of needles.
class NeedleMaker {
 public:
  explicit NeedleMaker(const RulerRequest& request)
      : keys_(request.task.at("keys").get<std::string>()),
        values_(request.task.at("values").get<std::string>()),
        sentence_(request.text("needle")) {}

  std::string draw_key(std::set<std::string>& used, RandomStream& random) const {
    return draw_new(used, [&] { return draw_of_kind(keys_, random); });
  }
  std::string draw_value(std::set<std::string>& used, RandomStream& random) const {
    return draw_new(used, [&] { return draw_of_kind(values_, random); });
  }
  std::string sentence(const std::string& key, const std::string& value) const {
    return fill_template(sentence_, {{"type_needle_v", values_}, {"key", key}, {"value", value}});
  }
  // "numbers", "number"
  const std::string& kind_of_values() const { return values_; }
  std::string kind_of_value() const { return values_.substr(0, values_.size() - 1); }

 private:
  std::string keys_;
  std::string values_;
  std::string sentence_;
};

Needles draw_needles(const RulerRequest& request, const NeedleMaker& maker) {
  RandomStream random = request.random("needles");
  Needles needles;
  std::vector<size_t> order;
  for (int64_t k = 0; k < request.number("num_keys"); ++k) {
    order.push_back(needles.keys.size());
    needles.keys.push_back(maker.draw_key(needles.used, random));
    needles.values.emplace_back();
    for (int64_t v = 0; v < request.number("num_values"); ++v) {
      needles.values.back().push_back(maker.draw_value(needles.used, random));
      needles.sentences.push_back(
          maker.sentence(needles.keys.back(), needles.values.back().back()));
    }
  }
  shuffle(needles.sentences, random);
  shuffle(order, random);
  order.resize(static_cast<size_t>(request.number("num_queries")));
  for (const size_t key : order) {
    needles.queries.push_back(needles.keys[key]);
    const auto& values = needles.values[key];
    needles.references.insert(needles.references.end(), values.begin(), values.end());
  }
  return needles;
}

// "a", "a, and b", "a, b, and c"
std::string list_of(const std::vector<std::string>& queries) {
  std::string list = queries.front();
  for (size_t i = 1; i < queries.size(); ++i) {
    list += (i + 1 < queries.size() ? ", " : ", and ") + queries[i];
  }
  return list;
}

std::string join_texts(const std::vector<std::string>& texts, const char* separator) {
  std::string joined;
  for (size_t i = 0; i < texts.size(); ++i) joined += (i == 0 ? "" : separator) + texts[i];
  return joined;
}

// Sorted places in [0, 1) of sentences in a haystack of units.
std::vector<double> draw_places(size_t count, RandomStream& random) {
  std::vector<double> places;
  for (size_t i = 0; i < count; ++i) places.push_back(random.uniform());
  std::sort(places.begin(), places.end());
  return places;
}

// Different depths out of 40 evenly spaced whole percentages, sorted.
std::vector<double> draw_depths(size_t count, RandomStream& random) {
  constexpr int kDepths = 40;
  std::vector<double> depths;
  for (int i = 0; i < kDepths; ++i)
    depths.push_back(std::nearbyint(i * 100.0 / (kDepths - 1)) / 100);
  shuffle(depths, random);
  depths.resize(count);
  std::sort(depths.begin(), depths.end());
  return depths;
}

std::vector<std::string> insert_at(const std::vector<std::string>& haystack,
                                   const std::vector<std::string>& sentences,
                                   const std::vector<double>& places) {
  std::vector<std::string> all;
  size_t next = 0;
  for (size_t i = 0; i <= haystack.size(); ++i) {
    const auto is_here = [&] {
      return next < places.size() &&
             static_cast<size_t>(places[next] * static_cast<double>(haystack.size())) <= i;
    };
    while (is_here()) all.push_back(sentences[next++]);
    if (i < haystack.size()) all.push_back(haystack[i]);
  }
  return all;
}

// The text around the needles, by its size.
using Haystack = std::function<std::string(int64_t size)>;

Haystack haystack_of(const RulerRequest& request,
                     const NeedleMaker& maker,
                     const Needles& needles) {
  const auto kind = request.task.at("haystack").get<std::string>();
  const size_t count = needles.sentences.size();
  RandomStream random = request.random("places");
  if (kind == "essay") {
    return [&essay = request.essay, needles, depths = draw_depths(count, random)](int64_t size) {
      return join_texts(insert_at(essay.sentences(size), needles.sentences, depths), " ");
    };
  }
  const std::vector<double> places = draw_places(count, random);
  if (kind == "noise") {
    return [needles, places, noise = request.text("noise")](int64_t size) {
      const std::vector<std::string> units(static_cast<size_t>(size), noise);
      return join_texts(insert_at(units, needles.sentences, places), "\n");
    };
  }
  RETMASK_CHECK(kind == "needle", kind);
  return [needles, places, maker, stream = request.random("haystack")](int64_t size) {
    RandomStream draws = stream;
    std::set<std::string> used = needles.used;
    std::vector<std::string> units;
    for (int64_t i = 0; i < size; ++i) {
      const std::string key = maker.draw_key(used, draws);
      units.push_back(maker.sentence(key, maker.draw_value(used, draws)));
    }
    return join_texts(insert_at(units, needles.sentences, places), "\n");
  };
}

}  // namespace

RulerDraft draft_niah(const RulerRequest& request) {
  const NeedleMaker maker(request);
  const Needles needles = draw_needles(request, maker);
  const bool is_one = needles.references.size() == 1;
  const Json words = {{"type_needle_v", is_one ? maker.kind_of_value() : maker.kind_of_values()},
                      {"query", list_of(needles.queries)}};
  const std::string text = request.text(is_one ? "template_of_one" : "template");
  const std::string start =
      fill_template(request.text(is_one ? "answer_start_of_one" : "answer_start"), words);
  return {.references = needles.references,
          .smallest = 1,
          .prompt = [=, haystack = haystack_of(request, maker, needles)](int64_t size) {
            Json values = words;
            values["context"] = haystack(size);
            return user_prompt(fill_template(text, values), start);
          }};
}

}  // namespace retmask::eval
