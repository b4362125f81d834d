#include "evaluator.h"

#include <functional>
#include <map>
#include <optional>

#include "attributes.h"
#include "call.h"
#include "filters.h"
#include "globals.h"
#include "objects.h"
#include "operators.h"
#include "tests.h"

namespace retmask::jinja {
namespace {

// The variables of one call of a template function.
class Activation : public Object {
 public:
  Activation(int slot_count, std::shared_ptr<Activation> outer_activation)
      : slots(static_cast<size_t>(slot_count)), outer(std::move(outer_activation)) {}

  std::string type_name() const override { return "frame"; }
  void clear() override {
    slots.clear();
    outer.reset();
  }

  std::vector<Value> slots;
  std::shared_ptr<Activation> outer;
  bool is_captured = false;
};
using ActivationPtr = std::shared_ptr<Activation>;

// Names that no scope of the template sets are looked up here.
struct Context {
  const Context* outer = nullptr;
  std::map<std::string, Value> variables;

  const Value* find(const std::string& name) const {
    for (const Context* context = this; context != nullptr; context = context->outer) {
      const auto found = context->variables.find(name);
      if (found != context->variables.end()) return &found->second;
    }
    return nullptr;
  }
};

enum class Flow { kNext, kBreak, kContinue };

class LoopObject;

class Evaluator {
 public:
  Evaluator(const Program& program, const Dict& variables, Runtime& runtime)
      : program_(program), runtime_(runtime) {
    for (const auto& [name, value] : globals()) context_.variables[name] = value;
    for (const auto& [name, value] : variables.entries()) {
      context_.variables[name.bytes()] = value;
    }
    // Variables set by the template itself take precedence over those passed in.
    exported_.outer = &context_;
  }

  std::string run() {
    const auto root = std::make_shared<Activation>(program_.slot_count, nullptr);
    capture(root);
    current_context_ = &exported_;
    if (program_.self_slot >= 0) root->slots[index(program_.self_slot)] = block_names();
    std::string out;
    out_ = &out;
    enter(program_.scope, *root);
    execute(program_.body, root);
    return out;
  }

  Value call_macro(const MacroDefinition& macro, const ActivationPtr& outer, Arguments arguments);
  std::string render_block(const Block& block, const Context& context);
  std::string run_recursive(const For& loop,
                            const ActivationPtr& outer,
                            const Value& iterable,
                            int64_t depth0);

  Runtime& runtime() { return runtime_; }

  // The filter of a loop: whether `item` passes.
  bool passes_test(const For& loop, const ActivationPtr& activation, const Value& item) {
    assign(*loop.test_target, item, activation);
    return truthy(runtime_, evaluate(*loop.test, activation));
  }
  ActivationPtr start_test(const For& loop, const ActivationPtr& outer) {
    auto activation = std::make_shared<Activation>(loop.test_slot_count, outer);
    enter(loop.test_scope, *activation);
    return activation;
  }

 private:
  static size_t index(int slot) { return static_cast<size_t>(slot); }

  // Captures the output of `run` in a separate string.
  template <typename Run>
  std::string captured_output(const Run& run) {
    std::string text;
    std::string* const before = out_;
    out_ = &text;
    try {
      run();
    } catch (...) {
      out_ = before;
      throw;
    }
    out_ = before;
    return text;
  }

  // Macros and generators hold the surrounding variables, which may in turn hold them.
  void capture(const ActivationPtr& activation) {
    for (Activation* at = activation.get(); at != nullptr && !at->is_captured;
         at = at->outer.get()) {
      at->is_captured = true;
      runtime_.clear_later(at->shared_from_this());
    }
  }

  // ---- variables

  static Activation& owner(Slot slot, Activation& from) {
    Activation* activation = &from;
    for (int i = 0; i < slot.hops; ++i) activation = activation->outer.get();
    return *activation;
  }
  static Value& variable(Slot slot, Activation& from) {
    return owner(slot, from).slots[index(slot.index)];
  }

  void enter(const Scope& scope, Activation& activation) {
    for (const Scope::Load& load : scope.loads) {
      Value& slot = activation.slots[index(load.slot)];
      switch (load.kind) {
        case Scope::Load::Kind::kUnset:
          slot = Value();
          break;
        case Scope::Load::Kind::kAlias:
          slot = variable(load.source, activation);
          break;
        case Scope::Load::Kind::kResolve: {
          const Value* found = current_context_->find(load.name);
          slot = found == nullptr ? Value() : *found;
          break;
        }
      }
    }
  }

  static void leave(const Scope& scope, Activation& activation) {
    for (const int slot : scope.leave) activation.slots[index(slot)] = Value();
  }

  void assign(const Expr& target, const Value& value, const ActivationPtr& activation) {
    runtime_.step();
    if (const auto* name = std::get_if<Name>(&target.node)) {
      variable(name->slot, *activation) = value;
      return;
    }
    if (const auto* attribute = std::get_if<NamespaceRef>(&target.node)) {
      namespace_of(*attribute, *activation).set(attribute->attribute, value);
      return;
    }
    const auto& targets = std::get<TupleExpr>(target.node).items;
    const IteratorPtr iterator = iterate(runtime_, value);
    Items items;
    Value item;
    while (items.size() <= targets.size() && iterator->next(runtime_, item)) items.push_back(item);
    if (items.size() != targets.size()) {
      value_error((items.size() > targets.size() ? "too many" : "not enough") +
                  std::string(" values to unpack (expected ") + std::to_string(targets.size()) +
                  ")");
    }
    for (size_t i = 0; i < targets.size(); ++i) assign(*targets[i], items[i], activation);
  }

  static Namespace& namespace_of(const NamespaceRef& ref, Activation& activation) {
    auto* object = object_as<Namespace>(variable(ref.slot, activation));
    if (object == nullptr) {
      throw PythonError(PythonError::Type::kTemplate,
                        "cannot assign to '" + ref.name + "." + ref.attribute + "': '" + ref.name +
                            "' is not a namespace");
    }
    return *object;
  }

  static void check_namespaces(const Expr& target, Activation& activation) {
    if (const auto* attribute = std::get_if<NamespaceRef>(&target.node)) {
      namespace_of(*attribute, activation);
    }
    for_each_child(target, [&](const Expr& child) { check_namespaces(child, activation); });
  }

  void export_variables(const std::vector<std::pair<std::string, Slot>>& exports,
                        Activation& activation) {
    if (program_.blocks.empty()) return;
    for (const auto& [name, slot] : exports) exported_.variables[name] = variable(slot, activation);
  }

  // ---- expressions

  Value evaluate(const Expr& expr, const ActivationPtr& activation) {
    runtime_.step();
    runtime_.check_stack();
    return std::visit([&](const auto& node) { return evaluate_node(node, expr.line, activation); },
                      expr.node);
  }

  // Evaluates the whole expression of a statement. Jinja2 folds constant expressions at compile
  // time, where a slice of an unsliceable value is undefined, while it fails in all others.
  // `undefined_is_text`: in {{ }}, whose constants are kept as text; elsewhere an undefined
  // constant is left to run time.
  Value evaluate_whole(const Expr& expr, const ActivationPtr& activation, bool undefined_is_text) {
    has_failed_slice_ = false;
    try {
      return evaluate(expr, activation);
    } catch (const PythonError&) {
      if (!has_failed_slice_ || is_folding_) throw;
      has_failed_slice_ = false;
      const std::optional<Value> folded = fold(expr, activation);
      if (!folded || (folded->is_undefined() && !undefined_is_text)) throw;
      return *folded;
    }
  }

  struct NotConstant {};

  std::optional<Value> fold(const Expr& expr, const ActivationPtr& activation) {
    std::optional<Value> result;
    is_folding_ = true;
    try {
      result = evaluate(expr, activation);
    } catch (const NotConstant&) {
    } catch (const PythonError&) {
    }
    is_folding_ = false;
    return result;
  }

  void check_folding(bool is_constant_part) const {
    if (is_folding_ && !is_constant_part) throw NotConstant();
  }

  Items evaluate_all(const std::vector<ExprPtr>& exprs, const ActivationPtr& activation) {
    Items items;
    items.reserve(exprs.size());
    for (const ExprPtr& expr : exprs) items.push_back(evaluate(*expr, activation));
    return items;
  }

  Value evaluate_node(const Constant& node, int, const ActivationPtr&) { return node.value; }

  Value evaluate_node(const Name& node, int line, const ActivationPtr& activation) {
    check_folding(false);
    runtime_.line = line;
    const Value& value = variable(node.slot, *activation);
    if (value.is_missing()) return Value::undefined("'" + node.name + "' is undefined");
    return value;
  }

  Value evaluate_node(const NamespaceRef&, int, const ActivationPtr&) { return Value::none(); }

  Value evaluate_node(const TupleExpr& node, int, const ActivationPtr& activation) {
    return Value::tuple(evaluate_all(node.items, activation));
  }
  Value evaluate_node(const ListExpr& node, int, const ActivationPtr& activation) {
    runtime_.charge(node.items.size() * sizeof(Value));
    return Value::list(evaluate_all(node.items, activation));
  }
  Value evaluate_node(const DictExpr& node, int line, const ActivationPtr& activation) {
    Dict dict;
    runtime_.charge(node.entries.size() * 2 * sizeof(Value));
    for (const auto& [key, value] : node.entries) {
      Value key_value = evaluate(*key, activation);
      Value item = evaluate(*value, activation);
      runtime_.line = line;
      dict.set(std::move(key_value), std::move(item));
    }
    return Value::dict(std::move(dict));
  }

  Value evaluate_node(const Unary& node, int line, const ActivationPtr& activation) {
    const Value operand = evaluate(*node.operand, activation);
    runtime_.line = line;
    switch (node.op) {
      case UnaryOperator::kNot:
        return Value::boolean(!truthy(runtime_, operand));
      case UnaryOperator::kMinus:
        return negated(operand);
      case UnaryOperator::kPlus:
        return positive(operand);
    }
    return {};
  }

  Value evaluate_node(const Binary& node, int line, const ActivationPtr& activation) {
    Value left = evaluate(*node.left, activation);
    if (node.op == BinaryOperator::kAnd) {
      return truthy(runtime_, left) ? evaluate(*node.right, activation) : left;
    }
    if (node.op == BinaryOperator::kOr) {
      return truthy(runtime_, left) ? left : evaluate(*node.right, activation);
    }
    const Value right = evaluate(*node.right, activation);
    runtime_.line = line;
    switch (node.op) {
      case BinaryOperator::kAdd:
        return add(runtime_, left, right);
      case BinaryOperator::kSubtract:
        return subtract(left, right);
      case BinaryOperator::kMultiply:
        return multiply(runtime_, left, right);
      case BinaryOperator::kDivide:
        return divide(left, right);
      case BinaryOperator::kFloorDivide:
        return floor_divide(left, right);
      case BinaryOperator::kModulo:
        return modulo(runtime_, left, right);
      default:
        break;
    }
    // Jinja2 writes a negative constant into its Python code, where ** binds tighter than the
    // minus.
    const bool binds_closer = is_negative_constant(*node.left) && !is_constant(*node.right);
    return binds_closer ? negated(power(negated(left), right)) : power(left, right);
  }

  static bool is_negative_constant(const Expr& expr) {
    const auto* unary = std::get_if<Unary>(&expr.node);
    return unary != nullptr && unary->op == UnaryOperator::kMinus &&
           std::holds_alternative<Constant>(unary->operand->node);
  }

  Value evaluate_node(const Concat& node, int line, const ActivationPtr& activation) {
    const Items parts = evaluate_all(node.parts, activation);
    runtime_.line = line;
    std::string text;
    for (const Value& part : parts) text += str(runtime_, part);
    runtime_.charge(text.size());
    return Value::text(std::move(text));
  }

  bool compare(const Value& a, CompareOperator op, const Value& b) {
    switch (op) {
      case CompareOperator::kEqual:
        return equal(runtime_, a, b);
      case CompareOperator::kNotEqual:
        return !equal(runtime_, a, b);
      case CompareOperator::kLess:
        return ordered(runtime_, a, Order::kLess, b);
      case CompareOperator::kLessEqual:
        return ordered(runtime_, a, Order::kLessEqual, b);
      case CompareOperator::kGreater:
        return ordered(runtime_, a, Order::kGreater, b);
      case CompareOperator::kGreaterEqual:
        return ordered(runtime_, a, Order::kGreaterEqual, b);
      case CompareOperator::kIn:
        return contains(runtime_, b, a);
      case CompareOperator::kNotIn:
        return !contains(runtime_, b, a);
    }
    return false;
  }

  Value evaluate_node(const Compare& node, int line, const ActivationPtr& activation) {
    Value left = evaluate(*node.first, activation);
    for (const auto& [op, operand] : node.rest) {
      Value right = evaluate(*operand, activation);
      runtime_.line = line;
      if (!compare(left, op, right)) return Value::boolean(false);
      left = std::move(right);
    }
    return Value::boolean(true);
  }

  Value evaluate_node(const Conditional& node, int line, const ActivationPtr& activation) {
    if (truthy(runtime_, evaluate(*node.test, activation))) {
      return evaluate(*node.then, activation);
    }
    if (node.otherwise) return evaluate(*node.otherwise, activation);
    return Value::undefined("the inline if-expression on line " + std::to_string(line) +
                            " evaluated to false and no else section was defined.");
  }

  Value evaluate_node(const AttributeExpr& node, int line, const ActivationPtr& activation) {
    const Value object = evaluate(*node.object, activation);
    runtime_.line = line;
    return get_attribute(runtime_, object, node.name);
  }

  Value evaluate_node(const ItemExpr& node, int line, const ActivationPtr& activation) {
    const Value object = evaluate(*node.object, activation);
    if (const auto* range = std::get_if<SliceExpr>(&node.key->node)) {
      const auto part = [&](const ExprPtr& expr) {
        return expr ? evaluate(*expr, activation) : Value::none();
      };
      const Value start = part(range->start);
      const Value stop = part(range->stop);
      const Value step = part(range->step);
      runtime_.line = line;
      try {
        return slice(runtime_, object, start, stop, step);
      } catch (const PythonError& error) {
        if (error.type() != PythonError::Type::kType &&
            error.type() != PythonError::Type::kLookup) {
          throw;
        }
        if (is_folding_) return Value::undefined(error.what());
        has_failed_slice_ = true;
        throw;
      }
    }
    const Value key = evaluate(*node.key, activation);
    runtime_.line = line;
    return get_item(runtime_, object, key);
  }

  // A slice as one of several keys, which no container supports.
  Value evaluate_node(const SliceExpr&, int, const ActivationPtr&) {
    const std::string message = "a slice must be the only item between brackets";
    if (is_folding_) return Value::undefined(message);
    has_failed_slice_ = true;
    type_error(message);
  }

  Arguments evaluate_args(const CallArgs& args, const ActivationPtr& activation) {
    Arguments arguments;
    arguments.positional = evaluate_all(args.positional, activation);
    for (const auto& [name, value] : args.named) {
      arguments.named.emplace_back(name, evaluate(*value, activation));
    }
    if (args.rest) {
      for (Value& item : to_items(runtime_, evaluate(*args.rest, activation))) {
        arguments.positional.push_back(std::move(item));
      }
    }
    if (args.named_rest) {
      const Value rest = evaluate(*args.named_rest, activation);
      if (!rest.is_dict()) type_error("the argument after ** must be a mapping");
      for (const auto& [key, value] : rest.dict_data().entries()) {
        if (!key.is_text()) type_error("keywords must be strings");
        if (arguments.find(key.bytes()) != nullptr) {
          type_error("got multiple values for keyword argument '" + key.bytes() + "'");
        }
        arguments.named.emplace_back(key.bytes(), value);
      }
    }
    return arguments;
  }

  Value evaluate_call(const CallExpr& node,
                      int line,
                      const ActivationPtr& activation,
                      const Value& caller) {
    check_folding(false);
    const Value callee = evaluate(*node.callee, activation);
    Arguments arguments = evaluate_args(node.args, activation);
    if (!caller.is_missing()) {
      if (arguments.find("caller") != nullptr) {
        type_error("got multiple values for keyword argument 'caller'");
      }
      arguments.named.emplace_back("caller", caller);
    }
    runtime_.line = line;
    Value result = call_value(runtime_, callee, std::move(arguments));
    runtime_.line = line;
    return result;
  }

  Value evaluate_node(const CallExpr& node, int line, const ActivationPtr& activation) {
    return evaluate_call(node, line, activation, Value());
  }

  Value evaluate_node(const FilterExpr& node, int line, const ActivationPtr& activation) {
    check_folding(node.operand != nullptr && !filter_needs_context(node.name));
    Value operand = node.operand ? evaluate(*node.operand, activation) : block_text_;
    Arguments arguments = evaluate_args(node.args, activation);
    runtime_.line = line;
    return apply_filter(runtime_, node.name, std::move(operand), std::move(arguments));
  }

  Value evaluate_node(const TestExpr& node, int line, const ActivationPtr& activation) {
    Value operand = evaluate(*node.operand, activation);
    Arguments arguments = evaluate_args(node.args, activation);
    runtime_.line = line;
    return apply_test(runtime_, node.name, std::move(operand), std::move(arguments));
  }

  // Applies the filters of {% filter %} or {% set x | .. %} to `text`.
  Value filter_text(const Expr& filter, std::string text, const ActivationPtr& activation) {
    const Value before = std::exchange(block_text_, Value::text(std::move(text)));
    Value result = evaluate(filter, activation);
    block_text_ = before;
    return result;
  }

  // ---- statements

  void write(const std::string& text) {
    out_->append(text);
    runtime_.check_output(out_->size());
  }

  // The result of {% filter %} and {% call %} must already be a string.
  void write_text(const Value& value) {
    if (!value.is_text()) type_error("expected str instance, " + value.type_name() + " found");
    write(value.bytes());
  }

  Flow execute(const Body& body, const ActivationPtr& activation) {
    for (const auto& statement : body) {
      runtime_.step();
      runtime_.check_stack();
      const Flow flow = std::visit(
          [&](const auto& node) {
            runtime_.line = statement->line;
            return execute_node(node, statement->line, activation);
          },
          statement->node);
      if (flow != Flow::kNext) return flow;
    }
    return Flow::kNext;
  }

  Flow execute_node(const Output& node, int, const ActivationPtr& activation) {
    for (const ExprPtr& part : node.parts) {
      const Value value = evaluate_whole(*part, activation, /*undefined_is_text=*/true);
      if (value.is_text()) {
        write(value.bytes());
      } else {
        write(str(runtime_, value));
      }
    }
    return Flow::kNext;
  }

  Flow execute_node(const If& node, int, const ActivationPtr& activation) {
    for (const auto& branch : node.branches) {
      if (truthy(runtime_, evaluate(*branch.test, activation))) {
        return execute(branch.body, activation);
      }
    }
    return execute(node.otherwise, activation);
  }

  Flow execute_node(const For& node, int, const ActivationPtr& activation) {
    const Value iterable = evaluate(*node.iterable, activation);
    if (node.recursive) {
      write(run_recursive(node, activation, iterable, /*depth0=*/0));
      return Flow::kNext;
    }
    return execute_loop(node, activation, activation, iterable, /*depth0=*/0);
  }

  // `outer` holds the variables around the loop; they are the loop's own unless it is recursive.
  Flow execute_loop(const For& node,
                    const ActivationPtr& outer,
                    const ActivationPtr& activation,
                    const Value& iterable,
                    int64_t depth0);

  Flow execute_node(const Macro& node, int, const ActivationPtr& activation);
  Flow execute_node(const CallBlock& node, int line, const ActivationPtr& activation);

  Flow execute_node(const FilterBlock& node, int, const ActivationPtr& activation) {
    enter(node.scope, *activation);
    Flow flow = Flow::kNext;
    std::string text = captured_output([&] { flow = execute(node.body, activation); });
    // break and continue leave the block, discarding its text.
    if (flow != Flow::kNext) return flow;
    write_text(filter_text(*node.filter, std::move(text), activation));
    leave(node.scope, *activation);
    return Flow::kNext;
  }

  Flow execute_node(const With& node, int, const ActivationPtr& activation) {
    enter(node.scope, *activation);
    for (size_t i = 0; i < node.targets.size(); ++i) {
      assign(*node.targets[i], evaluate(*node.values[i], activation), activation);
    }
    const Flow flow = execute(node.body, activation);
    if (flow == Flow::kNext) leave(node.scope, *activation);
    return flow;
  }

  Flow execute_node(const Set& node, int line, const ActivationPtr& activation) {
    check_namespaces(*node.target, *activation);
    const Value value = evaluate_whole(*node.value, activation, /*undefined_is_text=*/false);
    runtime_.line = line;
    assign(*node.target, value, activation);
    export_variables(node.exports, *activation);
    return Flow::kNext;
  }

  Flow execute_node(const SetBlock& node, int, const ActivationPtr& activation) {
    enter(node.scope, *activation);
    Flow flow = Flow::kNext;
    std::string text = captured_output([&] { flow = execute(node.body, activation); });
    if (flow != Flow::kNext) return flow;
    const Value value = node.filter ? filter_text(*node.filter, std::move(text), activation)
                                    : Value::text(std::move(text));
    // Here a namespace is checked after the body.
    check_namespaces(*node.target, *activation);
    assign(*node.target, value, activation);
    export_variables(node.exports, *activation);
    leave(node.scope, *activation);
    return Flow::kNext;
  }

  Flow execute_node(const Block& node, int, const ActivationPtr& activation) {
    if (node.required) {
      throw PythonError(PythonError::Type::kTemplate,
                        "Required block '" + node.name + "' not found");
    }
    Context context;
    context.outer = current_context_;
    for (const auto& [name, slot] : node.visible) {
      const Value& value = variable(slot, *activation);
      if (!value.is_missing()) context.variables[name] = value;
    }
    write(render_block(node, context));
    return Flow::kNext;
  }

  Flow execute_node(const AutoEscape& node, int, const ActivationPtr& activation) {
    enter(node.scope, *activation);
    if (truthy(runtime_, evaluate(*node.on, activation))) {
      unsupported("{% autoescape true %} is not supported");
    }
    const Flow flow = execute(node.body, activation);
    if (flow == Flow::kNext) leave(node.scope, *activation);
    return flow;
  }

  Flow execute_node(const Unsupported& node, int, const ActivationPtr&) {
    unsupported("{% " + node.tag + " %} is not supported: a chat template must be self-contained");
  }

  Flow execute_node(const Break&, int, const ActivationPtr&) { return Flow::kBreak; }
  Flow execute_node(const Continue&, int, const ActivationPtr&) { return Flow::kContinue; }

  std::optional<Value> find_block(std::string_view name);
  Value block_names() {
    return Value::object(
        std::make_shared<BlockNames>([this](std::string_view name) { return find_block(name); }));
  }

  const Program& program_;
  Runtime& runtime_;
  Context context_;   // globals and variables of the caller
  Context exported_;  // variables set by the template itself
  const Context* current_context_ = nullptr;
  std::string* out_ = nullptr;
  Value block_text_;  // the input of {% filter %}
  bool has_failed_slice_ = false;
  bool is_folding_ = false;  // folding a whole expression, as Jinja2 does at compile time
};

class MacroObject : public Object {
 public:
  MacroObject(Evaluator& evaluator, const MacroDefinition& macro, ActivationPtr outer)
      : evaluator_(evaluator), macro_(macro), outer_(std::move(outer)) {}

  std::string type_name() const override { return "Macro"; }
  bool is_callable() const override { return true; }
  Value call(Runtime&, Arguments arguments) override {
    return evaluator_.call_macro(macro_, outer_, std::move(arguments));
  }
  std::optional<Value> attribute(Runtime&, std::string_view name) override {
    if (name == "name") return macro_.name.empty() ? Value::none() : Value::text(macro_.name);
    if (name == "arguments") {
      Items names;
      for (const std::string& parameter : macro_.parameters)
        names.push_back(Value::text(parameter));
      return Value::tuple(std::move(names));
    }
    if (name == "catch_kwargs") return Value::boolean(macro_.kwargs_slot >= 0);
    if (name == "catch_varargs") return Value::boolean(macro_.varargs_slot >= 0);
    if (name == "caller") {
      return Value::boolean(macro_.caller_slot >= 0);
    }
    if (name == "explicit_caller") return Value::boolean(macro_.has_explicit_caller);
    return std::nullopt;
  }
  std::string repr(Runtime&) override {
    return macro_.name.empty() ? "<Macro anonymous>" : "<Macro '" + macro_.name + "'>";
  }

 private:
  Evaluator& evaluator_;
  const MacroDefinition& macro_;
  ActivationPtr outer_;
};

class BlockReference : public Object {
 public:
  BlockReference(Evaluator& evaluator, const Block& block, const Context& context)
      : evaluator_(evaluator), block_(block), context_(context) {}

  std::string type_name() const override { return "BlockReference"; }
  bool is_callable() const override { return true; }
  Value call(Runtime&, Arguments arguments) override {
    bind("block", "", std::move(arguments));
    return Value::text(evaluator_.render_block(block_, context_));
  }
  std::optional<Value> attribute(Runtime&, std::string_view name) override {
    if (name == "name") return Value::text(block_.name);
    if (name == "super") {
      return Value::undefined("there is no parent block called '" + block_.name + "'.");
    }
    return std::nullopt;
  }

 private:
  Evaluator& evaluator_;
  const Block& block_;
  const Context& context_;
};

// {% for .. if test %}: the items that pass, tested lazily.
class TestedItems : public Iterator {
 public:
  TestedItems(Evaluator& evaluator, const For& loop, ActivationPtr outer, Value iterable)
      : Iterator(iterable.depth() + 1),
        evaluator_(evaluator),
        loop_(loop),
        outer_(std::move(outer)),
        iterable_(std::move(iterable)) {}

  bool next(Runtime& runtime, Value& item) override {
    if (!activation_) {
      activation_ = evaluator_.start_test(loop_, outer_);
      items_ = iterate(runtime, iterable_);
    }
    while (items_->next(runtime, item)) {
      runtime.step();
      if (evaluator_.passes_test(loop_, activation_, item)) return true;
    }
    return false;
  }

 private:
  Evaluator& evaluator_;
  const For& loop_;
  ActivationPtr outer_;
  Value iterable_;
  ActivationPtr activation_;
  IteratorPtr items_;
};

// The variable `loop`.
class LoopObject : public Object {
 public:
  LoopObject(Evaluator& evaluator,
             const For& loop,
             ActivationPtr outer,
             Value iterable,
             IteratorPtr iterator,
             int64_t depth0)
      : evaluator_(evaluator),
        loop_(loop),
        outer_(std::move(outer)),
        iterable_(std::move(iterable)),
        iterator_(std::move(iterator)),
        depth0_(depth0) {}

  std::string type_name() const override { return "LoopContext"; }
  int depth() const override { return iterator_ ? iterator_->depth() + 1 : 1; }
  bool is_callable() const override { return true; }
  std::optional<size_t> length(Runtime& runtime) override;
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;
  std::string repr(Runtime& runtime) override {
    return "<LoopContext " + std::to_string(index0_ + 1) + "/" + std::to_string(*length(runtime)) +
           ">";
  }
  Value call(Runtime&, Arguments arguments) override {
    Call call = bind("loop", "iterable", std::move(arguments));
    if (!loop_.recursive) {
      type_error("The loop must have the 'recursive' marker to be called recursively.");
    }
    return Value::text(evaluator_.run_recursive(loop_, outer_, call[0], depth0_ + 1));
  }
  void clear() override {
    iterable_ = Value();
    iterator_.reset();
    before_ = current_ = after_ = last_changed_ = Value();
    outer_.reset();
  }

  bool advance(Runtime& runtime, Value& item) {
    if (!after_.is_missing()) {
      item = std::exchange(after_, Value());
    } else if (!iterator_->next(runtime, item)) {
      return false;
    }
    ++index0_;
    before_ = std::move(current_);
    current_ = item;
    return true;
  }

  Value cycle(const Items& items) const {
    if (items.empty()) type_error("no items for cycling given");
    return items[static_cast<size_t>(index0_) % items.size()];
  }
  Value changed(Runtime& runtime, Items items) {
    Value value = Value::tuple(std::move(items));
    if (!last_changed_.is_missing() && equal(runtime, last_changed_, value)) {
      return Value::boolean(false);
    }
    if (last_changed_.is_missing()) runtime.clear_later(shared_from_this());
    last_changed_ = std::move(value);
    return Value::boolean(true);
  }

 private:
  const Value& peek(Runtime& runtime) {
    Value item;
    if (after_.is_missing() && iterator_->next(runtime, item)) after_ = std::move(item);
    return after_;
  }

  Evaluator& evaluator_;
  const For& loop_;
  ActivationPtr outer_;
  Value iterable_;  // missing if its length is not known in advance
  IteratorPtr iterator_;
  int64_t depth0_;
  int64_t index0_ = -1;
  std::optional<size_t> length_;
  Value before_;
  Value current_;
  Value after_;
  Value last_changed_;
};

// The remaining items of a generator, after they have been counted.
class RemainingItems : public Iterator {
 public:
  explicit RemainingItems(Items items) : Iterator(1), items_(std::move(items)) {}
  bool next(Runtime&, Value& item) override {
    if (at_ >= items_.size()) return false;
    item = items_[at_++];
    return true;
  }

 private:
  Items items_;
  size_t at_ = 0;
};

std::optional<size_t> LoopObject::length(Runtime& runtime) {
  if (length_) return length_;
  if (!iterable_.is_missing()) {
    const bool has_length =
        !iterable_.is(Value::Kind::kObject) || iterable_.object()->length(runtime).has_value();
    if (has_length) {
      length_ = length_of(runtime, iterable_);
      return length_;
    }
  }
  Items rest;
  Value item;
  while (iterator_->next(runtime, item)) {
    runtime.step();
    runtime.charge(sizeof(Value));
    rest.push_back(item);
  }
  length_ = rest.size() + static_cast<size_t>(index0_ + 1) + (after_.is_missing() ? 0 : 1);
  iterator_ = std::make_shared<RemainingItems>(std::move(rest));
  return length_;
}

Value loop_cycle(Runtime&, Call& call) { return object_as<LoopObject>(call[0])->cycle(call.rest); }
Value loop_changed(Runtime& runtime, Call& call) {
  return object_as<LoopObject>(call[0])->changed(runtime, call.rest);
}
constexpr Function kLoopMethods[] = {{"cycle", "self, /, *args", loop_cycle},
                                     {"changed", "self, /, *value", loop_changed}};

std::optional<Value> LoopObject::attribute(Runtime& runtime, std::string_view name) {
  const auto number = [](int64_t value) { return Value::integer(value); };
  const auto count = [&] { return static_cast<int64_t>(*length(runtime)); };
  if (name == "index") return number(index0_ + 1);
  if (name == "index0") return number(index0_);
  if (name == "first") return Value::boolean(index0_ == 0);
  if (name == "last") return Value::boolean(peek(runtime).is_missing());
  if (name == "length") return number(count());
  if (name == "revindex") return number(count() - index0_);
  if (name == "revindex0") return number(count() - index0_ - 1);
  if (name == "depth") return number(depth0_ + 1);
  if (name == "depth0") return number(depth0_);
  if (name == "previtem") {
    return index0_ == 0 ? Value::undefined("there is no previous item") : before_;
  }
  if (name == "nextitem") {
    const Value& item = peek(runtime);
    return item.is_missing() ? Value::undefined("there is no next item") : item;
  }
  if (const Function* function = find_in_table(kLoopMethods, name)) {
    return Value::object(
        std::make_shared<BoundFunction>(*function, Value::object(shared_from_this())));
  }
  return std::nullopt;
}

Flow Evaluator::execute_loop(const For& node,
                             const ActivationPtr& outer,
                             const ActivationPtr& activation,
                             const Value& iterable,
                             int64_t depth0) {
  IteratorPtr iterator;
  if (node.test) {
    capture(outer);
    iterator = std::make_shared<TestedItems>(*this, node, outer, iterable);
  } else {
    iterator = iterate(runtime_, iterable);
  }
  std::shared_ptr<LoopObject> loop;
  if (node.loop_slot >= 0) {
    capture(outer);
    loop = std::make_shared<LoopObject>(
        *this, node, outer, node.test ? Value() : iterable, iterator, depth0);
  }
  bool is_empty = true;
  Value item;
  while (loop ? loop->advance(runtime_, item) : iterator->next(runtime_, item)) {
    runtime_.step();
    assign(*node.target, item, activation);
    if (loop) activation->slots[index(node.loop_slot)] = Value::object(loop);
    enter(node.scope, *activation);
    const Flow flow = execute(node.body, activation);
    if (flow == Flow::kBreak) break;
    // As in Jinja2's compiled code: an iteration left by continue does not count for else.
    if (flow == Flow::kNext) is_empty = false;
  }
  leave(node.scope, *activation);
  if (!is_empty || node.otherwise.empty()) return Flow::kNext;
  enter(node.else_scope, *activation);
  const Flow flow = execute(node.otherwise, activation);
  if (flow == Flow::kNext) leave(node.else_scope, *activation);
  return flow;
}

std::string Evaluator::run_recursive(const For& loop,
                                     const ActivationPtr& outer,
                                     const Value& iterable,
                                     int64_t depth0) {
  runtime_.check_stack();
  const auto activation = std::make_shared<Activation>(loop.slot_count, outer);
  std::string text =
      captured_output([&] { execute_loop(loop, outer, activation, iterable, depth0); });
  runtime_.charge(text.size());
  return text;
}

Flow Evaluator::execute_node(const Macro& node, int, const ActivationPtr& activation) {
  capture(activation);
  Value macro = Value::object(std::make_shared<MacroObject>(*this, node.definition, activation));
  if (node.is_export && !program_.blocks.empty()) {
    exported_.variables[node.definition.name] = macro;
  }
  variable(node.slot, *activation) = std::move(macro);
  return Flow::kNext;
}

Flow Evaluator::execute_node(const CallBlock& node, int line, const ActivationPtr& activation) {
  capture(activation);
  const Value caller =
      Value::object(std::make_shared<MacroObject>(*this, node.definition, activation));
  const Value result =
      node.call ? evaluate_call(std::get<CallExpr>(node.call->node), line, activation, caller)
                : call_value(runtime_, caller, {});
  write_text(result);
  return Flow::kNext;
}

Value Evaluator::call_macro(const MacroDefinition& macro,
                            const ActivationPtr& outer,
                            Arguments arguments) {
  runtime_.check_stack();
  const auto activation = std::make_shared<Activation>(macro.slot_count, outer);
  const auto take_named = [&](std::string_view name) {
    for (size_t i = 0; i < arguments.named.size(); ++i) {
      if (arguments.named[i].first != name) continue;
      Value value = std::move(arguments.named[i].second);
      arguments.named.erase(arguments.named.begin() + static_cast<ptrdiff_t>(i));
      return value;
    }
    return Value();
  };
  const std::string shown = macro.name.empty() ? "None" : "'" + macro.name + "'";
  const size_t count = macro.parameters.size();
  Items values(count);
  bool found_caller = macro.has_explicit_caller;
  for (size_t i = 0; i < count; ++i) {
    values[i] =
        i < arguments.positional.size() ? arguments.positional[i] : take_named(macro.parameters[i]);
  }
  if (macro.caller_slot >= 0 && !found_caller) {
    Value caller = take_named("caller");
    if (caller.is_missing() || caller.is_none()) caller = Value::undefined("No caller defined");
    activation->slots[index(macro.caller_slot)] = std::move(caller);
  }
  if (macro.kwargs_slot >= 0) {
    Dict kwargs;
    for (auto& [name, value] : arguments.named) kwargs.set(Value::text(name), std::move(value));
    activation->slots[index(macro.kwargs_slot)] = Value::dict(std::move(kwargs));
  } else if (!arguments.named.empty()) {
    type_error("macro " + shown + " takes no keyword argument '" + arguments.named[0].first + "'");
  }
  if (macro.varargs_slot >= 0) {
    Items rest;
    for (size_t i = count; i < arguments.positional.size(); ++i) {
      rest.push_back(arguments.positional[i]);
    }
    activation->slots[index(macro.varargs_slot)] = Value::tuple(std::move(rest));
  } else if (arguments.positional.size() > count) {
    type_error("macro " + shown + " takes no more than " + std::to_string(count) + " argument(s)");
  }
  for (size_t i = 0; i < count; ++i) {
    activation->slots[index(macro.parameter_slots[i])] = values[i];
  }
  enter(macro.scope, *activation);
  std::string text = captured_output([&] {
    const size_t first_default = count - macro.defaults.size();
    for (size_t i = 0; i < count; ++i) {
      Value& slot = activation->slots[index(macro.parameter_slots[i])];
      if (!slot.is_missing()) continue;
      slot = i < first_default
                 ? Value::undefined("parameter '" + macro.parameters[i] + "' was not provided")
                 : evaluate(*macro.defaults[i - first_default], activation);
    }
    execute(macro.body, activation);
  });
  runtime_.charge(text.size());
  return Value::text(std::move(text));
}

std::string Evaluator::render_block(const Block& block, const Context& context) {
  runtime_.check_stack();
  const auto activation = std::make_shared<Activation>(block.slot_count, nullptr);
  const Context* const before = std::exchange(current_context_, &context);
  if (block.self_slot >= 0) activation->slots[index(block.self_slot)] = block_names();
  if (block.super_slot >= 0) {
    activation->slots[index(block.super_slot)] =
        Value::undefined("there is no parent block called '" + block.name + "'.");
  }
  enter(block.scope, *activation);
  std::string text = captured_output([&] { execute(block.body, activation); });
  current_context_ = before;
  return text;
}

std::optional<Value> Evaluator::find_block(std::string_view name) {
  for (const Block* block : program_.blocks) {
    if (block->name == name) {
      return Value::object(std::make_shared<BlockReference>(*this, *block, exported_));
    }
  }
  return std::nullopt;
}

}  // namespace

std::string evaluate_program(const Program& program, const Dict& variables, Runtime& runtime) {
  return Evaluator(program, variables, runtime).run();
}

}  // namespace retmask::jinja
