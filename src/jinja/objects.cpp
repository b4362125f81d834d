#include "objects.h"

#include <limits>

#include "numbers.h"
#include "operators.h"

namespace retmask::jinja {
namespace {

// Iterates over an object with a length and indices.
class PlacesIterator : public Iterator {
 public:
  using At = std::function<Value(size_t)>;
  PlacesIterator(int depth, size_t count, bool reversed, At at)
      : Iterator(depth), count_(count), reversed_(reversed), at_(std::move(at)) {}

  bool next(Runtime&, Value& item) override {
    if (place_ >= count_) return false;
    item = at_(reversed_ ? count_ - 1 - place_ : place_);
    ++place_;
    return true;
  }

 private:
  size_t count_;
  bool reversed_;
  At at_;
  size_t place_ = 0;
};

class FunctionIterator : public Iterator {
 public:
  FunctionIterator(int depth, NextItem next) : Iterator(depth), next_(std::move(next)) {}

  bool next(Runtime& runtime, Value& item) override {
    if (done_) return false;
    runtime.check_stack();
    runtime.step(4);
    try {
      done_ = !next_(runtime, item);
    } catch (...) {
      done_ = true;
      throw;
    }
    return !done_;
  }

 private:
  NextItem next_;
  bool done_ = false;
};

template <typename T>
std::shared_ptr<T> self_of(const Call& call) {
  return std::dynamic_pointer_cast<T>(call[0].object());
}

Value cycler_next(Runtime&, Call& call) { return self_of<Cycler>(call)->next(); }

Value cycler_reset(Runtime&, Call& call) {
  self_of<Cycler>(call)->reset();
  return Value::none();
}

constexpr Function kCyclerMethods[] = {{"next", "self", cycler_next},
                                       {"reset", "self", cycler_reset}};

Value range_index(Runtime& runtime, Call& call) {
  const int64_t place = self_of<Range>(call)->find(runtime, call[1]);
  if (place < 0) value_error("the item is not in range");
  return Value::integer(place);
}

Value range_count(Runtime& runtime, Call& call) {
  return Value::integer(self_of<Range>(call)->find(runtime, call[1]) < 0 ? 0 : 1);
}

constexpr Function kRangeMethods[] = {{"index", "self, value, /", range_index},
                                      {"count", "self, value, /", range_count}};

Value dict_fromkeys(Runtime& runtime, Call& call) {
  Dict dict;
  for (Value& key : to_items(runtime, call[1])) {
    dict.set(std::move(key), call.has(2) ? call[2] : Value::none());
  }
  return Value::dict(std::move(dict));
}

constexpr Function kDictTypeMethods[] = {{"fromkeys", "self, iterable, value?, /", dict_fromkeys}};

template <typename Table>
std::optional<Value> method_of(const Table& table, std::string_view name, Object& self) {
  const Function* function = find_in_table(table, name);
  if (function == nullptr) return std::nullopt;
  return Value::object(
      std::make_shared<BoundFunction>(*function, Value::object(self.shared_from_this())));
}

}  // namespace

Value BoundFunction::call(Runtime& runtime, Arguments arguments) {
  if (!self_.is_missing()) {
    arguments.positional.insert(arguments.positional.begin(), self_);
  }
  return call_function(runtime, function_, std::move(arguments));
}

bool BoundFunction::equals(Runtime&, const Object& other) const {
  const auto* bound = dynamic_cast<const BoundFunction*>(&other);
  return bound != nullptr && &bound->function_ == &function_ && bound->self_.is_same_object(self_);
}

Range::Range(int64_t start, int64_t stop, int64_t step) : start_(start), stop_(stop), step_(step) {
  if (step == 0) value_error("range() arg 3 must not be zero");
  const Int distance = step > 0 ? Int{stop} - start : Int{start} - stop;
  const Int width = step > 0 ? Int{step} : -Int{step};
  const Int count = distance > 0 ? (distance - 1) / width + 1 : 0;
  constexpr int64_t kMaxRange = 100'000;
  if (count > kMaxRange) {
    throw PythonError(PythonError::Type::kOverflow,
                      "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
  }
  count_ = static_cast<int64_t>(count);
}

std::optional<Value> Range::attribute(Runtime&, std::string_view name) {
  if (name == "start") return Value::integer(start_);
  if (name == "stop") return Value::integer(stop_);
  if (name == "step") return Value::integer(step_);
  return method_of(kRangeMethods, name, *this);
}

IteratorPtr Range::iterate(Runtime&) {
  auto self = std::static_pointer_cast<Range>(shared_from_this());
  return std::make_shared<PlacesIterator>(
      1, static_cast<size_t>(count_), /*reversed=*/false, [self](size_t i) {
        return self->at(static_cast<int64_t>(i));
      });
}

IteratorPtr Range::iterate_reversed(Runtime&) {
  auto self = std::static_pointer_cast<Range>(shared_from_this());
  return std::make_shared<PlacesIterator>(
      1, static_cast<size_t>(count_), /*reversed=*/true, [self](size_t i) {
        return self->at(static_cast<int64_t>(i));
      });
}

Value Range::item(Runtime&, const Value& key) {
  if (!key.is_int()) type_error("range indices must be integers or slices");
  int64_t place = index_of(key);
  if (place < 0) place += count_;
  if (place < 0 || place >= count_) lookup_error("range object index out of range");
  return at(place);
}

Value Range::slice(Runtime&, const Value& start, const Value& stop, const Value& step) {
  const SlicePlaces places = slice_places(count_, start, stop, step);
  const int64_t by = step_ * places.step;
  const auto first = static_cast<int64_t>(at(places.start).as_int());
  // Python's bounds: start and stop as if the range continued.
  int64_t end = places.start + places.count * places.step;
  if (places.count == 0) end = places.start;
  if (!stop.is_none() || places.count > 0) {
    // The stop of a Python slice is the element at the slice's own stop.
    int64_t to = places.step > 0 ? count_ : -1;
    if (!stop.is_none()) {
      to = index_of(stop);
      if (to < 0) to += count_;
      to = places.step > 0 ? std::clamp<int64_t>(to, 0, count_)
                           : std::clamp<int64_t>(to, -1, count_ - 1);
    }
    end = to;
  } else {
    end = places.step > 0 ? count_ : -1;
  }
  return Value::object(std::make_shared<Range>(first, static_cast<int64_t>(at(end).as_int()), by));
}

int64_t Range::find(Runtime& runtime, const Value& item) const {
  if (!item.is_number()) return -1;
  runtime.step(item.is_int() ? 1 : count_);
  for (int64_t i = 0; i < count_; ++i) {
    if (equal_keys(at(i), item)) return i;
  }
  return -1;
}

bool Range::contains(Runtime& runtime, const Value& item) {
  runtime.step(count_ / 16);
  return find(runtime, item) >= 0;
}

bool Range::equals(Runtime&, const Object& other) const {
  const auto* range = dynamic_cast<const Range*>(&other);
  if (range == nullptr || range->count_ != count_) return false;
  if (count_ == 0) return true;
  return range->start_ == start_ && (count_ == 1 || range->step_ == step_);
}

std::string Range::repr(Runtime&) {
  std::string out = "range(" + std::to_string(start_) + ", " + std::to_string(stop_);
  if (step_ != 1) out += ", " + std::to_string(step_);
  return out + ")";
}

std::string DictView::type_name() const {
  return part_ == Part::kKeys ? "dict_keys" : part_ == Part::kValues ? "dict_values" : "dict_items";
}

Value DictView::at(size_t index) const {
  const auto& [key, value] = dict_.dict_data().entries()[index];
  if (part_ == Part::kKeys) return key;
  if (part_ == Part::kValues) return value;
  return Value::tuple({key, value});
}

IteratorPtr DictView::iterate(Runtime&) {
  auto self = std::static_pointer_cast<DictView>(shared_from_this());
  return std::make_shared<PlacesIterator>(
      depth() + 1, dict_.dict_data().size(), /*reversed=*/false, [self](size_t i) {
        return self->at(i);
      });
}

IteratorPtr DictView::iterate_reversed(Runtime&) {
  auto self = std::static_pointer_cast<DictView>(shared_from_this());
  return std::make_shared<PlacesIterator>(
      depth() + 1, dict_.dict_data().size(), /*reversed=*/true, [self](size_t i) {
        return self->at(i);
      });
}

bool DictView::contains(Runtime& runtime, const Value& item) {
  const Dict& dict = dict_.dict_data();
  if (part_ == Part::kKeys) return dict.find(item) != nullptr;
  if (part_ == Part::kItems) {
    if (!item.is_tuple() || item.items().size() != 2) return false;
    const Value* found = dict.find(item.items()[0]);
    return found != nullptr && equal(runtime, *found, item.items()[1]);
  }
  return Object::contains(runtime, item);
}

bool DictView::equals(Runtime& runtime, const Object& other) const {
  const auto* view = dynamic_cast<const DictView*>(&other);
  if (view == this) return true;
  if (view == nullptr || part_ == Part::kValues || view->part_ != part_) return false;
  if (view->dict_.dict_data().size() != dict_.dict_data().size()) return false;
  for (size_t i = 0; i < dict_.dict_data().size(); ++i) {
    runtime.step();
    if (!const_cast<DictView*>(view)->contains(runtime, at(i))) return false;
  }
  return true;
}

std::string DictView::repr(Runtime& runtime) {
  Items items;
  for (size_t i = 0; i < dict_.dict_data().size(); ++i) items.push_back(at(i));
  return type_name() + "(" + jinja::repr(runtime, Value::list(std::move(items))) + ")";
}

Value make_generator(int depth, NextItem next) {
  return Value::object(std::make_shared<Generator>(
      std::make_shared<FunctionIterator>(depth, std::move(next)), "generator"));
}

std::optional<Value> Namespace::attribute(Runtime&, std::string_view name) {
  const Value* found = attributes_.find(name);
  return found == nullptr ? std::nullopt : std::optional<Value>(*found);
}

std::string Namespace::repr(Runtime& runtime) {
  // It may contain itself.
  if (is_being_written_) return "<Namespace {...}>";
  is_being_written_ = true;
  std::string out;
  try {
    out = "<Namespace " + jinja::repr(runtime, Value::dict(attributes_)) + ">";
  } catch (...) {
    is_being_written_ = false;
    throw;
  }
  is_being_written_ = false;
  return out;
}

void Namespace::set(const std::string& name, Value value) {
  Value key = Value::text(name);
  check_name(key);
  attributes_.set(std::move(key), std::move(value));
}

void Namespace::check_name(const Value& name) {
  if (name.is_text() && name.bytes().starts_with('_')) {
    throw PythonError(PythonError::Type::kTemplate,
                      "a namespace cannot have the attribute '" + name.bytes() +
                          "': names there must not start with an underscore");
  }
}

Cycler::Cycler(Items items) {
  if (items.empty()) {
    throw PythonError(PythonError::Type::kTemplate, "cycler() needs at least one item");
  }
  items_ = Value::tuple(std::move(items));
}

Value Cycler::next() {
  Value item = current();
  place_ = (place_ + 1) % items_.items().size();
  return item;
}

std::optional<Value> Cycler::attribute(Runtime&, std::string_view name) {
  if (name == "current") return current();
  if (name == "items") return items_;
  if (name == "pos") return Value::integer(static_cast<int64_t>(place_));
  return method_of(kCyclerMethods, name, *this);
}

std::optional<Value> Joiner::attribute(Runtime&, std::string_view name) {
  if (name == "sep") return separator_;
  if (name == "used") return Value::boolean(used_);
  return std::nullopt;
}

Value Joiner::call(Runtime&, Arguments arguments) {
  bind("joiner", "", std::move(arguments));
  if (used_) return separator_;
  used_ = true;
  return Value::text("");
}

std::optional<Value> DictType::attribute(Runtime&, std::string_view name) {
  return method_of(kDictTypeMethods, name, *this);
}

Value DictType::call(Runtime& runtime, Arguments arguments) {
  return Value::dict(make_dict(runtime, std::move(arguments)));
}

Value BlockNames::item(Runtime&, const Value& key) {
  if (key.is_text()) {
    if (auto found = find_(key.bytes())) return *found;
  }
  lookup_error("no such block");
}

Dict make_dict(Runtime& runtime, Arguments arguments) {
  if (arguments.positional.size() > 1) type_error("dict expected at most 1 argument");
  Dict dict;
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.is_undefined()) {
      throw PythonError(PythonError::Type::kUndefined, source.undefined_message());
    }
    if (source.is_dict()) {
      dict = source.dict_data();
    } else {
      for (const Value& pair : to_items(runtime, source)) {
        Items parts = to_items(runtime, pair);
        if (parts.size() != 2) value_error("each item of a dict needs two parts, key and value");
        dict.set(std::move(parts[0]), std::move(parts[1]));
      }
    }
  }
  for (auto& [name, value] : arguments.named) dict.set(Value::text(name), std::move(value));
  return dict;
}

}  // namespace retmask::jinja
