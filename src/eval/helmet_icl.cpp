// HELMET's ICL: labels from many examples, as numbers in an order of each row's own (load_icl of
// data.py there).

#include "builtin_data.h"
#include "helmet_example.h"
#include "retmask/base/error.h"
#include "retmask/base/numpy_random.h"
#include "retmask/metrics/helmet_draws.h"

namespace retmask::eval::helmet {
namespace {

struct Labelled {
  std::string text;
  int64_t label;
};

std::vector<Labelled> labelled_rows(const ExampleRequest& request, const std::string& file) {
  const std::string field = request.task.text("label");
  const auto labels = request.task.settings().at("labels").get<int64_t>();
  std::vector<Labelled> read;
  for (const DataRow& row : request.data.rows(file, {"text", field}, request.source())) {
    const int64_t label = row.integer(field.c_str());
    if (label < 0 || label >= labels) {
      user_error(row.where, ": \"", field, "\" is ", label, ", expected 0 to ", labels - 1);
    }
    read.push_back({row.text("text"), label});
  }
  return read;
}

std::vector<Labelled> picked(const std::vector<Labelled>& rows,
                             const std::vector<uint64_t>& indices) {
  std::vector<Labelled> chosen;
  for (const uint64_t i : indices) chosen.push_back(rows[i]);
  return chosen;
}

std::vector<int64_t> labels_of(const std::vector<Labelled>& rows) {
  std::vector<int64_t> labels;
  for (const Labelled& row : rows) labels.push_back(row.label);
  return labels;
}

struct Splits {
  std::vector<Labelled> train;
  std::vector<Labelled> test;
};

Splits read_splits(const ExampleRequest& request) {
  const Task& task = request.task;
  std::vector<Labelled> train = labelled_rows(request, task.demo_file);
  if (!task.test_file.empty()) return {std::move(train), labelled_rows(request, task.test_file)};
  const TrainTestSplit split = train_test_split(task.seed, train.size(), 0.1);
  return {picked(train, split.train), picked(train, split.test)};
}

// A balanced part of a test set that is larger than asked for.
std::vector<Labelled> select_test(const Task& task, const std::vector<Labelled>& rows) {
  if (task.max_samples == 0 || rows.size() <= static_cast<size_t>(task.max_samples)) return rows;
  const std::vector<Labelled> shuffled = picked(rows, numpy_permutation(task.seed, rows.size()));
  return picked(shuffled,
                metrics::helmet_balanced_rows(
                    labels_of(shuffled), static_cast<uint64_t>(task.max_samples), task.seed));
}

}  // namespace

std::vector<Example> load_icl(const ExampleRequest& request) {
  const Task& task = request.task;
  const Splits splits = read_splits(request);
  const std::vector<int64_t> train_labels = labels_of(splits.train);
  const auto labels = task.settings().at("labels").get<uint64_t>();
  std::vector<Example> examples;
  for (const Labelled& row : select_test(task, splits.test)) {
    const uint64_t seed = metrics::helmet_row_seed(row.text, task.seed);
    const std::vector<uint64_t> shown = metrics::helmet_label_mapping(labels, seed);
    const auto name = [&](int64_t label) {
      return std::to_string(shown.at(static_cast<size_t>(label)));
    };
    std::vector<std::string> demos;
    for (const uint64_t i :
         metrics::helmet_balanced_rows(train_labels, static_cast<uint64_t>(task.size), seed)) {
      demos.push_back(
          fill_template(request.style("demo"),
                        {{"text", splits.train[i].text}, {"label", name(splits.train[i].label)}}));
    }
    examples.push_back({.key = row.text,
                        .fields = {{"context", joined(demos, "\n\n")},
                                   {"question", row.text},
                                   {"label", "{label}"}},  // stands as it is in the instruction
                        .gold = name(row.label)});
  }
  return examples;
}

}  // namespace retmask::eval::helmet
