#include "retmask/metrics/code_answers.h"

#include <algorithm>
#include <array>
#include <vector>

#include "retmask/base/error.h"
#include "retmask/jinja/unicode.h"

namespace retmask::metrics {
namespace {

constexpr std::string_view kFence = "```";

// Contents of the blocks between fences, without the first line's language.
std::vector<std::string_view> fenced_blocks(std::string_view output) {
  std::vector<std::string_view> blocks;
  size_t at = 0;
  while ((at = output.find(kFence, at)) != std::string_view::npos) {
    const size_t line_end = output.find('\n', at);
    if (line_end == std::string_view::npos) break;
    const size_t close = output.find(kFence, line_end + 1);
    if (close == std::string_view::npos) break;
    blocks.push_back(output.substr(line_end + 1, close - line_end - 1));
    at = close + kFence.size();
  }
  return blocks;
}

}  // namespace

std::string code_before_fence(std::string_view output) {
  return std::string(output.substr(0, output.find(kFence)));
}

std::string code_after_signature(std::string_view output) {
  constexpr std::string_view kOpen = "```python\n";
  constexpr std::string_view kBody = ":\n    ";
  const size_t open = output.find(kOpen);
  if (open != std::string_view::npos) {
    const size_t begin = open + kOpen.size();
    const size_t close = output.find(kFence, begin);
    if (close != std::string_view::npos) output = output.substr(begin, close - begin);
  }
  const size_t body = output.find(kBody);
  if (body != std::string_view::npos) return std::string(output.substr(body + 2));
  size_t at = 0;
  if (!output.empty()) jinja::decode_at(output, at);
  return std::string(output.substr(at));
}

std::string last_code_block(std::string_view output, std::string_view entry_point) {
  const auto blocks = fenced_blocks(output);
  if (blocks.empty()) return "";
  const std::string definition = "def " + std::string(entry_point);
  const auto found = std::find_if(blocks.rbegin(), blocks.rend(), [&](std::string_view block) {
    return block.find(definition) != std::string_view::npos;
  });
  return std::string(found == blocks.rend() ? blocks.back() : *found);
}

std::string code_before_stop(std::string_view output) {
  constexpr std::array<std::string_view, 5> kStops = {"\nclass", "\ndef", "\n#", "\nif", "\nprint"};
  size_t end = output.size();
  for (const std::string_view stop : kStops) end = std::min(end, output.find(stop));
  return std::string(output.substr(0, end));
}

double pass_at_k(int64_t n, int64_t c, int64_t k) {
  if (c < 0 || c > n || k < 1) {
    user_error("pass@", k, " of ", n, " samples, ", c, " of them right, is not defined");
  }
  double all_fail = 1.0;
  if (n - c < k) return 1.0;
  for (int64_t i = n - c + 1; i <= n; ++i) {
    all_fail *= 1.0 - static_cast<double>(k) / static_cast<double>(i);
  }
  return 1.0 - all_fail;
}

}  // namespace retmask::metrics
