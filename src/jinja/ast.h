#pragma once
// The syntax tree of a template, built by the parser. symbols.cpp resolves variables to slots, and
// the evaluator executes the tree.

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "value.h"

namespace retmask::jinja {

struct Expr;
struct Statement;
using ExprPtr = std::unique_ptr<Expr>;
using Body = std::vector<std::unique_ptr<Statement>>;

// The location of a variable: the number of functions outwards, and a slot. Jinja2 compiles a
// template to Python functions (the template, each macro, each {% call %}, ..), and names are bound
// to these.
struct Slot {
  int hops = -1;
  int index = -1;
};

struct CallArgs {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr rest;        // *rest
  ExprPtr named_rest;  // **named_rest
  // A name given twice in `named` in the source; empty: none.
  std::string doubled;
};

struct Constant {
  Value value;
};
struct Name {
  enum class Use { kLoad, kStore, kParameter };
  std::string name;
  Use use = Use::kLoad;
  Slot slot;
};
struct NamespaceRef {  // ns.name, as the target of {% set %}
  std::string name;
  std::string attribute;
  Slot slot;
};
struct TupleExpr {
  std::vector<ExprPtr> items;
};
struct ListExpr {
  std::vector<ExprPtr> items;
};
struct DictExpr {
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};
enum class UnaryOperator { kNot, kMinus, kPlus };
struct Unary {
  UnaryOperator op;
  ExprPtr operand;
};
enum class BinaryOperator {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kAnd,
  kOr
};
struct Binary {
  BinaryOperator op;
  ExprPtr left;
  ExprPtr right;
};
struct Concat {
  std::vector<ExprPtr> parts;
};
enum class CompareOperator {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn
};
struct Compare {
  ExprPtr first;
  std::vector<std::pair<CompareOperator, ExprPtr>> rest;
};
struct Conditional {
  ExprPtr test;
  ExprPtr then;
  ExprPtr otherwise;  // may be null
};
struct AttributeExpr {
  ExprPtr object;
  std::string name;
};
struct ItemExpr {
  ExprPtr object;
  ExprPtr key;
};
struct SliceExpr {  // all three may be null
  ExprPtr start;
  ExprPtr stop;
  ExprPtr step;
};
struct CallExpr {
  ExprPtr callee;
  CallArgs args;
};
struct FilterExpr {
  ExprPtr operand;  // null in {% filter %} and {% set x | filter %}: the text of the block
  std::string name;
  CallArgs args;
};
struct TestExpr {
  ExprPtr operand;
  std::string name;
  CallArgs args;
};

struct Expr {
  using Node = std::variant<Constant,
                            Name,
                            NamespaceRef,
                            TupleExpr,
                            ListExpr,
                            DictExpr,
                            Unary,
                            Binary,
                            Concat,
                            Compare,
                            Conditional,
                            AttributeExpr,
                            ItemExpr,
                            SliceExpr,
                            CallExpr,
                            FilterExpr,
                            TestExpr>;
  int line;
  int depth;  // of the tree below, including this node
  Node node;
};

// Calls visit(const Expr&) for each subexpression, in the order of Jinja2's fields.
template <typename Visit>
void for_each_child(const CallArgs& args, const Visit& visit) {
  for (const ExprPtr& argument : args.positional) visit(*argument);
  for (const auto& [name, argument] : args.named) visit(*argument);
  if (args.rest) visit(*args.rest);
  if (args.named_rest) visit(*args.named_rest);
}

template <typename Visit>
void for_each_child(const Expr& expr, const Visit& visit) {
  const auto visit_all = [&](const std::vector<ExprPtr>& items) {
    for (const ExprPtr& item : items) visit(*item);
  };
  const auto visit_if = [&](const ExprPtr& item) {
    if (item) visit(*item);
  };
  std::visit(
      [&](const auto& node) {
        using T = std::decay_t<decltype(node)>;
        if constexpr (std::is_same_v<T, TupleExpr> || std::is_same_v<T, ListExpr>) {
          visit_all(node.items);
        } else if constexpr (std::is_same_v<T, DictExpr>) {
          for (const auto& [key, value] : node.entries) {
            visit(*key);
            visit(*value);
          }
        } else if constexpr (std::is_same_v<T, Unary>) {
          visit(*node.operand);
        } else if constexpr (std::is_same_v<T, Binary>) {
          visit(*node.left);
          visit(*node.right);
        } else if constexpr (std::is_same_v<T, Concat>) {
          visit_all(node.parts);
        } else if constexpr (std::is_same_v<T, Compare>) {
          visit(*node.first);
          for (const auto& [op, operand] : node.rest) visit(*operand);
        } else if constexpr (std::is_same_v<T, Conditional>) {
          visit(*node.test);
          visit(*node.then);
          visit_if(node.otherwise);
        } else if constexpr (std::is_same_v<T, AttributeExpr>) {
          visit(*node.object);
        } else if constexpr (std::is_same_v<T, ItemExpr>) {
          visit(*node.object);
          visit(*node.key);
        } else if constexpr (std::is_same_v<T, SliceExpr>) {
          visit_if(node.start);
          visit_if(node.stop);
          visit_if(node.step);
        } else if constexpr (std::is_same_v<T, CallExpr>) {
          visit(*node.callee);
          for_each_child(node.args, visit);
        } else if constexpr (std::is_same_v<T, FilterExpr> || std::is_same_v<T, TestExpr>) {
          visit_if(node.operand);
          for_each_child(node.args, visit);
        }
      },
      expr.node);
}

// Whether Jinja2 can evaluate it at compile time, judging by its form alone.
inline bool is_constant(const Expr& expr) {
  if (std::holds_alternative<Name>(expr.node) || std::holds_alternative<CallExpr>(expr.node)) {
    return false;
  }
  const auto* filter = std::get_if<FilterExpr>(&expr.node);
  if (filter != nullptr && !filter->operand) return false;
  bool all = true;
  for_each_child(expr, [&](const Expr& child) { all = all && is_constant(child); });
  return all;
}

// Initialization of variables on entering a scope: each gets the value of an outer variable, is
// looked up among the template's variables, or starts unset. On leaving, all are unset.
struct Scope {
  struct Load {
    enum class Kind { kUnset, kAlias, kResolve };
    Kind kind;
    int slot;
    Slot source;       // kAlias
    std::string name;  // kResolve
  };
  std::vector<Load> loads;
  std::vector<int> leave;
};

struct Output {
  std::vector<ExprPtr> parts;
};
struct For {
  ExprPtr target;
  ExprPtr iterable;
  Body body;
  Body otherwise;
  ExprPtr test;  // may be null
  bool recursive = false;

  int loop_slot = -1;  // of the variable `loop`; -1 if it is never read
  Scope scope;
  Scope else_scope;
  Scope test_scope;
  ExprPtr test_target;      // a copy of the target, for the function that filters
  int test_slot_count = 0;  // of that function
  int slot_count = 0;       // of the loop's function, when it is recursive
};
struct If {
  struct Branch {
    ExprPtr test;
    Body body;
  };
  std::vector<Branch> branches;
  Body otherwise;
};
// A macro, or the body of {% call %}.
struct MacroDefinition {
  std::string name;  // empty for {% call %}
  std::vector<std::string> parameters;
  std::vector<ExprPtr> defaults;  // of the last parameters
  Body body;

  std::vector<int> parameter_slots;
  int caller_slot = -1;
  int kwargs_slot = -1;
  int varargs_slot = -1;
  bool has_explicit_caller = false;
  Scope scope;
  int slot_count = 0;
};
struct Macro {
  bool is_export = false;  // of the template itself, visible in its blocks
  MacroDefinition definition;
  Slot slot;
};
struct CallBlock {
  MacroDefinition definition;
  ExprPtr call;  // null for {% generation %}: the body is output unchanged
};
struct FilterBlock {
  ExprPtr filter;
  Body body;
  Scope scope;
};
struct With {
  std::vector<ExprPtr> targets;
  std::vector<ExprPtr> values;
  Body body;
  Scope scope;
};
struct Set {
  ExprPtr target;
  ExprPtr value;
  // Variables of the template itself, visible in its blocks.
  std::vector<std::pair<std::string, Slot>> exports;
};
struct SetBlock {
  ExprPtr target;
  ExprPtr filter;  // may be null
  Body body;
  Scope scope;
  std::vector<std::pair<std::string, Slot>> exports;
};
struct Block {
  std::string name;
  bool scoped = false;
  bool required = false;
  Body body;

  // Variables visible in a scoped block.
  std::vector<std::pair<std::string, Slot>> visible;
  int self_slot = -1;
  int super_slot = -1;
  Scope scope;
  int slot_count = 0;
};
struct AutoEscape {
  ExprPtr on;
  Body body;
  Scope scope;
};
// {% include %} and similar tags: an error that names the tag, once it is executed.
struct Unsupported {
  std::string tag;
  std::vector<std::string> names;  // that it would set
};
struct Break {};
struct Continue {};

struct Statement {
  using Node = std::variant<Output,
                            For,
                            If,
                            Macro,
                            CallBlock,
                            FilterBlock,
                            With,
                            Set,
                            SetBlock,
                            Block,
                            AutoEscape,
                            Unsupported,
                            Break,
                            Continue>;
  int line;
  Node node;
};

struct Program {
  Body body;
  std::vector<const Block*> blocks;
  int self_slot = -1;
  Scope scope;
  int slot_count = 0;
};

}  // namespace retmask::jinja
