#include "symbols.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "filters.h"
#include "retmask/jinja/template.h"
#include "tests.h"

namespace retmask::jinja {
namespace {

using Names = std::set<std::string>;

// Finds which of `names` are read in a body before they are set, in source order. It descends into
// macros and loops, but not into blocks.
class UndeclaredFinder {
 public:
  explicit UndeclaredFinder(Names names) : names_(std::move(names)) {}

  void visit(const Body& body) {
    for (const auto& statement : body) visit(*statement);
  }
  const Names& found() const { return found_; }

 private:
  void visit(const ExprPtr& expr) {
    if (expr) visit(*expr);
  }
  void visit(const std::vector<ExprPtr>& exprs) {
    for (const ExprPtr& expr : exprs) visit(*expr);
  }

  void visit(const Expr& expr) {
    if (const auto* name = std::get_if<Name>(&expr.node)) {
      if (name->use == Name::Use::kLoad && names_.contains(name->name)) {
        found_.insert(name->name);
      } else {
        names_.erase(name->name);
      }
      return;
    }
    for_each_child(expr, [&](const Expr& child) { visit(child); });
  }

  void visit_definition(const MacroDefinition& macro) {
    for (const std::string& parameter : macro.parameters) names_.erase(parameter);
    visit(macro.defaults);
    visit(macro.body);
  }

  void visit(const Statement& statement) {
    std::visit([&](const auto& node) { visit_node(node); }, statement.node);
  }
  void visit_node(const Output& node) { visit(node.parts); }
  void visit_node(const For& node) {
    visit(node.target);
    visit(node.iterable);
    visit(node.body);
    visit(node.otherwise);
    visit(node.test);
  }
  void visit_node(const If& node) {
    // Jinja2's order: test and body, then the elifs, then else.
    for (const auto& branch : node.branches) {
      visit(branch.test);
      visit(branch.body);
    }
    visit(node.otherwise);
  }
  void visit_node(const Macro& node) { visit_definition(node.definition); }
  void visit_node(const CallBlock& node) {
    visit(node.call);
    visit_definition(node.definition);
  }
  void visit_node(const FilterBlock& node) {
    visit(node.body);
    visit(node.filter);
  }
  void visit_node(const With& node) {
    visit(node.targets);
    visit(node.values);
    visit(node.body);
  }
  void visit_node(const Set& node) {
    visit(node.target);
    visit(node.value);
  }
  void visit_node(const SetBlock& node) {
    visit(node.target);
    visit(node.filter);
    visit(node.body);
  }
  void visit_node(const Block&) {}
  void visit_node(const AutoEscape& node) {
    visit(node.on);
    visit(node.body);
  }
  void visit_node(const Unsupported&) {}
  void visit_node(const Break&) {}
  void visit_node(const Continue&) {}

  Names names_;
  Names found_;
};

Names find_undeclared(const Body& body, Names names) {
  UndeclaredFinder finder(std::move(names));
  finder.visit(body);
  return finder.found();
}

// A Python function that Jinja2 would generate.
struct FunctionScope {
  FunctionScope* outer = nullptr;
  std::map<std::string, int> slots;  // "<level>.<name>" -> slot

  int slot(int level, const std::string& name) {
    const auto next = static_cast<int>(slots.size());
    return slots.emplace(std::to_string(level) + "." + name, next).first->second;
  }
};

struct Place {
  FunctionScope* function = nullptr;
  int slot = -1;
  bool operator<(const Place& other) const {
    return std::tie(function, slot) < std::tie(other.function, other.slot);
  }
};

struct LoadRule {
  enum class Kind { kParameter, kResolve, kAlias, kUnset };
  Kind kind;
  Place source;
  std::string name;
};

// jinja2.idtracking.Symbols
struct Symbols {
  Symbols(Symbols* parent_symbols, FunctionScope* in_function)
      : parent(parent_symbols),
        level(parent_symbols == nullptr ? 0 : parent_symbols->level + 1),
        function(in_function) {}

  Symbols* parent;
  int level;
  FunctionScope* function;
  std::map<std::string, Place> refs;
  std::map<Place, LoadRule> loads;
  Names stores;

  Place define(const std::string& name, LoadRule rule) {
    const Place place{function, function->slot(level, name)};
    refs[name] = place;
    loads[place] = std::move(rule);
    return place;
  }

  std::optional<Place> find(const std::string& name) const {
    for (const Symbols* symbols = this; symbols != nullptr; symbols = symbols->parent) {
      const auto found = symbols->refs.find(name);
      if (found != symbols->refs.end()) return found->second;
    }
    return std::nullopt;
  }

  void store(const std::string& name) {
    stores.insert(name);
    if (refs.contains(name)) return;
    if (parent != nullptr) {
      if (const auto outer = parent->find(name)) {
        define(name, {LoadRule::Kind::kAlias, *outer, name});
        return;
      }
    }
    define(name, {LoadRule::Kind::kUnset, {}, name});
  }

  Place declare_parameter(const std::string& name) {
    stores.insert(name);
    return define(name, {LoadRule::Kind::kParameter, {}, name});
  }

  void load(const std::string& name) {
    if (!find(name)) define(name, {LoadRule::Kind::kResolve, {}, name});
  }

  void update_from_branches(const std::vector<Symbols>& branches) {
    Names stored;
    for (const Symbols& branch : branches)
      stored.insert(branch.stores.begin(), branch.stores.end());
    for (const std::string& name : stores) stored.erase(name);
    for (const Symbols& branch : branches) {
      for (const auto& [name, place] : branch.refs) refs[name] = place;
      for (const auto& [place, rule] : branch.loads) loads[place] = rule;
      stores.insert(branch.stores.begin(), branch.stores.end());
    }
    for (const std::string& name : stored) {
      const Place place = *find(name);
      if (parent != nullptr) {
        if (const auto outer = parent->find(name)) {
          loads[place] = {LoadRule::Kind::kAlias, *outer, name};
          continue;
        }
      }
      loads[place] = {LoadRule::Kind::kResolve, {}, name};
    }
  }
};

// jinja2.idtracking.FrameSymbolVisitor: what a scope's own statements read and set.
class SymbolVisitor {
 public:
  explicit SymbolVisitor(Symbols& symbols) : symbols_(&symbols) {}

  void visit(const Body& body) {
    for (const auto& statement : body) {
      std::visit([&](const auto& node) { visit_node(node); }, statement->node);
    }
  }
  void visit(const ExprPtr& expr) {
    if (expr) visit(*expr);
  }
  void visit(const std::vector<ExprPtr>& exprs) {
    for (const ExprPtr& expr : exprs) visit(*expr);
  }
  void visit(const Expr& expr, bool store_as_parameter = false) {
    if (const auto* name = std::get_if<Name>(&expr.node)) {
      if (store_as_parameter || name->use == Name::Use::kParameter) {
        symbols_->declare_parameter(name->name);
      } else if (name->use == Name::Use::kStore) {
        symbols_->store(name->name);
      } else {
        symbols_->load(name->name);
      }
    } else if (const auto* attribute = std::get_if<NamespaceRef>(&expr.node)) {
      symbols_->load(attribute->name);
    } else {
      for_each_child(expr, [&](const Expr& child) { visit(child, store_as_parameter); });
    }
  }

 private:
  void visit_node(const Output& node) { visit(node.parts); }
  void visit_node(const For& node) { visit(node.iterable); }
  void visit_node(const If& node) { visit_branches(node); }
  void visit_node(const Macro& node) { symbols_->store(node.definition.name); }
  void visit_node(const CallBlock& node) { visit(node.call); }
  void visit_node(const FilterBlock& node) { visit(node.filter); }
  void visit_node(const With& node) { visit(node.values); }
  void visit_node(const Set& node) {
    visit(node.value);
    visit(node.target);
  }
  void visit_node(const SetBlock& node) { visit(node.target); }
  void visit_node(const Block&) {}
  void visit_node(const AutoEscape&) {}
  void visit_node(const Unsupported& node) {
    for (const std::string& name : node.names) symbols_->store(name);
  }
  void visit_node(const Break&) {}
  void visit_node(const Continue&) {}

  // In Jinja2's tree, elifs are separate ifs, side by side.
  void visit_branches(const If& node) {
    visit(node.branches[0].test);
    Symbols* original = symbols_;
    const auto in_copy = [&](const auto& visit_part) {
      Symbols copy = *original;
      symbols_ = &copy;
      visit_part();
      symbols_ = original;
      return copy;
    };
    std::vector<Symbols> branches;
    branches.push_back(in_copy([&] { visit(node.branches[0].body); }));
    branches.push_back(in_copy([&] {
      for (size_t i = 1; i < node.branches.size(); ++i) visit_elif(node.branches[i]);
    }));
    branches.push_back(in_copy([&] { visit(node.otherwise); }));
    original->update_from_branches(branches);
  }

  void visit_elif(const If::Branch& branch) {
    visit(branch.test);
    Symbols* original = symbols_;
    Symbols copy = *original;
    symbols_ = &copy;
    visit(branch.body);
    symbols_ = original;
    original->update_from_branches({copy, *original, *original});
  }

  Symbols* symbols_;
};

// jinja2.compiler.CodeGenerator, as far as it resolves names.
class Resolver {
 public:
  Resolver(Program& program, const std::string& name) : program_(program), name_(name) {}

  void run() {
    collect_blocks(program_.body);
    FunctionScope function;
    Symbols symbols(nullptr, &function);
    if (find_undeclared(program_.body, {"self"}).contains("self")) {
      program_.self_slot = symbols.declare_parameter("self").slot;
    }
    SymbolVisitor(symbols).visit(program_.body);
    Frame frame{symbols};
    frame.is_toplevel = true;
    program_.scope = scope_of(symbols);
    resolve(program_.body, frame);
    program_.slot_count = static_cast<int>(function.slots.size());
    for (Block* block : blocks_) resolve_block(*block);
  }

 private:
  struct Frame {
    Symbols& symbols;
    bool is_toplevel = false;
    bool is_soft = false;  // inside an if: unknown filters fail only when they are reached
    bool in_loop = false;  // break and continue are allowed

    Frame inner(Symbols& inner_symbols) const { return {inner_symbols, false, false, in_loop}; }
    Frame soft() const { return {symbols, is_toplevel, true, in_loop}; }
  };

  [[noreturn]] void fail(int line, const std::string& reason) const {
    throw TemplateSyntaxError(name_, line, reason);
  }

  void collect_blocks(Body& body) {
    for (auto& statement : body) {
      std::visit([&](auto& node) { collect_in(node, statement->line); }, statement->node);
    }
  }
  template <typename Node>
  void collect_in(Node& node, int line) {
    if constexpr (std::is_same_v<Node, Block>) {
      for (const Block* known : blocks_) {
        if (known->name == node.name) fail(line, "block '" + node.name + "' is defined twice");
      }
      blocks_.push_back(&node);
      program_.blocks.push_back(&node);
    }
    if constexpr (std::is_same_v<Node, If>) {
      for (auto& branch : node.branches) collect_blocks(branch.body);
    }
    if constexpr (std::is_same_v<Node, Macro> || std::is_same_v<Node, CallBlock>) {
      collect_blocks(node.definition.body);
    }
    if constexpr (requires { node.body; }) collect_blocks(node.body);
    if constexpr (requires { node.otherwise; }) {
      if constexpr (std::is_same_v<std::decay_t<decltype(node.otherwise)>, Body>) {
        collect_blocks(node.otherwise);
      }
    }
  }

  // ---- scopes

  static int hops(const FunctionScope* from, const FunctionScope* to) {
    int count = 0;
    for (; from != to && from != nullptr; from = from->outer) ++count;
    return count;
  }

  static Slot slot_from(const Symbols& symbols, const Place& place) {
    return {hops(symbols.function, place.function), place.slot};
  }

  Slot slot_of(const std::string& name, const Frame& frame, int line) const {
    const auto place = frame.symbols.find(name);
    // Jinja2 does not visit the arguments of {% set x | filter(..) %}, and cannot compile it.
    if (!place) fail(line, "'" + name + "' is used where Jinja2 cannot look it up");
    return slot_from(frame.symbols, *place);
  }

  static Scope scope_of(const Symbols& symbols) {
    Scope scope;
    for (const auto& [place, rule] : symbols.loads) {
      scope.leave.push_back(place.slot);
      switch (rule.kind) {
        case LoadRule::Kind::kParameter:
          break;
        case LoadRule::Kind::kUnset:
          scope.loads.push_back({Scope::Load::Kind::kUnset, place.slot, {}, ""});
          break;
        case LoadRule::Kind::kAlias:
          scope.loads.push_back(
              {Scope::Load::Kind::kAlias, place.slot, slot_from(symbols, rule.source), ""});
          break;
        case LoadRule::Kind::kResolve:
          scope.loads.push_back({Scope::Load::Kind::kResolve, place.slot, {}, rule.name});
          break;
      }
    }
    return scope;
  }

  // All variables that are set and visible from a frame.
  static std::vector<std::pair<std::string, Slot>> visible_from(const Symbols& symbols) {
    std::map<std::string, Slot> visible;
    for (const Symbols* outer = &symbols; outer != nullptr; outer = outer->parent) {
      for (const std::string& name : outer->stores) {
        if (const auto place = symbols.find(name)) {
          visible.emplace(name, slot_from(symbols, *place));
        }
      }
    }
    return {visible.begin(), visible.end()};
  }

  // ---- expressions

  void resolve(const ExprPtr& expr, const Frame& frame) {
    if (expr) resolve(*expr, frame);
  }
  void resolve(const std::vector<ExprPtr>& exprs, const Frame& frame) {
    for (const ExprPtr& expr : exprs) resolve(*expr, frame);
  }

  void resolve(Expr& expr, const Frame& frame) {
    if (auto* name = std::get_if<Name>(&expr.node)) {
      name->slot = slot_of(name->name, frame, expr.line);
      return;
    }
    if (auto* attribute = std::get_if<NamespaceRef>(&expr.node)) {
      attribute->slot = slot_of(attribute->name, frame, expr.line);
      return;
    }
    const bool is_conditional = std::holds_alternative<Conditional>(expr.node);
    if (const auto* filter = std::get_if<FilterExpr>(&expr.node)) {
      if (find_filter(filter->name) == nullptr && !frame.is_soft) {
        fail(expr.line, "no filter named '" + filter->name + "'");
      }
    }
    if (const auto* test = std::get_if<TestExpr>(&expr.node)) {
      if (find_test(test->name) == nullptr && !frame.is_soft) {
        fail(expr.line, "no test named '" + test->name + "'");
      }
    }
    if (is_conditional) {
      const Frame soft = frame.soft();
      for_each_child(expr, [&](const Expr& child) { resolve(const_cast<Expr&>(child), soft); });
    } else {
      for_each_child(expr, [&](const Expr& child) { resolve(const_cast<Expr&>(child), frame); });
    }
  }

  // ---- statements

  void resolve(Body& body, const Frame& frame) {
    for (auto& statement : body) {
      std::visit([&](auto& node) { resolve_node(node, frame, statement->line); }, statement->node);
    }
  }

  void resolve_node(Output& node, const Frame& frame, int) { resolve(node.parts, frame); }

  static bool sets_loop(const Expr& expr) {
    if (const auto* name = std::get_if<Name>(&expr.node)) {
      return name->use == Name::Use::kStore && name->name == "loop";
    }
    bool found = false;
    for_each_child(expr, [&](const Expr& child) { found = found || sets_loop(child); });
    return found;
  }

  static bool sets_loop(const Body& body) {
    return std::any_of(body.begin(), body.end(), [](const auto& statement) {
      return std::visit([](const auto& node) { return sets_loop_in(node); }, statement->node);
    });
  }
  template <typename Node>
  static bool sets_loop_in(const Node& node) {
    bool found = false;
    if constexpr (requires { node.target; }) found = found || sets_loop(*node.target);
    if constexpr (std::is_same_v<Node, If>) {
      for (const auto& branch : node.branches) found = found || sets_loop(branch.body);
    }
    if constexpr (std::is_same_v<Node, Macro> || std::is_same_v<Node, CallBlock>) {
      found = found || sets_loop(node.definition.body);
    }
    if constexpr (requires { node.body; }) found = found || sets_loop(node.body);
    if constexpr (std::is_same_v<Node, For> || std::is_same_v<Node, If>) {
      found = found || sets_loop(node.otherwise);
    }
    return found;
  }

  static bool has_scoped_block(const Body& body) {
    return std::any_of(body.begin(), body.end(), [](const auto& statement) {
      return std::visit([](const auto& node) { return has_scoped_block_in(node); },
                        statement->node);
    });
  }
  template <typename Node>
  static bool has_scoped_block_in(const Node& node) {
    bool found = false;
    if constexpr (std::is_same_v<Node, Block>) found = node.scoped;
    if constexpr (std::is_same_v<Node, If>) {
      for (const auto& branch : node.branches) found = found || has_scoped_block(branch.body);
    }
    if constexpr (requires { node.body; }) found = found || has_scoped_block(node.body);
    if constexpr (std::is_same_v<Node, For> || std::is_same_v<Node, If>) {
      found = found || has_scoped_block(node.otherwise);
    }
    return found;
  }

  void resolve_node(For& node, const Frame& frame, int line) {
    if (sets_loop_in(node)) fail(line, "'loop' cannot be assigned to within a loop");
    resolve(node.iterable, frame);

    FunctionScope own_function;
    own_function.outer = frame.symbols.function;
    FunctionScope* function = node.recursive ? &own_function : frame.symbols.function;
    Symbols loop_symbols(&frame.symbols, function);
    Symbols else_symbols(&frame.symbols, function);
    const bool extended = node.recursive || has_scoped_block(node.body) ||
                          !find_undeclared(node.body, {"loop"}).empty();
    if (extended) node.loop_slot = loop_symbols.declare_parameter("loop").slot;
    SymbolVisitor loop_visitor(loop_symbols);
    loop_visitor.visit(*node.target, /*store_as_parameter=*/true);
    loop_visitor.visit(node.body);
    SymbolVisitor(else_symbols).visit(node.otherwise);

    if (node.test) {
      FunctionScope test_function;
      test_function.outer = frame.symbols.function;
      Symbols test_symbols(&frame.symbols, &test_function);
      SymbolVisitor test_visitor(test_symbols);
      test_visitor.visit(*node.test_target, /*store_as_parameter=*/true);
      test_visitor.visit(*node.test);
      Frame test_frame = frame.inner(test_symbols);
      resolve(node.test_target, test_frame);
      resolve(node.test, test_frame);
      node.test_scope = scope_of(test_symbols);
      node.test_slot_count = static_cast<int>(test_function.slots.size());
    }

    Frame loop_frame = frame.inner(loop_symbols);
    loop_frame.in_loop = true;
    resolve(node.target, loop_frame);
    node.scope = scope_of(loop_symbols);
    resolve(node.body, loop_frame);
    Frame else_frame = frame.inner(else_symbols);
    if (node.recursive) else_frame.in_loop = false;
    node.else_scope = scope_of(else_symbols);
    resolve(node.otherwise, else_frame);
    node.slot_count = static_cast<int>(own_function.slots.size());
  }

  void resolve_node(If& node, const Frame& frame, int) {
    const Frame soft = frame.soft();
    for (auto& branch : node.branches) {
      resolve(branch.test, soft);
      resolve(branch.body, soft);
    }
    resolve(node.otherwise, soft);
  }

  void resolve_definition(MacroDefinition& macro, const Frame& frame, int line) {
    FunctionScope function;
    function.outer = frame.symbols.function;
    Symbols symbols(&frame.symbols, &function);
    const auto analyze = [&] {
      for (const std::string& parameter : macro.parameters) symbols.declare_parameter(parameter);
      SymbolVisitor visitor(symbols);
      visitor.visit(macro.defaults);
      visitor.visit(macro.body);
    };
    analyze();
    for (const std::string& parameter : macro.parameters) {
      macro.parameter_slots.push_back(symbols.find(parameter)->slot);
    }
    const auto is_parameter = [&](const std::string& name) {
      return std::find(macro.parameters.begin(), macro.parameters.end(), name) !=
             macro.parameters.end();
    };
    macro.has_explicit_caller = is_parameter("caller");
    const Names special = find_undeclared(macro.body, {"caller", "kwargs", "varargs"});
    if (special.contains("caller")) {
      if (!macro.has_explicit_caller) {
        macro.caller_slot = symbols.declare_parameter("caller").slot;
      } else {
        const auto place = static_cast<size_t>(
            std::find(macro.parameters.begin(), macro.parameters.end(), "caller") -
            macro.parameters.begin());
        if (place < macro.parameters.size() - macro.defaults.size()) {
          fail(line, "the parameter 'caller' of a macro needs a default");
        }
      }
    }
    if (special.contains("kwargs") && !is_parameter("kwargs")) {
      macro.kwargs_slot = symbols.declare_parameter("kwargs").slot;
    }
    if (special.contains("varargs") && !is_parameter("varargs")) {
      macro.varargs_slot = symbols.declare_parameter("varargs").slot;
    }
    analyze();
    macro.scope = scope_of(symbols);
    Frame inner = frame.inner(symbols);
    inner.in_loop = false;
    resolve(macro.defaults, inner);
    resolve(macro.body, inner);
    macro.slot_count = static_cast<int>(function.slots.size());
  }

  void resolve_node(Macro& node, const Frame& frame, int line) {
    resolve_definition(node.definition, frame, line);
    node.slot = slot_of(node.definition.name, frame, line);
    node.is_export = frame.is_toplevel;
  }

  void resolve_node(CallBlock& node, const Frame& frame, int line) {
    resolve_definition(node.definition, frame, line);
    resolve(node.call, frame);
  }

  void resolve_node(FilterBlock& node, const Frame& frame, int) {
    Symbols symbols(&frame.symbols, frame.symbols.function);
    SymbolVisitor visitor(symbols);
    visitor.visit(node.body);
    visitor.visit(node.filter);
    const Frame inner = frame.inner(symbols);
    node.scope = scope_of(symbols);
    resolve(node.body, inner);
    resolve(node.filter, inner);
  }

  void resolve_node(With& node, const Frame& frame, int) {
    Symbols symbols(&frame.symbols, frame.symbols.function);
    SymbolVisitor visitor(symbols);
    visitor.visit(node.targets);
    visitor.visit(node.body);
    const Frame inner = frame.inner(symbols);
    node.scope = scope_of(symbols);
    resolve(node.targets, inner);
    resolve(node.values, frame);
    resolve(node.body, inner);
  }

  static void collect_exports(const Expr& target,
                              const Frame& frame,
                              std::vector<std::pair<std::string, Slot>>& exports) {
    if (!frame.is_toplevel) return;
    if (const auto* name = std::get_if<Name>(&target.node)) {
      exports.emplace_back(name->name, name->slot);
    } else {
      for_each_child(target, [&](const Expr& child) { collect_exports(child, frame, exports); });
    }
  }

  void resolve_node(Set& node, const Frame& frame, int) {
    resolve(node.target, frame);
    resolve(node.value, frame);
    collect_exports(*node.target, frame, node.exports);
  }

  void resolve_node(SetBlock& node, const Frame& frame, int) {
    Symbols symbols(&frame.symbols, frame.symbols.function);
    SymbolVisitor(symbols).visit(node.body);
    const Frame inner = frame.inner(symbols);
    node.scope = scope_of(symbols);
    resolve(node.body, inner);
    resolve(node.target, frame);
    resolve(node.filter, inner);
    collect_exports(*node.target, frame, node.exports);
  }

  void resolve_node(Block& node, const Frame& frame, int) {
    if (node.scoped) node.visible = visible_from(frame.symbols);
  }

  void resolve_block(Block& block) {
    FunctionScope function;
    Symbols symbols(nullptr, &function);
    const Names special = find_undeclared(block.body, {"self", "super"});
    if (special.contains("self")) block.self_slot = symbols.declare_parameter("self").slot;
    if (special.contains("super")) block.super_slot = symbols.declare_parameter("super").slot;
    SymbolVisitor(symbols).visit(block.body);
    block.scope = scope_of(symbols);
    resolve(block.body, Frame{symbols});
    block.slot_count = static_cast<int>(function.slots.size());
  }

  void resolve_node(AutoEscape& node, const Frame& frame, int) {
    Symbols symbols(&frame.symbols, frame.symbols.function);
    SymbolVisitor visitor(symbols);
    visitor.visit(node.on);
    visitor.visit(node.body);
    const Frame inner = frame.inner(symbols);
    node.scope = scope_of(symbols);
    resolve(node.on, inner);
    resolve(node.body, inner);
  }

  void resolve_node(Unsupported& node, const Frame& frame, int line) {
    if (node.tag == "extends" && !frame.is_toplevel) {
      fail(line, "{% extends %} is allowed only at the top level of a template");
    }
  }
  void resolve_node(Break&, const Frame& frame, int line) {
    if (!frame.in_loop) fail(line, "{% break %} outside a loop");
  }
  void resolve_node(Continue&, const Frame& frame, int line) {
    if (!frame.in_loop) fail(line, "{% continue %} outside a loop");
  }

  Program& program_;
  const std::string& name_;
  std::vector<Block*> blocks_;
};

}  // namespace

void resolve_symbols(Program& program, const std::string& name) { Resolver(program, name).run(); }

}  // namespace retmask::jinja
