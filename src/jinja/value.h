#pragma once
// The values of a template: Python's None, bool, int, float, str, list, tuple, dict, and objects
// (functions, ranges, generators, namespaces). Values are immutable except for a few objects, and
// copies share their content.

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace retmask::jinja {

// Python's integers are unbounded. 128 bits hold every integer of a JSON file; an overflow is
// reported as unsupported.
using Int = __int128;

class Value;
class Object;
class Dict;
using Items = std::vector<Value>;

// A Python exception. The type matters because Jinja2 catches some of them.
class PythonError : public std::exception {
 public:
  enum class Type {
    kType,
    kValue,
    kLookup,
    kOverflow,
    kZeroDivision,
    kUndefined,
    kTemplate,     // Jinja2's own errors
    kUnsupported,  // supported by Jinja2 but not here, or not reproducible
    kLimit         // a resource limit was exceeded
  };

  PythonError(Type type, std::string message) : type_(type), message_(std::move(message)) {}
  Type type() const { return type_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  Type type_;
  std::string message_;
};

[[noreturn]] void type_error(const std::string& message);
[[noreturn]] void value_error(const std::string& message);
[[noreturn]] void lookup_error(const std::string& message);
[[noreturn]] void unsupported(const std::string& message);

// A str. Markup is markupsafe's: text that counts as escaped HTML.
struct Text {
  std::string bytes;  // valid UTF-8
  size_t length = 0;  // in code points
  bool is_markup = false;

  bool is_ascii() const { return length == bytes.size(); }
};

struct Sequence {
  Items items;
  int depth = 1;
  // The tuples of groupby, whose items are also named "grouper" and "list".
  bool is_group = false;
};

// Jinja2's undefined, with the message for its use.
struct Undefined {
  std::string message;
};

class Value {
 public:
  enum class Kind : uint8_t {
    kMissing,  // an unset variable, an argument not given; never visible to a template
    kUndefined,
    kNone,
    kBool,
    kInt,
    kFloat,
    kText,
    kList,
    kTuple,
    kDict,
    kObject
  };

  Value() = default;
  static Value none();
  static Value boolean(bool value);
  static Value integer(Int value);
  static Value real(double value);
  static Value text(std::string bytes);
  static Value markup(std::string bytes);
  // Plain text or markup.
  static Value text_like(std::string bytes, bool is_markup);
  // These throw PythonError when the result is nested too deep.
  static Value list(Items items);
  static Value tuple(Items items);
  static Value group(Value grouper, Value list);
  static Value dict(Dict dict);
  static Value object(std::shared_ptr<Object> object);
  static Value undefined(std::string message);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is(Kind kind_to_be) const { return kind() == kind_to_be; }
  bool is_missing() const { return is(Kind::kMissing); }
  bool is_undefined() const { return is(Kind::kUndefined); }
  bool is_none() const { return is(Kind::kNone); }
  bool is_text() const { return is(Kind::kText); }
  bool is_markup() const { return is_text() && text_data().is_markup; }
  bool is_list() const { return is(Kind::kList); }
  bool is_tuple() const { return is(Kind::kTuple); }
  bool is_dict() const { return is(Kind::kDict); }
  // bool is an int in Python.
  bool is_int() const { return is(Kind::kInt) || is(Kind::kBool); }
  bool is_number() const { return is_int() || is(Kind::kFloat); }

  // Each requires the kind that it names.
  bool as_bool() const { return std::get<bool>(data_); }
  Int as_int() const { return is(Kind::kBool) ? Int{as_bool()} : std::get<Int>(data_); }
  double as_float() const {
    return is(Kind::kFloat) ? std::get<double>(data_) : static_cast<double>(as_int());
  }
  const Text& text_data() const { return *std::get<std::shared_ptr<const Text>>(data_); }
  const std::string& bytes() const { return text_data().bytes; }
  const Sequence& sequence() const { return *std::get<SequencePtr>(data_).pointer; }
  const Items& items() const {
    return is_tuple() ? std::get<TuplePtr>(data_).pointer->items : sequence().items;
  }
  const Sequence& tuple_data() const { return *std::get<TuplePtr>(data_).pointer; }
  const Dict& dict_data() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
  const std::shared_ptr<Object>& object() const { return std::get<std::shared_ptr<Object>>(data_); }
  const std::string& undefined_message() const {
    return std::get<std::shared_ptr<const Undefined>>(data_)->message;
  }

  // Python's `is`, except for numbers.
  bool is_same_object(const Value& other) const;
  // Nesting depth of containers; 0 for a value that is not one.
  int depth() const;
  // As in Python's messages: "str", "NoneType", "list".
  std::string type_name() const;

 private:
  struct None {};
  // std::variant distinguishes its alternatives by type.
  struct SequencePtr {
    std::shared_ptr<const Sequence> pointer;
  };
  struct TuplePtr {
    std::shared_ptr<const Sequence> pointer;
  };

  std::variant<std::monostate,
               std::shared_ptr<const Undefined>,
               None,
               bool,
               Int,
               double,
               std::shared_ptr<const Text>,
               SequencePtr,
               TuplePtr,
               std::shared_ptr<const Dict>,
               std::shared_ptr<Object>>
      data_;
};

// The object as a T, or null.
template <typename T>
T* object_as(const Value& value) {
  return value.is(Value::Kind::kObject) ? dynamic_cast<T*>(value.object().get()) : nullptr;
}

}  // namespace retmask::jinja
