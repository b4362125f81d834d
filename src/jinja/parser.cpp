#include "parser.h"

#include <algorithm>

#include "lexer.h"
#include "retmask/jinja/template.h"

namespace retmask::jinja {
namespace {

using TokenKind = Token::Kind;
using Words = std::vector<std::string_view>;

// Nesting of expressions and statements: more than Jinja2 can handle, and far less than the stack
// can.
constexpr int kMaxDepth = 200;

bool is_reserved(std::string_view name) {
  return name == "true" || name == "false" || name == "none" || name == "True" || name == "False" ||
         name == "None";
}

class Parser {
 public:
  Parser(std::string_view source, const std::string& name)
      : name_(name), tokens_(tokenize(source, name)) {}

  Program parse() {
    Program program;
    program.body = parse_body({});
    return program;
  }

 private:
  // Counts the parser's recursion depth.
  class Nesting {
   public:
    explicit Nesting(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > kMaxDepth) {
        parser_.fail("nested more than " + std::to_string(kMaxDepth) + " levels deep");
      }
    }
    ~Nesting() { --parser_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Parser& parser_;
  };

  // ---- tokens

  const Token& current() const { return tokens_[at_]; }
  const Token& following() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& take() {
    const Token& token = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }

  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_operator(std::string_view symbol) const {
    return is(TokenKind::kOperator) && current().text == symbol;
  }
  bool is_word(std::string_view word) const {
    return is(TokenKind::kName) && current().text == word;
  }
  bool is_one_of(const Words& words) const {
    return std::any_of(words.begin(), words.end(), [&](auto word) { return is_word(word); });
  }
  bool skip_operator(std::string_view symbol) {
    if (!is_operator(symbol)) return false;
    take();
    return true;
  }
  bool skip_word(std::string_view word) {
    if (!is_word(word)) return false;
    take();
    return true;
  }

  std::string described() const {
    switch (current().kind) {
      case TokenKind::kEnd:
        return "the end of the template";
      case TokenKind::kBlockEnd:
        return "'%}'";
      case TokenKind::kVariableEnd:
        return "'}}'";
      case TokenKind::kBlockBegin:
        return "'{%'";
      case TokenKind::kVariableBegin:
        return "'{{'";
      case TokenKind::kData:
        return "text";
      case TokenKind::kString:
        return "a string";
      default:
        return "'" + current().text + "'";
    }
  }

  [[noreturn]] void fail(const std::string& reason) const { fail_at(current().line, reason); }
  [[noreturn]] void fail_at(int line, const std::string& reason) const {
    throw TemplateSyntaxError(name_, line, reason);
  }
  [[noreturn]] void fail_expected(const std::string& what) const {
    fail("expected " + what + ", got " + described());
  }

  void expect_operator(std::string_view symbol) {
    if (!skip_operator(symbol)) fail_expected("'" + std::string(symbol) + "'");
  }
  void expect_word(std::string_view word) {
    if (!skip_word(word)) fail_expected("'" + std::string(word) + "'");
  }
  void expect(TokenKind kind, const std::string& what) {
    if (!is(kind)) fail_expected(what);
    take();
  }
  std::string expect_name() {
    if (!is(TokenKind::kName)) fail_expected("a name");
    return take().text;
  }

  template <typename Node>
  ExprPtr make(int line, Node node) const {
    auto expr = std::make_unique<Expr>(Expr{line, 1, std::move(node)});
    for_each_child(
        *expr, [&](const Expr& child) { expr->depth = std::max(expr->depth, child.depth + 1); });
    // Chains such as a + b + c nest to the left without recursion in the parser.
    if (expr->depth > 2 * kMaxDepth) fail_at(line, "an expression of too many operations");
    return expr;
  }
  template <typename Node>
  std::unique_ptr<Statement> make_statement(int line, Node node) const {
    return std::make_unique<Statement>(Statement{line, std::move(node)});
  }

  // ---- statements

  // Parses up to one of the tags `ends`, whose name is then current; with no `ends`, to the end.
  Body parse_body(const Words& ends) {
    const Nesting nesting(*this);
    Body body;
    std::vector<ExprPtr> parts;
    int line = 0;
    const auto flush = [&] {
      if (parts.empty()) return;
      body.push_back(make_statement(line, Output{std::move(parts)}));
      parts.clear();
    };
    while (!is(TokenKind::kEnd)) {
      if (parts.empty()) line = current().line;
      if (is(TokenKind::kData)) {
        parts.push_back(make(current().line, Constant{Value::text(current().text)}));
        take();
      } else if (is(TokenKind::kVariableBegin)) {
        take();
        parts.push_back(parse_tuple());
        expect(TokenKind::kVariableEnd, "'}}'");
      } else if (is(TokenKind::kBlockBegin)) {
        flush();
        take();
        if (is_one_of(ends)) return body;
        body.push_back(parse_statement());
        expect(TokenKind::kBlockEnd, "'%}'");
      } else {
        fail("unexpected " + described());
      }
    }
    flush();
    if (!ends.empty()) {
      std::string list;
      for (const auto end : ends) list += (list.empty() ? "'" : " or '") + std::string(end) + "'";
      fail("the template ends where " + list + " was expected");
    }
    return body;
  }

  Body parse_block_body(const Words& ends) {
    skip_operator(":");
    expect(TokenKind::kBlockEnd, "'%}'");
    return parse_body(ends);
  }

  Body parse_whole_body(std::string_view end) {
    Body body = parse_block_body({end});
    take();
    return body;
  }

  std::unique_ptr<Statement> parse_statement() {
    const Nesting nesting(*this);
    if (!is(TokenKind::kName)) fail_expected("a tag's name");
    const int line = current().line;
    const std::string tag = current().text;
    if (tag == "for") return make_statement(line, parse_for());
    if (tag == "if") return make_statement(line, parse_if());
    if (tag == "set") return parse_set();
    if (tag == "macro") return make_statement(line, parse_macro());
    if (tag == "call") return make_statement(line, parse_call_block());
    if (tag == "filter") return make_statement(line, parse_filter_block());
    if (tag == "with") return make_statement(line, parse_with());
    if (tag == "block") return make_statement(line, parse_block());
    if (tag == "print") return make_statement(line, parse_print());
    if (tag == "autoescape") return make_statement(line, parse_autoescape());
    if (tag == "generation") return make_statement(line, parse_generation());
    if (tag == "include" || tag == "import" || tag == "from" || tag == "extends") {
      return make_statement(line, parse_unsupported(tag));
    }
    if (tag == "break") {
      take();
      return make_statement(line, Break{});
    }
    if (tag == "continue") {
      take();
      return make_statement(line, Continue{});
    }
    fail("unknown tag '" + tag + "'");
  }

  For parse_for() {
    take();
    For loop;
    const size_t target_at = at_;
    loop.target = parse_target(/*with_namespace=*/false);
    expect_word("in");
    loop.iterable = parse_tuple(/*with_condition=*/false);
    if (skip_word("if")) {
      loop.test = parse_expression();
      // Parses the same target again, for the function that filters the items.
      const size_t after = at_;
      at_ = target_at;
      loop.test_target = parse_target(/*with_namespace=*/false);
      at_ = after;
    }
    loop.recursive = skip_word("recursive");
    loop.body = parse_block_body({"endfor", "else"});
    if (take().text == "else") loop.otherwise = parse_whole_body("endfor");
    return loop;
  }

  If parse_if() {
    take();
    If statement;
    while (true) {
      If::Branch branch;
      branch.test = parse_tuple(/*with_condition=*/false);
      branch.body = parse_block_body({"elif", "else", "endif"});
      statement.branches.push_back(std::move(branch));
      const std::string tag = take().text;
      if (tag == "elif") continue;
      if (tag == "else") statement.otherwise = parse_whole_body("endif");
      return statement;
    }
  }

  std::unique_ptr<Statement> parse_set() {
    const int line = take().line;
    ExprPtr target = parse_target(/*with_namespace=*/true);
    if (skip_operator("=")) {
      return make_statement(line, Set{std::move(target), parse_tuple(), {}});
    }
    SetBlock block;
    block.target = std::move(target);
    if (is_operator("|")) block.filter = parse_filters(nullptr);
    block.body = parse_whole_body("endset");
    return make_statement(line, std::move(block));
  }

  void parse_signature(MacroDefinition& macro) {
    expect_operator("(");
    while (!is_operator(")")) {
      if (!macro.parameters.empty()) expect_operator(",");
      const int line = current().line;
      std::string parameter = expect_name();
      if (is_reserved(parameter)) fail_at(line, "can't assign to '" + parameter + "'");
      const auto& known = macro.parameters;
      if (std::find(known.begin(), known.end(), parameter) != known.end()) {
        fail_at(line, "two parameters have the name '" + parameter + "'");
      }
      if (skip_operator("=")) {
        macro.defaults.push_back(parse_expression());
      } else if (!macro.defaults.empty()) {
        fail("a parameter without a default follows one with a default");
      }
      macro.parameters.push_back(std::move(parameter));
    }
    expect_operator(")");
  }

  Macro parse_macro() {
    take();
    Macro macro;
    const int line = current().line;
    macro.definition.name = expect_name();
    if (is_reserved(macro.definition.name)) {
      fail_at(line, "can't assign to '" + macro.definition.name + "'");
    }
    parse_signature(macro.definition);
    macro.definition.body = parse_whole_body("endmacro");
    return macro;
  }

  CallBlock parse_call_block() {
    const int line = take().line;
    CallBlock block;
    if (is_operator("(")) parse_signature(block.definition);
    block.call = parse_expression();
    if (!std::holds_alternative<CallExpr>(block.call->node)) {
      fail_at(line, "{% call %} needs a call, such as {% call name() %}");
    }
    block.definition.body = parse_whole_body("endcall");
    return block;
  }

  CallBlock parse_generation() {
    take();
    CallBlock block;
    block.definition.body = parse_whole_body("endgeneration");
    return block;
  }

  FilterBlock parse_filter_block() {
    take();
    FilterBlock block;
    block.filter = parse_one_filter(nullptr);
    block.filter = parse_filters(std::move(block.filter));
    block.body = parse_whole_body("endfilter");
    return block;
  }

  With parse_with() {
    take();
    With with;
    while (!is(TokenKind::kBlockEnd)) {
      if (!with.targets.empty()) expect_operator(",");
      with.targets.push_back(parse_target(/*with_namespace=*/false, Name::Use::kParameter));
      expect_operator("=");
      with.values.push_back(parse_expression());
    }
    with.body = parse_whole_body("endwith");
    return with;
  }

  Block parse_block() {
    const int line = take().line;
    Block block;
    block.name = expect_name();
    block.scoped = skip_word("scoped");
    block.required = skip_word("required");
    if (is_operator("-")) fail("a block's name has no hyphens; use an underscore");
    block.body = parse_whole_body("endblock");
    if (block.required) check_is_blank(block.body, line);
    skip_word(block.name);
    return block;
  }

  void check_is_blank(const Body& body, int line) const {
    for (const auto& statement : body) {
      const auto* output = std::get_if<Output>(&statement->node);
      bool blank = output != nullptr;
      for (size_t i = 0; blank && i < output->parts.size(); ++i) {
        const auto* text = std::get_if<Constant>(&output->parts[i]->node);
        blank = text != nullptr && text->value.is_text() &&
                text->value.bytes().find_first_not_of(" \t\n\r\f\v") == std::string::npos;
      }
      if (!blank) fail_at(line, "a required block holds nothing but comments and white space");
    }
  }

  Output parse_print() {
    take();
    Output output;
    while (!is(TokenKind::kBlockEnd)) {
      if (!output.parts.empty()) expect_operator(",");
      output.parts.push_back(parse_expression());
    }
    return output;
  }

  AutoEscape parse_autoescape() {
    take();
    AutoEscape scope;
    scope.on = parse_expression();
    scope.body = parse_whole_body("endautoescape");
    return scope;
  }

  void skip_context() {
    if ((is_word("with") || is_word("without")) && following().kind == TokenKind::kName &&
        following().text == "context") {
      take();
      take();
    }
  }

  Unsupported parse_unsupported(const std::string& tag) {
    take();
    Unsupported statement{tag, {}};
    parse_expression();
    if (tag == "include") {
      if (is_word("ignore") && following().text == "missing") {
        take();
        take();
      }
      skip_context();
    } else if (tag == "import") {
      expect_word("as");
      statement.names.push_back(expect_name());
      skip_context();
    } else if (tag == "from") {
      expect_word("import");
      while (!is(TokenKind::kBlockEnd)) {
        if (!statement.names.empty()) expect_operator(",");
        skip_context();
        if (is(TokenKind::kBlockEnd)) break;
        std::string name = expect_name();
        if (name.starts_with('_')) fail("names that start with an underscore are not imported");
        if (skip_word("as")) name = expect_name();
        statement.names.push_back(std::move(name));
        skip_context();
        if (!is_operator(",")) break;
      }
    }
    return statement;
  }

  // ---- targets of assignments

  void make_target(Expr& expr, Name::Use use) const {
    if (auto* name = std::get_if<Name>(&expr.node)) {
      name->use = use;
    } else if (auto* tuple = std::get_if<TupleExpr>(&expr.node)) {
      for (const ExprPtr& item : tuple->items) make_target(*item, use);
    } else if (!std::holds_alternative<NamespaceRef>(expr.node)) {
      fail_at(expr.line, "can't assign to this expression");
    }
  }

  ExprPtr parse_target(bool with_namespace, Name::Use use = Name::Use::kStore) {
    TupleOptions options;
    options.simple = true;
    options.with_namespace = with_namespace;
    ExprPtr target = parse_tuple(/*with_condition=*/true, options);
    make_target(*target, use);
    return target;
  }

  // ---- expressions

  struct TupleOptions {
    bool simple = false;  // names and literals only
    bool with_namespace = false;
    bool in_parentheses = false;
  };

  // A comma before "in" or "recursive" is followed by another item, in Jinja2 too.
  bool ends_tuple() const {
    return is(TokenKind::kVariableEnd) || is(TokenKind::kBlockEnd) || is_operator(")");
  }

  ExprPtr parse_tuple(bool with_condition = true) {
    return parse_tuple(with_condition, TupleOptions());
  }

  ExprPtr parse_tuple(bool with_condition, const TupleOptions& options) {
    int line = current().line;
    std::vector<ExprPtr> items;
    bool is_tuple = false;
    while (true) {
      if (!items.empty()) expect_operator(",");
      if (ends_tuple()) break;
      items.push_back(options.simple ? parse_primary(options.with_namespace)
                                     : parse_expression(with_condition));
      if (!is_operator(",")) break;
      is_tuple = true;
      line = current().line;
    }
    if (!is_tuple) {
      if (!items.empty()) return std::move(items[0]);
      if (!options.in_parentheses) fail_expected("an expression");
    }
    return make(line, TupleExpr{std::move(items)});
  }

  ExprPtr parse_expression(bool with_condition = true) {
    const Nesting nesting(*this);
    return with_condition ? parse_conditional() : parse_or();
  }

  ExprPtr parse_conditional() {
    int line = current().line;
    ExprPtr value = parse_or();
    while (skip_word("if")) {
      ExprPtr test = parse_or();
      ExprPtr otherwise;
      if (skip_word("else")) {
        const Nesting nesting(*this);
        otherwise = parse_conditional();
      }
      value = make(line, Conditional{std::move(test), std::move(value), std::move(otherwise)});
      line = current().line;
    }
    return value;
  }

  ExprPtr parse_or() {
    int line = current().line;
    ExprPtr left = parse_and();
    while (skip_word("or")) {
      left = make(line, Binary{BinaryOperator::kOr, std::move(left), parse_and()});
      line = current().line;
    }
    return left;
  }

  ExprPtr parse_and() {
    int line = current().line;
    ExprPtr left = parse_not();
    while (skip_word("and")) {
      left = make(line, Binary{BinaryOperator::kAnd, std::move(left), parse_not()});
      line = current().line;
    }
    return left;
  }

  ExprPtr parse_not() {
    if (!is_word("not")) return parse_compare();
    const Nesting nesting(*this);
    const int line = take().line;
    return make(line, Unary{UnaryOperator::kNot, parse_not()});
  }

  ExprPtr parse_compare() {
    static constexpr std::pair<std::string_view, CompareOperator> kComparisons[] = {
        {"==", CompareOperator::kEqual},
        {"!=", CompareOperator::kNotEqual},
        {"<", CompareOperator::kLess},
        {"<=", CompareOperator::kLessEqual},
        {">", CompareOperator::kGreater},
        {">=", CompareOperator::kGreaterEqual}};
    const int line = current().line;
    Compare compare;
    compare.first = parse_sum();
    while (true) {
      const auto* found = std::find_if(std::begin(kComparisons),
                                       std::end(kComparisons),
                                       [&](const auto& entry) { return is_operator(entry.first); });
      if (found != std::end(kComparisons)) {
        take();
        compare.rest.emplace_back(found->second, parse_sum());
      } else if (skip_word("in")) {
        compare.rest.emplace_back(CompareOperator::kIn, parse_sum());
      } else if (is_word("not") && following().kind == TokenKind::kName &&
                 following().text == "in") {
        take();
        take();
        compare.rest.emplace_back(CompareOperator::kNotIn, parse_sum());
      } else {
        break;
      }
    }
    if (compare.rest.empty()) return std::move(compare.first);
    return make(line, std::move(compare));
  }

  ExprPtr parse_sum() {
    int line = current().line;
    ExprPtr left = parse_concat();
    while (is_operator("+") || is_operator("-")) {
      const auto op = take().text == "+" ? BinaryOperator::kAdd : BinaryOperator::kSubtract;
      left = make(line, Binary{op, std::move(left), parse_concat()});
      line = current().line;
    }
    return left;
  }

  ExprPtr parse_concat() {
    const int line = current().line;
    std::vector<ExprPtr> parts;
    parts.push_back(parse_product());
    while (skip_operator("~")) parts.push_back(parse_product());
    if (parts.size() == 1) return std::move(parts[0]);
    return make(line, Concat{std::move(parts)});
  }

  ExprPtr parse_product() {
    static constexpr std::pair<std::string_view, BinaryOperator> kProducts[] = {
        {"*", BinaryOperator::kMultiply},
        {"/", BinaryOperator::kDivide},
        {"//", BinaryOperator::kFloorDivide},
        {"%", BinaryOperator::kModulo}};
    int line = current().line;
    ExprPtr left = parse_power();
    while (true) {
      const auto* found = std::find_if(std::begin(kProducts),
                                       std::end(kProducts),
                                       [&](const auto& entry) { return is_operator(entry.first); });
      if (found == std::end(kProducts)) return left;
      take();
      left = make(line, Binary{found->second, std::move(left), parse_power()});
      line = current().line;
    }
  }

  // Chains of ** are left-associative, unlike in Python.
  ExprPtr parse_power() {
    int line = current().line;
    ExprPtr left = parse_unary();
    while (skip_operator("**")) {
      left = make(line, Binary{BinaryOperator::kPower, std::move(left), parse_unary()});
      line = current().line;
    }
    return left;
  }

  ExprPtr parse_unary(bool with_filter = true) {
    const int line = current().line;
    ExprPtr node;
    if (is_operator("-") || is_operator("+")) {
      const Nesting nesting(*this);
      const auto op = take().text == "-" ? UnaryOperator::kMinus : UnaryOperator::kPlus;
      node = make(line, Unary{op, parse_unary(/*with_filter=*/false)});
    } else {
      node = parse_primary(/*with_namespace=*/false);
    }
    node = parse_postfix(std::move(node));
    return with_filter ? parse_filters_and_tests(std::move(node)) : std::move(node);
  }

  ExprPtr parse_primary(bool with_namespace) {
    const Nesting nesting(*this);
    const Token& token = current();
    const int line = token.line;
    switch (token.kind) {
      case TokenKind::kName: {
        const std::string name = take().text;
        if (name == "true" || name == "True") return make(line, Constant{Value::boolean(true)});
        if (name == "false" || name == "False") return make(line, Constant{Value::boolean(false)});
        if (name == "none" || name == "None") return make(line, Constant{Value::none()});
        if (with_namespace && skip_operator(".")) {
          return make(line, NamespaceRef{name, expect_name(), {}});
        }
        return make(line, Name{name, Name::Use::kLoad, {}});
      }
      case TokenKind::kString: {
        std::string text = take().text;
        while (is(TokenKind::kString)) text += take().text;
        return make(line, Constant{Value::text(std::move(text))});
      }
      case TokenKind::kInteger:
      case TokenKind::kFloat:
        return make(line, Constant{take().number});
      default:
        break;
    }
    if (skip_operator("(")) {
      TupleOptions options;
      options.in_parentheses = true;
      ExprPtr node = parse_tuple(/*with_condition=*/true, options);
      expect_operator(")");
      return node;
    }
    if (is_operator("[")) return parse_list();
    if (is_operator("{")) return parse_dict();
    fail("unexpected " + described());
  }

  ExprPtr parse_list() {
    const int line = take().line;
    ListExpr list;
    while (!is_operator("]")) {
      if (!list.items.empty()) expect_operator(",");
      if (is_operator("]")) break;
      list.items.push_back(parse_expression());
    }
    take();
    return make(line, std::move(list));
  }

  ExprPtr parse_dict() {
    const int line = take().line;
    DictExpr dict;
    while (!is_operator("}")) {
      if (!dict.entries.empty()) expect_operator(",");
      if (is_operator("}")) break;
      ExprPtr key = parse_expression();
      expect_operator(":");
      dict.entries.emplace_back(std::move(key), parse_expression());
    }
    take();
    return make(line, std::move(dict));
  }

  ExprPtr parse_postfix(ExprPtr node) {
    while (true) {
      if (is_operator(".") || is_operator("[")) {
        node = parse_subscript(std::move(node));
      } else if (is_operator("(")) {
        node = parse_call(std::move(node));
      } else {
        return node;
      }
    }
  }

  ExprPtr parse_filters_and_tests(ExprPtr node) {
    while (true) {
      if (is_operator("|")) {
        node = parse_filters(std::move(node));
      } else if (is_word("is")) {
        node = parse_test(std::move(node));
      } else if (is_operator("(")) {
        node = parse_call(std::move(node));
      } else {
        return node;
      }
    }
  }

  ExprPtr parse_subscript(ExprPtr node) {
    const Token& token = take();
    const int line = token.line;
    if (token.text == ".") {
      const Token& attribute = take();
      if (attribute.kind == TokenKind::kName) {
        return make(line, AttributeExpr{std::move(node), attribute.text});
      }
      if (attribute.kind != TokenKind::kInteger)
        fail_at(attribute.line, "expected a name or a number");
      return make(line,
                  ItemExpr{std::move(node), make(attribute.line, Constant{attribute.number})});
    }
    std::vector<ExprPtr> keys;
    bool has_slice = false;
    while (!is_operator("]")) {
      if (!keys.empty()) expect_operator(",");
      keys.push_back(parse_subscript_key());
      has_slice = has_slice || std::holds_alternative<SliceExpr>(keys.back()->node);
    }
    take();
    if (keys.size() == 1) return make(line, ItemExpr{std::move(node), std::move(keys[0])});
    ExprPtr item = make(line, ItemExpr{std::move(node), make(line, TupleExpr{std::move(keys)})});
    if (has_slice && !is_constant(*item))
      fail_at(line, "a slice must be the only item between brackets");
    return item;
  }

  ExprPtr parse_subscript_key() {
    const int line = current().line;
    SliceExpr slice;
    if (!is_operator(":")) {
      slice.start = parse_expression();
      if (!is_operator(":")) return std::move(slice.start);
    }
    take();
    const auto is_left_out = [&] { return is_operator("]") || is_operator(","); };
    if (!is_operator(":") && !is_left_out()) slice.stop = parse_expression();
    if (skip_operator(":") && !is_left_out()) slice.step = parse_expression();
    return make(line, std::move(slice));
  }

  CallArgs parse_call_args() {
    const int line = current().line;
    expect_operator("(");
    CallArgs args;
    const auto check = [&](bool valid) {
      if (!valid) fail_at(line, "the arguments of this call are in the wrong order");
    };
    bool first = true;
    while (!is_operator(")")) {
      if (!first) {
        expect_operator(",");
        if (is_operator(")")) break;
      }
      first = false;
      if (skip_operator("*")) {
        check(!args.rest && !args.named_rest);
        args.rest = parse_expression();
      } else if (skip_operator("**")) {
        check(!args.named_rest);
        args.named_rest = parse_expression();
      } else if (is(TokenKind::kName) && following().kind == TokenKind::kOperator &&
                 following().text == "=") {
        check(!args.named_rest);
        std::string name = take().text;
        take();
        const auto known =
            std::find_if(args.named.begin(), args.named.end(), [&](const auto& argument) {
              return argument.first == name;
            });
        if (known == args.named.end()) {
          args.named.emplace_back(std::move(name), parse_expression());
        } else {
          known->second = parse_expression();
          args.doubled = name;
        }
      } else {
        check(!args.rest && !args.named_rest && args.named.empty());
        args.positional.push_back(parse_expression());
      }
    }
    take();
    return args;
  }

  ExprPtr parse_call(ExprPtr node) {
    const int line = current().line;
    CallExpr call{std::move(node), parse_call_args()};
    if (!call.args.doubled.empty()) {
      fail_at(line, "the argument '" + call.args.doubled + "' is given twice");
    }
    return make(line, std::move(call));
  }

  // A filter or test. Jinja2 evaluates constant ones at compile time, where the last argument with
  // a given name wins; all others become a Python call, which accepts each name once.
  template <typename Application>
  ExprPtr make_application(int line, Application application) const {
    const std::string doubled = application.args.doubled;
    ExprPtr expr = make(line, std::move(application));
    if (!doubled.empty() && !is_constant(*expr)) {
      fail_at(line, "the argument '" + doubled + "' is given twice");
    }
    return expr;
  }

  std::string parse_dotted_name() {
    std::string name = expect_name();
    while (skip_operator(".")) name += "." + expect_name();
    return name;
  }

  ExprPtr parse_one_filter(ExprPtr node) {
    const int line = current().line;
    FilterExpr filter;
    filter.operand = std::move(node);
    filter.name = parse_dotted_name();
    if (is_operator("(")) filter.args = parse_call_args();
    return make_application(line, std::move(filter));
  }

  ExprPtr parse_filters(ExprPtr node) {
    while (skip_operator("|")) {
      node = parse_one_filter(std::move(node));
    }
    return node;
  }

  ExprPtr parse_test(ExprPtr node) {
    const int line = take().line;
    const bool negated = skip_word("not");
    TestExpr test;
    test.operand = std::move(node);
    test.name = parse_dotted_name();
    if (is_operator("(")) {
      test.args = parse_call_args();
    } else if (starts_test_argument()) {
      if (is_word("is")) fail("tests with 'is' cannot be chained");
      test.args.positional.push_back(parse_postfix(parse_primary(/*with_namespace=*/false)));
    }
    ExprPtr result = make_application(line, std::move(test));
    return negated ? make(line, Unary{UnaryOperator::kNot, std::move(result)}) : std::move(result);
  }

  bool starts_test_argument() const {
    switch (current().kind) {
      case TokenKind::kString:
      case TokenKind::kInteger:
      case TokenKind::kFloat:
        return true;
      case TokenKind::kName:
        return !is_word("else") && !is_word("or") && !is_word("and");
      default:
        return is_operator("[") || is_operator("{");
    }
  }

  const std::string& name_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Program parse_template(std::string_view source, const std::string& name) {
  return Parser(source, name).parse();
}

}  // namespace retmask::jinja
