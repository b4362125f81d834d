#include "value.h"

#include "call.h"
#include "dict.h"
#include "object.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

// Deeper than any JSON input, and shallow enough for recursion.
constexpr int kMaxDepth = 500;

int checked_depth(int depth) {
  if (depth > kMaxDepth) {
    throw PythonError(PythonError::Type::kLimit,
                      "a value is nested more than " + std::to_string(kMaxDepth) + " levels deep");
  }
  return depth;
}

std::shared_ptr<const Sequence> make_sequence(Items items) {
  auto sequence = std::make_shared<Sequence>();
  sequence->items = std::move(items);
  for (const Value& item : sequence->items) {
    sequence->depth = std::max(sequence->depth, item.depth() + 1);
  }
  checked_depth(sequence->depth);
  return sequence;
}

}  // namespace

void type_error(const std::string& message) {
  throw PythonError(PythonError::Type::kType, message);
}
void value_error(const std::string& message) {
  throw PythonError(PythonError::Type::kValue, message);
}
void lookup_error(const std::string& message) {
  throw PythonError(PythonError::Type::kLookup, message);
}
void unsupported(const std::string& message) {
  throw PythonError(PythonError::Type::kUnsupported, message);
}

Value Value::none() {
  Value value;
  value.data_ = None{};
  return value;
}

Value Value::boolean(bool value) {
  Value result;
  result.data_ = value;
  return result;
}

Value Value::integer(Int value) {
  Value result;
  result.data_ = value;
  return result;
}

Value Value::real(double value) {
  Value result;
  result.data_ = value;
  return result;
}

Value Value::text(std::string bytes) { return text_like(std::move(bytes), /*is_markup=*/false); }
Value Value::markup(std::string bytes) { return text_like(std::move(bytes), /*is_markup=*/true); }

Value Value::text_like(std::string bytes, bool is_markup) {
  auto text = std::make_shared<Text>();
  text->bytes = std::move(bytes);
  text->length = count_code_points(text->bytes);
  text->is_markup = is_markup;
  Value result;
  result.data_ = std::shared_ptr<const Text>(std::move(text));
  return result;
}

Value Value::list(Items items) {
  Value result;
  result.data_ = SequencePtr{make_sequence(std::move(items))};
  return result;
}

Value Value::tuple(Items items) {
  Value result;
  result.data_ = TuplePtr{make_sequence(std::move(items))};
  return result;
}

Value Value::group(Value grouper, Value list) {
  auto sequence = std::make_shared<Sequence>();
  sequence->depth = checked_depth(std::max(grouper.depth(), list.depth()) + 1);
  sequence->items = {std::move(grouper), std::move(list)};
  sequence->is_group = true;
  Value result;
  result.data_ = TuplePtr{std::move(sequence)};
  return result;
}

Value Value::dict(Dict dict) {
  checked_depth(dict.depth());
  Value result;
  result.data_ = std::shared_ptr<const Dict>(std::make_shared<Dict>(std::move(dict)));
  return result;
}

Value Value::object(std::shared_ptr<Object> object) {
  checked_depth(object->depth());
  Value result;
  result.data_ = std::move(object);
  return result;
}

Value Value::undefined(std::string message) {
  Value result;
  result.data_ = std::make_shared<const Undefined>(Undefined{std::move(message)});
  return result;
}

bool Value::is_same_object(const Value& other) const {
  if (kind() != other.kind()) return false;
  switch (kind()) {
    case Kind::kMissing:
    case Kind::kNone:
      return true;
    case Kind::kUndefined:
      return std::get<std::shared_ptr<const Undefined>>(data_) ==
             std::get<std::shared_ptr<const Undefined>>(other.data_);
    case Kind::kBool:
      return as_bool() == other.as_bool();
    case Kind::kInt:
      return as_int() == other.as_int();
    case Kind::kFloat:
      return as_float() == other.as_float();
    case Kind::kText:
      return &text_data() == &other.text_data() || bytes() == other.bytes();
    case Kind::kList:
      return &sequence() == &other.sequence();
    case Kind::kTuple:
      return &tuple_data() == &other.tuple_data();
    case Kind::kDict:
      return &dict_data() == &other.dict_data();
    case Kind::kObject:
      return object() == other.object();
  }
  return false;
}

int Value::depth() const {
  switch (kind()) {
    case Kind::kList:
      return sequence().depth;
    case Kind::kTuple:
      return tuple_data().depth;
    case Kind::kDict:
      return dict_data().depth();
    case Kind::kObject:
      return object()->depth();
    default:
      return 0;
  }
}

std::string Value::type_name() const {
  switch (kind()) {
    case Kind::kMissing:
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kText:
      return text_data().is_markup ? "Markup" : "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kObject:
      return object()->type_name();
  }
  return "object";
}

Iterator::Iterator(int depth) : depth_(checked_depth(depth)) {}

Value Object::call(Runtime&, Arguments) {
  type_error("'" + type_name() + "' object is not callable");
}

Value Object::item(Runtime&, const Value&) {
  type_error("'" + type_name() + "' object is not subscriptable");
}

Value Object::slice(Runtime&, const Value&, const Value&, const Value&) {
  type_error("'" + type_name() + "' object is not subscriptable");
}

std::string Object::repr(Runtime&) {
  unsupported("a value of type '" + type_name() +
              "' is printed: its text in Python is an address in memory");
}

}  // namespace retmask::jinja
