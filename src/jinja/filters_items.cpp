#include <algorithm>
#include <unordered_set>

#include "attributes.h"
#include "dict.h"
#include "filters.h"
#include "numbers.h"
#include "objects.h"
#include "operators.h"
#include "retmask/jinja/unicode.h"
#include "tests.h"

namespace retmask::jinja {
namespace {

[[noreturn]] void filter_argument_error(const std::string& message) {
  throw PythonError(PythonError::Type::kTemplate, message);
}

// The key by which items are compared: an attribute's value, or the item; strings are lower-cased
// if case is ignored.
class SortKey {
 public:
  SortKey(const Value& attribute, bool case_sensitive, Value otherwise = Value::none())
      : path_(attribute_path(attribute)),
        case_sensitive_(case_sensitive),
        otherwise_(std::move(otherwise)) {}

  Value operator()(Runtime& runtime, const Value& item) const {
    Value key = follow_path(runtime, item, path_, otherwise_);
    if (case_sensitive_ || !key.is_text()) return key;
    runtime.charge(key.bytes().size());
    return Value::text(lower_case(key.bytes()));
  }

 private:
  Items path_;
  bool case_sensitive_;
  Value otherwise_;
};

struct Keyed {
  Value key;
  Value item;
};

// sorted(items, key, reverse): stable in both directions.
void sort_keyed(Runtime& runtime, std::vector<Keyed>& items, bool reverse) {
  if (reverse) std::reverse(items.begin(), items.end());
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    runtime.step(4);
    return ordered(runtime, a.key, Order::kLess, b.key);
  });
  if (reverse) std::reverse(items.begin(), items.end());
}

Items items_of(std::vector<Keyed>& keyed) {
  Items items;
  items.reserve(keyed.size());
  for (Keyed& entry : keyed) items.push_back(std::move(entry.item));
  return items;
}

Value filter_sort(Runtime& runtime, Call& call) {
  const bool reverse = call.flag(runtime, 1);
  const bool case_sensitive = call.flag(runtime, 2);
  std::vector<SortKey> parts;
  if (call.is_set(3) && call[3].is_text()) {
    std::string_view rest = call[3].bytes();
    while (true) {
      const size_t comma = rest.find(',');
      parts.emplace_back(Value::text(std::string(rest.substr(0, comma))), case_sensitive);
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  } else {
    parts.emplace_back(call[3], case_sensitive);
  }
  std::vector<Keyed> keyed;
  for (Value& item : to_items(runtime, call[0])) {
    Items keys;
    for (const SortKey& part : parts) keys.push_back(part(runtime, item));
    keyed.push_back({Value::list(std::move(keys)), std::move(item)});
  }
  sort_keyed(runtime, keyed, reverse);
  return Value::list(items_of(keyed));
}

Value filter_dictsort(Runtime& runtime, Call& call) {
  size_t part = 0;
  if (call.has(2)) {
    const std::string by = call[2].is_text() ? call[2].bytes() : "";
    if (by != "key" && by != "value") {
      filter_argument_error("You can only sort by either \"key\" or \"value\"");
    }
    part = by == "key" ? 0 : 1;
  }
  if (!call[0].is_dict()) {
    if (call[0].is_undefined()) {
      throw PythonError(PythonError::Type::kUndefined, call[0].undefined_message());
    }
    type_error("'" + call[0].type_name() + "' object has no attribute 'items'");
  }
  const SortKey key(Value::none(), call.flag(runtime, 1));
  std::vector<Keyed> keyed;
  for (const auto& [name, value] : call[0].dict_data().entries()) {
    keyed.push_back({key(runtime, part == 0 ? name : value), Value::tuple({name, value})});
  }
  sort_keyed(runtime, keyed, call.flag(runtime, 3));
  return Value::list(items_of(keyed));
}

Value filter_groupby(Runtime& runtime, Call& call) {
  const Value otherwise = call.has(2) ? call[2] : Value::none();
  const bool case_sensitive = call.flag(runtime, 3);
  const SortKey key(call[1], case_sensitive, otherwise);
  std::vector<Keyed> keyed;
  for (Value& item : to_items(runtime, call[0])) {
    Value item_key = key(runtime, item);
    keyed.push_back({std::move(item_key), std::move(item)});
  }
  sort_keyed(runtime, keyed, /*reverse=*/false);
  const Items path = attribute_path(call[1]);
  Items groups;
  for (size_t at = 0; at < keyed.size();) {
    const Value group_key = keyed[at].key;
    const Value first = keyed[at].item;
    Items members;
    for (; at < keyed.size() && equal(runtime, keyed[at].key, group_key); ++at) {
      members.push_back(std::move(keyed[at].item));
    }
    // The key as written in the first item.
    Value shown = case_sensitive ? group_key : follow_path(runtime, first, path, otherwise);
    groups.push_back(Value::group(std::move(shown), Value::list(std::move(members))));
  }
  return Value::list(std::move(groups));
}

struct HashValue {
  size_t operator()(const Value& value) const { return hash_of(value); }
};
struct EqualValues {
  bool operator()(const Value& a, const Value& b) const { return equal_keys(a, b); }
};

Value filter_unique(Runtime&, Call& call) {
  auto seen = std::make_shared<std::unordered_set<Value, HashValue, EqualValues>>();
  const Value source = call[0];
  const Value attribute = call[2];
  const Value case_sensitive = call[1];
  std::shared_ptr<SortKey> key;
  IteratorPtr iterator;
  return make_generator(source.depth() + 1, [=](Runtime& runtime, Value& item) mutable {
    if (!iterator) {
      key = std::make_shared<SortKey>(
          attribute, !case_sensitive.is_missing() && truthy(runtime, case_sensitive));
      iterator = iterate(runtime, source);
    }
    while (iterator->next(runtime, item)) {
      runtime.step(4);
      runtime.charge(sizeof(Value));
      if (seen->insert((*key)(runtime, item)).second) return true;
    }
    return false;
  });
}

Value least_or_most(Runtime& runtime, const Call& call, Order order) {
  const IteratorPtr iterator = iterate(runtime, call[0]);
  Value best;
  if (!iterator->next(runtime, best)) {
    return Value::undefined("No aggregated item, sequence was empty.");
  }
  const SortKey key(call[2], call.flag(runtime, 1));
  Value best_key = key(runtime, best);
  Value item;
  while (iterator->next(runtime, item)) {
    runtime.step();
    Value item_key = key(runtime, item);
    if (ordered(runtime, item_key, order, best_key)) {
      best = item;
      best_key = std::move(item_key);
    }
  }
  return best;
}

Value filter_min(Runtime& runtime, Call& call) {
  return least_or_most(runtime, call, Order::kLess);
}
Value filter_max(Runtime& runtime, Call& call) {
  return least_or_most(runtime, call, Order::kGreater);
}

Value filter_sum(Runtime& runtime, Call& call) {
  Value sum = call.has(2) ? call[2] : Value::integer(0);
  if (sum.is_text()) type_error("sum() can't sum strings [use ''.join(seq) instead]");
  const Items path = attribute_path(call[1]);
  const IteratorPtr iterator = iterate(runtime, call[0]);
  Value item;
  while (iterator->next(runtime, item)) {
    runtime.step(4);
    sum = add(runtime, sum, follow_path(runtime, item, path));
  }
  return sum;
}

Value filter_first(Runtime& runtime, Call& call) {
  Value item;
  if (iterate(runtime, call[0])->next(runtime, item)) return item;
  return Value::undefined("No first item, sequence was empty.");
}

Value filter_last(Runtime& runtime, Call& call) {
  const IteratorPtr iterator = iterate_reversed(runtime, call[0]);
  if (!iterator) type_error("'" + call[0].type_name() + "' object is not reversible");
  Value item;
  if (iterator->next(runtime, item)) return item;
  return Value::undefined("No last item, sequence was empty.");
}

Value filter_random(Runtime&, Call&) {
  unsupported("the filter 'random' is not supported: its result is not reproducible");
}

Value filter_length(Runtime& runtime, Call& call) {
  return Value::integer(static_cast<int64_t>(length_of(runtime, call[0])));
}

Value filter_list(Runtime& runtime, Call& call) { return Value::list(to_items(runtime, call[0])); }

Value filter_reverse(Runtime& runtime, Call& call) {
  const Value& value = call[0];
  if (value.is_text()) {
    return slice(runtime, value, Value::none(), Value::none(), Value::integer(-1));
  }
  if (const IteratorPtr iterator = iterate_reversed(runtime, value)) {
    return Value::object(std::make_shared<Generator>(iterator, "reversed"));
  }
  Items items;
  try {
    items = to_items(runtime, value);
  } catch (const PythonError& error) {
    if (error.type() != PythonError::Type::kType) throw;
    filter_argument_error("argument must be iterable");
  }
  std::reverse(items.begin(), items.end());
  return Value::list(std::move(items));
}

Value filter_items(Runtime&, Call& call) {
  const Value source = call[0];
  size_t at = 0;
  return make_generator(source.depth() + 2, [=](Runtime&, Value& item) mutable {
    if (source.is_undefined()) return false;
    if (!source.is_dict()) type_error("Can only get item pairs from a mapping.");
    const auto& entries = source.dict_data().entries();
    if (at >= entries.size()) return false;
    item = Value::tuple({entries[at].first, entries[at].second});
    ++at;
    return true;
  });
}

Value filter_attr(Runtime& runtime, Call& call) {
  if (!call[1].is_text()) type_error("attribute name must be string");
  return get_attribute_only(runtime, call[0], call[1].bytes());
}

Value filter_batch(Runtime&, Call& call) {
  const Value source = call[0];
  const Value line_count = call[1];
  const Value fill = call.has(2) ? call[2] : Value::none();
  IteratorPtr iterator;
  Value pending;
  bool done = false;
  return make_generator(source.depth() + 2, [=](Runtime& runtime, Value& batch) mutable {
    if (done) return false;
    if (!iterator) iterator = iterate(runtime, source);
    Items items;
    if (!pending.is_missing()) items.push_back(std::exchange(pending, Value()));
    Value item;
    while (iterator->next(runtime, item)) {
      runtime.step();
      if (equal(runtime, Value::integer(static_cast<int64_t>(items.size())), line_count)) {
        pending = item;
        batch = Value::list(std::move(items));
        return true;
      }
      items.push_back(item);
    }
    done = true;
    if (items.empty()) return false;
    if (!fill.is_none()) {
      const Value missing =
          subtract(line_count, Value::integer(static_cast<int64_t>(items.size())));
      const int64_t count = index_of(missing);
      runtime.charge(count, sizeof(Value));
      for (int64_t i = 0; i < count; ++i) items.push_back(fill);
    }
    batch = Value::list(std::move(items));
    return true;
  });
}

Value filter_slice(Runtime&, Call& call) {
  const Value source = call[0];
  const Value slices = call[1];
  const Value fill = call.has(2) ? call[2] : Value::none();
  Items items;
  int64_t number = -1;
  int64_t offset = 0;
  return make_generator(source.depth() + 2, [=](Runtime& runtime, Value& part) mutable {
    if (number < 0) {
      items = to_items(runtime, source);
      floor_divide(Value::integer(1), slices);  // rejects 0 and non-numbers
      number = 0;
    }
    const int64_t count = index_of(slices);
    if (number >= count) return false;
    const auto length = static_cast<int64_t>(items.size());
    const int64_t each = length / count;
    const int64_t with_extra = length % count;
    const int64_t start = offset + number * each;
    if (number < with_extra) ++offset;
    const int64_t end = offset + (number + 1) * each;
    Items taken(items.begin() + start, items.begin() + end);
    if (!fill.is_none() && number >= with_extra) taken.push_back(fill);
    runtime.charge(taken.size() * sizeof(Value));
    ++number;
    part = Value::list(std::move(taken));
    return true;
  });
}

// map, select and related filters are lazy: they start when the first item is requested.
Value filter_map(Runtime&, Call& call) {
  const Value source = call[0];
  const Items positional = std::move(call.rest);
  const auto named = std::move(call.named);
  IteratorPtr iterator;
  Items path;
  Value otherwise = Value::none();
  bool by_attribute = false;
  return make_generator(source.depth() + 1, [=](Runtime& runtime, Value& result) mutable {
    if (!iterator) {
      if (!truthy(runtime, source)) return false;
      const Arguments arguments{{}, named};
      by_attribute = positional.empty() && arguments.find("attribute") != nullptr;
      if (by_attribute) {
        path = attribute_path(*arguments.find("attribute"));
        if (const Value* value = arguments.find("default")) otherwise = *value;
        for (const auto& [name, value] : named) {
          if (name != "attribute" && name != "default") {
            filter_argument_error("Unexpected keyword argument '" + name + "'");
          }
        }
      } else if (positional.empty()) {
        filter_argument_error("map requires a filter argument");
      }
      iterator = iterate(runtime, source);
    }
    Value item;
    if (!iterator->next(runtime, item)) return false;
    if (by_attribute) {
      result = follow_path(runtime, item, path, otherwise);
      return true;
    }
    if (!positional[0].is_text()) {
      filter_argument_error("no filter named " + repr(runtime, positional[0]));
    }
    result = apply_filter(runtime,
                          positional[0].bytes(),
                          item,
                          {Items(positional.begin() + 1, positional.end()), named});
    return true;
  });
}

Value select_items(Call& call, bool wanted, bool by_attribute) {
  const Value source = call[0];
  const Items positional = std::move(call.rest);
  const auto named = std::move(call.named);
  IteratorPtr iterator;
  Items path;
  return make_generator(source.depth() + 1, [=](Runtime& runtime, Value& item) mutable {
    const size_t test = by_attribute ? 1 : 0;
    if (!iterator) {
      if (!truthy(runtime, source)) return false;
      if (by_attribute) {
        if (positional.empty()) filter_argument_error("Missing parameter for attribute name");
        path = attribute_path(positional[0]);
      }
      iterator = iterate(runtime, source);
    }
    while (iterator->next(runtime, item)) {
      runtime.step();
      Value value = follow_path(runtime, item, path);
      if (positional.size() > test) {
        if (!positional[test].is_text()) {
          filter_argument_error("no test named " + repr(runtime, positional[test]));
        }
        value = apply_test(
            runtime,
            positional[test].bytes(),
            std::move(value),
            {Items(positional.begin() + static_cast<ptrdiff_t>(test) + 1, positional.end()),
             named});
      }
      if (truthy(runtime, value) == wanted) return true;
    }
    return false;
  });
}

Value filter_select(Runtime&, Call& call) { return select_items(call, true, false); }
Value filter_reject(Runtime&, Call& call) { return select_items(call, false, false); }
Value filter_selectattr(Runtime&, Call& call) { return select_items(call, true, true); }
Value filter_rejectattr(Runtime&, Call& call) { return select_items(call, false, true); }

Value filter_default(Runtime& runtime, Call& call) {
  if (call[0].is_undefined() || (call.flag(runtime, 2) && !truthy(runtime, call[0]))) {
    return call.has(1) ? call[1] : Value::text("");
  }
  return call[0];
}

constexpr Function kItemsFilters[] = {
    {"attr", "obj, name", filter_attr},
    {"batch", "value, linecount, fill_with?", filter_batch},
    {"count", "obj, /", filter_length},
    {"d", "value, default_value?, boolean?", filter_default},
    {"default", "value, default_value?, boolean?", filter_default},
    {"dictsort", "value, case_sensitive?, by?, reverse?", filter_dictsort},
    {"first", "seq", filter_first},
    {"groupby", "value, attribute, default?, case_sensitive?", filter_groupby},
    {"items", "value", filter_items},
    {"last", "seq", filter_last},
    {"length", "obj, /", filter_length},
    {"list", "value", filter_list},
    {"map", "value, *args, **kwargs", filter_map},
    {"max", "value, case_sensitive?, attribute?", filter_max},
    {"min", "value, case_sensitive?, attribute?", filter_min},
    {"random", "seq", filter_random},
    {"reject", "value, *args, **kwargs", filter_reject},
    {"rejectattr", "value, *args, **kwargs", filter_rejectattr},
    {"reverse", "value", filter_reverse},
    {"select", "value, *args, **kwargs", filter_select},
    {"selectattr", "value, *args, **kwargs", filter_selectattr},
    {"slice", "value, slices, fill_with?", filter_slice},
    {"sort", "value, reverse?, case_sensitive?, attribute?", filter_sort},
    {"sum", "iterable, attribute?, start?", filter_sum},
    {"unique", "value, case_sensitive?, attribute?", filter_unique},
};

}  // namespace

const Function* find_items_filter(std::string_view name) {
  return find_in_table(kItemsFilters, name);
}

}  // namespace retmask::jinja
