#pragma once
// Objects that templates can create or obtain, except macros and `loop`, which are in the
// evaluator.

#include <functional>
#include <string>
#include <utility>

#include "call.h"
#include "dict.h"
#include "object.h"

namespace retmask::jinja {

// A function of a table, optionally bound to the value it is a method of.
class BoundFunction : public Object {
 public:
  explicit BoundFunction(const Function& function, Value self = {})
      : function_(function), self_(std::move(self)) {}

  std::string type_name() const override { return "builtin_function_or_method"; }
  int depth() const override { return self_.depth() + 1; }
  bool is_callable() const override { return true; }
  Value call(Runtime& runtime, Arguments arguments) override;
  bool equals(Runtime&, const Object& other) const override;

 private:
  const Function& function_;
  Value self_;
};

class Range : public Object {
 public:
  Range(int64_t start, int64_t stop, int64_t step);

  std::string type_name() const override { return "range"; }
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;
  IteratorPtr iterate(Runtime& runtime) override;
  IteratorPtr iterate_reversed(Runtime& runtime) override;
  std::optional<size_t> length(Runtime&) override { return static_cast<size_t>(count_); }
  bool has_items() const override { return true; }
  Value item(Runtime& runtime, const Value& key) override;
  Value slice(Runtime& runtime, const Value& start, const Value& stop, const Value& step) override;
  bool contains(Runtime& runtime, const Value& item) override;
  bool equals(Runtime& runtime, const Object& other) const override;
  std::string repr(Runtime& runtime) override;

  int64_t count() const { return count_; }
  Value at(int64_t index) const { return Value::integer(Int{start_} + Int{index} * step_); }
  // Index of an equal item; -1 if there is none.
  int64_t find(Runtime& runtime, const Value& item) const;

 private:
  int64_t start_;
  int64_t stop_;
  int64_t step_;
  int64_t count_;
};

// dict.keys(), .values() and .items().
class DictView : public Object {
 public:
  enum class Part { kKeys, kValues, kItems };
  DictView(Value dict, Part part) : dict_(std::move(dict)), part_(part) {}

  std::string type_name() const override;
  int depth() const override { return dict_.depth() + 1; }
  IteratorPtr iterate(Runtime& runtime) override;
  IteratorPtr iterate_reversed(Runtime& runtime) override;
  std::optional<size_t> length(Runtime&) override { return dict_.dict_data().size(); }
  bool contains(Runtime& runtime, const Value& item) override;
  bool equals(Runtime& runtime, const Object& other) const override;
  std::string repr(Runtime& runtime) override;

  Value at(size_t index) const;
  const Value& dict() const { return dict_; }

 private:
  Value dict_;
  Part part_;
};

// A generator or an iterator: its items can be consumed once.
class Generator : public Object {
 public:
  Generator(IteratorPtr iterator, std::string type)
      : iterator_(std::move(iterator)), type_(std::move(type)) {}

  std::string type_name() const override { return type_; }
  int depth() const override { return iterator_->depth() + 1; }
  IteratorPtr iterate(Runtime&) override { return iterator_; }

 private:
  IteratorPtr iterator_;
  std::string type_;
};

// A generator over the results of `next`, which is first called when the first item is requested.
using NextItem = std::function<bool(Runtime& runtime, Value& item)>;
Value make_generator(int depth, NextItem next);

class Namespace : public Object {
 public:
  explicit Namespace(Dict attributes) : attributes_(std::move(attributes)) {}

  std::string type_name() const override { return "Namespace"; }
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;
  std::string repr(Runtime& runtime) override;
  void clear() override { attributes_ = {}; }

  void set(const std::string& name, Value value);
  // Throws if a template must not store under this name.
  static void check_name(const Value& name);

 private:
  Dict attributes_;
  bool is_being_written_ = false;
};

class Cycler : public Object {
 public:
  explicit Cycler(Items items);

  std::string type_name() const override { return "Cycler"; }
  int depth() const override { return items_.depth() + 1; }
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;

  Value current() const { return items_.items()[place_]; }
  Value next();
  void reset() { place_ = 0; }

 private:
  Value items_;  // a tuple
  size_t place_ = 0;
};

class Joiner : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}

  std::string type_name() const override { return "Joiner"; }
  int depth() const override { return separator_.depth() + 1; }
  bool is_callable() const override { return true; }
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;
  Value call(Runtime& runtime, Arguments arguments) override;

 private:
  Value separator_;
  bool used_ = false;
};

// `dict` as set up by transformers: called, or dict.fromkeys.
class DictType : public Object {
 public:
  std::string type_name() const override { return "TemplateDict"; }
  bool is_callable() const override { return true; }
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;
  Value call(Runtime& runtime, Arguments arguments) override;
};

// `self`: the template's blocks by name.
class BlockNames : public Object {
 public:
  using Find = std::function<std::optional<Value>(std::string_view name)>;
  explicit BlockNames(Find find) : find_(std::move(find)) {}

  std::string type_name() const override { return "TemplateReference"; }
  std::optional<Value> block(std::string_view name) const { return find_(name); }
  Value item(Runtime& runtime, const Value& key) override;
  std::string repr(Runtime&) override { return "<TemplateReference None>"; }

 private:
  Find find_;
};

// dict(*positional, **named).
Dict make_dict(Runtime& runtime, Arguments arguments);

}  // namespace retmask::jinja
