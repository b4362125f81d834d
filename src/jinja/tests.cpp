#include "tests.h"

#include "filters.h"
#include "methods.h"
#include "objects.h"
#include "operators.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

using Kind = Value::Kind;

Value yes_if(bool condition) { return Value::boolean(condition); }

Value is_rest(Runtime& runtime, const Value& value, const Value& divisor, int rest) {
  return yes_if(equal(runtime, modulo(runtime, value, divisor), Value::integer(rest)));
}
Value is_odd(Runtime& runtime, Call& call) {
  return is_rest(runtime, call[0], Value::integer(2), 1);
}
Value is_even(Runtime& runtime, Call& call) {
  return is_rest(runtime, call[0], Value::integer(2), 0);
}
Value is_divisible(Runtime& runtime, Call& call) { return is_rest(runtime, call[0], call[1], 0); }

Value is_defined(Runtime&, Call& call) { return yes_if(!call[0].is_undefined()); }
Value is_undefined(Runtime&, Call& call) { return yes_if(call[0].is_undefined()); }
Value is_none(Runtime&, Call& call) { return yes_if(call[0].is_none()); }
Value is_boolean(Runtime&, Call& call) { return yes_if(call[0].is(Kind::kBool)); }
Value is_false(Runtime&, Call& call) {
  return yes_if(call[0].is(Kind::kBool) && !call[0].as_bool());
}
Value is_true(Runtime&, Call& call) { return yes_if(call[0].is(Kind::kBool) && call[0].as_bool()); }
Value is_integer(Runtime&, Call& call) { return yes_if(call[0].is(Kind::kInt)); }
Value is_float(Runtime&, Call& call) { return yes_if(call[0].is(Kind::kFloat)); }
Value is_number(Runtime&, Call& call) { return yes_if(call[0].is_number()); }
Value is_string(Runtime&, Call& call) { return yes_if(call[0].is_text()); }
Value is_mapping(Runtime&, Call& call) { return yes_if(call[0].is_dict()); }

Value ask_method(Runtime& runtime, const Value& value, std::string_view method) {
  return call_function(runtime, *find_str_method(method), {{Value::text(str(runtime, value))}, {}});
}
Value is_lower_case(Runtime& runtime, Call& call) {
  return ask_method(runtime, call[0], "islower");
}
Value is_upper_case(Runtime& runtime, Call& call) {
  return ask_method(runtime, call[0], "isupper");
}

Value is_sequence(Runtime&, Call& call) {
  const Value& value = call[0];
  const bool has_places = value.is_text() || value.is_list() || value.is_tuple() ||
                          value.is_dict() || value.is_undefined();
  return yes_if(has_places || (value.is(Kind::kObject) && value.object()->has_items()));
}

Value is_iterable(Runtime& runtime, Call& call) {
  const Value& value = call[0];
  if (value.is(Kind::kObject)) return yes_if(value.object()->iterate(runtime) != nullptr);
  return yes_if(!value.is_number() && !value.is_none());
}

Value is_callable(Runtime&, Call& call) {
  // Undefined has a __call__, which raises.
  return yes_if(call[0].is_undefined() ||
                (call[0].is(Kind::kObject) && call[0].object()->is_callable()));
}

Value is_same_as(Runtime&, Call& call) { return yes_if(call[0].is_same_object(call[1])); }
Value is_escaped(Runtime&, Call& call) { return yes_if(call[0].is_markup()); }
Value is_in(Runtime& runtime, Call& call) { return yes_if(contains(runtime, call[1], call[0])); }

Value names_filter(Runtime&, Call& call) {
  hash_of(call[0]);
  return yes_if(call[0].is_text() && find_filter(call[0].bytes()) != nullptr);
}
Value names_test(Runtime&, Call& call) {
  hash_of(call[0]);
  return yes_if(call[0].is_text() && find_test(call[0].bytes()) != nullptr);
}

Value is_equal(Runtime& runtime, Call& call) { return yes_if(equal(runtime, call[0], call[1])); }
Value is_not_equal(Runtime& runtime, Call& call) {
  return yes_if(!equal(runtime, call[0], call[1]));
}
Value is_less(Runtime& runtime, Call& call) {
  return yes_if(ordered(runtime, call[0], Order::kLess, call[1]));
}
Value is_at_most(Runtime& runtime, Call& call) {
  return yes_if(ordered(runtime, call[0], Order::kLessEqual, call[1]));
}
Value is_greater(Runtime& runtime, Call& call) {
  return yes_if(ordered(runtime, call[0], Order::kGreater, call[1]));
}
Value is_at_least(Runtime& runtime, Call& call) {
  return yes_if(ordered(runtime, call[0], Order::kGreaterEqual, call[1]));
}

constexpr Function kTests[] = {
    {"boolean", "value", is_boolean},
    {"callable", "obj, /", is_callable},
    {"defined", "value", is_defined},
    {"divisibleby", "value, num", is_divisible},
    {"escaped", "value", is_escaped},
    {"even", "value", is_even},
    {"false", "value", is_false},
    {"filter", "value", names_filter},
    {"float", "value", is_float},
    {"in", "value, seq", is_in},
    {"integer", "value", is_integer},
    {"iterable", "value", is_iterable},
    {"lower", "value", is_lower_case},
    {"mapping", "value", is_mapping},
    {"none", "value", is_none},
    {"number", "value", is_number},
    {"odd", "value", is_odd},
    {"sameas", "value, other", is_same_as},
    {"sequence", "value", is_sequence},
    {"string", "value", is_string},
    {"test", "value", names_test},
    {"true", "value", is_true},
    {"undefined", "value", is_undefined},
    {"upper", "value", is_upper_case},
    {"!=", "a, b, /", is_not_equal},
    {"<", "a, b, /", is_less},
    {"<=", "a, b, /", is_at_most},
    {"==", "a, b, /", is_equal},
    {">", "a, b, /", is_greater},
    {">=", "a, b, /", is_at_least},
    {"eq", "a, b, /", is_equal},
    {"equalto", "a, b, /", is_equal},
    {"ge", "a, b, /", is_at_least},
    {"greaterthan", "a, b, /", is_greater},
    {"gt", "a, b, /", is_greater},
    {"le", "a, b, /", is_at_most},
    {"lessthan", "a, b, /", is_less},
    {"lt", "a, b, /", is_less},
    {"ne", "a, b, /", is_not_equal},
};

}  // namespace

const Function* find_test(std::string_view name) { return find_in_table(kTests, name); }

Value apply_test(Runtime& runtime, std::string_view name, Value operand, Arguments arguments) {
  const Function* test = find_test(name);
  if (test == nullptr) {
    throw PythonError(PythonError::Type::kTemplate, "no test named '" + std::string(name) + "'");
  }
  arguments.positional.insert(arguments.positional.begin(), std::move(operand));
  return call_function(runtime, *test, std::move(arguments));
}

}  // namespace retmask::jinja
