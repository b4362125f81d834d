#pragma once
// Base class of values that are not plain data: functions, macros, ranges, generators, loop,
// namespaces. Each method corresponds to a Python operation; the defaults are those of an object
// that does not support it.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "value.h"

namespace retmask::jinja {

class Runtime;
struct Arguments;

// A single-pass iterator.
class Iterator {
 public:
  explicit Iterator(int depth);
  virtual ~Iterator() = default;
  Iterator(const Iterator&) = delete;
  Iterator& operator=(const Iterator&) = delete;

  virtual bool next(Runtime& runtime, Value& item) = 0;
  int depth() const { return depth_; }

 private:
  int depth_;
};
using IteratorPtr = std::shared_ptr<Iterator>;

class Object : public std::enable_shared_from_this<Object> {
 public:
  Object() = default;
  virtual ~Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  virtual std::string type_name() const = 0;
  virtual int depth() const { return 1; }

  // getattr(object, name).
  virtual std::optional<Value> attribute(Runtime&, std::string_view) { return std::nullopt; }
  virtual bool is_callable() const { return false; }
  virtual Value call(Runtime& runtime, Arguments arguments);
  // Null if it is not iterable.
  virtual IteratorPtr iterate(Runtime&) { return nullptr; }
  virtual IteratorPtr iterate_reversed(Runtime&) { return nullptr; }
  virtual std::optional<size_t> length(Runtime&) { return std::nullopt; }
  virtual bool has_items() const { return false; }
  // object[key]; a TypeError or LookupError if there is none.
  virtual Value item(Runtime& runtime, const Value& key);
  virtual Value slice(Runtime& runtime, const Value& start, const Value& stop, const Value& step);
  virtual bool contains(Runtime& runtime, const Value& item);
  virtual bool equals(Runtime&, const Object& other) const { return this == &other; }
  // str(object). Most would print an address, which is reported as unsupported.
  virtual std::string repr(Runtime& runtime);
  // Drops references when rendering is over, for objects that may contain themselves.
  virtual void clear() {}
};

}  // namespace retmask::jinja
