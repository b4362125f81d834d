#include "retmask/niah/sample_rows.h"

namespace retmask::niah {

Json to_json(const Sample& sample) {
  return {{"needle", sample.needle},
          {"length", sample.length},
          {"depth", sample.depth},
          {"depth_fraction", sample.depth_fraction},
          {"span", {sample.span.begin, sample.span.end}},
          {"tokens", sample.prompt.size()}};
}

SampleJournal open_journal(const std::filesystem::path& path, const std::vector<Sample>& samples) {
  std::vector<Json> identities;
  for (const Sample& sample : samples) identities.push_back(to_json(sample));
  return SampleJournal(path, identities);
}

}  // namespace retmask::niah
