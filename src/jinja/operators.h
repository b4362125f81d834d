#pragma once
// Python's operators and the built-in functions len, str, repr, iter. Each throws PythonError where
// Python would raise.

#include <string>

#include "object.h"
#include "runtime.h"
#include "value.h"

namespace retmask::jinja {

bool truthy(Runtime& runtime, const Value& value);
bool equal(Runtime& runtime, const Value& a, const Value& b);
// For keys, which contain no lists.
bool equal_keys(const Value& a, const Value& b);
enum class Order { kLess, kLessEqual, kGreater, kGreaterEqual };
bool ordered(Runtime& runtime, const Value& a, Order order, const Value& b);
bool contains(Runtime& runtime, const Value& container, const Value& item);

Value add(Runtime& runtime, const Value& a, const Value& b);
Value subtract(const Value& a, const Value& b);
Value multiply(Runtime& runtime, const Value& a, const Value& b);
Value divide(const Value& a, const Value& b);
Value floor_divide(const Value& a, const Value& b);
Value modulo(Runtime& runtime, const Value& a, const Value& b);
Value power(const Value& a, const Value& b);
Value negated(const Value& a);
Value positive(const Value& a);

// object[key], object[start:stop:step]; None for omitted parts of a slice.
Value subscript(Runtime& runtime, const Value& object, const Value& key);
Value slice(Runtime& runtime,
            const Value& object,
            const Value& start,
            const Value& stop,
            const Value& step);

size_t length_of(Runtime& runtime, const Value& value);
IteratorPtr iterate(Runtime& runtime, const Value& value);
IteratorPtr iterate_reversed(Runtime& runtime, const Value& value);  // null if not reversible
Items to_items(Runtime& runtime, const Value& value);

std::string str(Runtime& runtime, const Value& value);
std::string repr(Runtime& runtime, const Value& value);

// Indices of a slice in a sequence of `length`: start, then `count` indices, `step` apart.
struct SlicePlaces {
  int64_t start;
  int64_t count;
  int64_t step;
};
SlicePlaces slice_places(int64_t length, const Value& start, const Value& stop, const Value& step);

}  // namespace retmask::jinja
