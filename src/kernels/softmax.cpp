#include "retmask/kernels/softmax.h"

#include <algorithm>

#include "simd.h"
#include "softmax_row.h"

namespace retmask::kernels {
namespace {

RETMASK_SIMD_CLONES float largest_of(const float* values, int64_t size) {
  float largest = values[0];
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < size; ++i) largest = largest < values[i] ? values[i] : largest;
  return largest;
}

RETMASK_SIMD_CLONES float exp_sum(const float* values, int64_t size, float largest, float scale) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < size; ++i) sum += fast_exp((values[i] - largest) * scale);
  return sum;
}

}  // namespace

RETMASK_SIMD_CLONES Exponentials exponentiate(float* row, int64_t count) {
  float largest = row[0];
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < count; ++i) largest = largest < row[i] ? row[i] : largest;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) {
    row[i] = fast_exp(row[i] - largest);
    sum += row[i];
  }
  return {largest, sum};
}

int64_t arg_max(const float* values, int64_t size) {
  return std::find(values, values + size, largest_of(values, size)) - values;
}

double exp_sums(
    const float* values, int64_t size, float largest, float scale, std::vector<float>& sums) {
  sums.clear();
  double total = 0;
  for (int64_t begin = 0; begin < size; begin += kSumWidth) {
    sums.push_back(exp_sum(values + begin, std::min(kSumWidth, size - begin), largest, scale));
    total += sums.back();
  }
  return total;
}

float exp_weight(float value, float largest, float scale) {
  return exp_sum(&value, 1, largest, scale);
}

}  // namespace retmask::kernels
