// Templates that try to exhaust stack, memory or time must fail within two seconds with a one-line
// printable message.

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <utility>

#include "retmask/base/json.h"
#include "retmask/jinja/template.h"

namespace retmask::jinja {
namespace {

std::string repeat(const std::string& text, int times) {
  std::string result;
  result.reserve(text.size() * static_cast<size_t>(times));
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

// Two seconds on the reference machine; AddressSanitizer makes it several times slower.
#ifdef __SANITIZE_ADDRESS__
constexpr double kMostSeconds = 60;
#else
constexpr double kMostSeconds = 4;
#endif

// CPU time of this process: other tests run at the same time.
double seconds_since(std::clock_t start) {
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

bool is_one_printable_line(const std::string& text) {
  for (const unsigned char c : text) {
    if (c < 0x20 || c == 0x7f) return false;
  }
  return !text.empty() && text.size() < 2000 && text.find("\xc2\x9b") == std::string::npos;
}

// The error message. Parsing and rendering both count.
std::string refusal(const std::string& source, const Json& variables = Json::object()) {
  const std::clock_t start = std::clock();
  std::string message;
  try {
    Template::parse(source, "evil.jinja").render(variables);
    ADD_FAILURE() << "rendered: " << source.substr(0, 200);
  } catch (const TemplateError& error) {
    message = error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << source.substr(0, 200) << "\nthrew no TemplateError: " << error.what();
  }
  EXPECT_LT(seconds_since(start), kMostSeconds) << source.substr(0, 200);
  EXPECT_TRUE(is_one_printable_line(message)) << message.substr(0, 400);
  EXPECT_NE(message.find("evil.jinja"), std::string::npos) << message;
  EXPECT_NE(message.find("line "), std::string::npos) << message;
  return message;
}

TEST(JinjaHostile, NestingOfTheSource) {
  constexpr int kDeep = 20'000;
  const std::pair<std::string, std::string> brackets[] = {{"(", ")"},
                                                          {"[", "]"},
                                                          {"{1:", "}"},
                                                          {"-", ""},
                                                          {"not ", ""},
                                                          {"1 if ", " else 1"},
                                                          {"f(", ")"},
                                                          {"1 + (", ")"},
                                                          {"x[", "]"},
                                                          {"x|default(", ")"},
                                                          {"x is eq (", ")"},
                                                          {"(1,", ")"}};
  for (const auto& [open, close] : brackets) {
    refusal("{{ " + repeat(open, kDeep) + "1" + repeat(close, kDeep) + " }}");
    refusal("{{ " + repeat(open, kDeep));
  }
  const std::pair<std::string, std::string> blocks[] = {
      {"{% if true %}", "{% endif %}"},
      {"{% for i in [1] %}", "{% endfor %}"},
      {"{% with %}", "{% endwith %}"},
      {"{% filter upper %}", "{% endfilter %}"},
      {"{% set x %}", "{% endset %}"},
      {"{% macro m() %}", "{% endmacro %}"},
      {"{% call x() %}", "{% endcall %}"},
      {"{% generation %}", "{% endgeneration %}"}};
  for (const auto& [open, close] : blocks) {
    refusal(repeat(open, kDeep) + repeat(close, kDeep));
    refusal(repeat(open, kDeep));
  }
  refusal("{% for " + repeat("(", kDeep) + "a" + repeat(")", kDeep) + " in [] %}{% endfor %}");
}

// Long chains are not nested in the source, but their trees are deep in a recursive parser.
TEST(JinjaHostile, LongChainsEndOneWayOrTheOther) {
  constexpr int kLong = 20'000;
  for (const std::string part : {" + 1",
                                 " ~ 'a'",
                                 "|string",
                                 ".x",
                                 "[0]",
                                 " and 1",
                                 " or 0",
                                 "()",
                                 " == 1",
                                 " is defined",
                                 " * 1",
                                 " ** 1",
                                 " 'a'"}) {
    const std::clock_t start = std::clock();
    try {
      Template::parse("{{ 1" + repeat(part, kLong) + " }}", "evil.jinja").render(Json::object());
    } catch (const TemplateError& error) {
      EXPECT_TRUE(is_one_printable_line(error.what())) << std::string(error.what()).substr(0, 400);
    }
    EXPECT_LT(seconds_since(start), 2) << part;
  }
  const std::string branches = "{% if x %}" + repeat("{% elif x %}", kLong) + "{% endif %}";
  EXPECT_EQ(Template::parse(repeat("{{ 1 }}", kLong), "t").render(Json::object()).size(), kLong);
  try {
    EXPECT_EQ(Template::parse(branches, "evil.jinja").render(Json::object()), "");
  } catch (const TemplateError&) {
  }
}

TEST(JinjaHostile, Recursion) {
  refusal("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}");
  refusal("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}");
  refusal("{% macro m(n) %}x{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}");
  refusal("{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}");
  refusal("{% macro m(f) %}{{ f(f) }}{% endmacro %}{{ m(m) }}");
  refusal("{% macro m(a=m()) %}{% endmacro %}{{ m() }}");
  refusal("{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}");
  refusal("{% for i in [1, 2] recursive %}{{ loop([i, i]) }}{% endfor %}");
  refusal("{% block b %}{{ self.b() }}{% endblock %}");
  refusal(
      "{% set ns = namespace(f=none) %}{% macro m() %}{% set x %}{{ ns.f() }}{% endset %}{% "
      "endmacro %}{% set ns.f = m %}{{ m() }}");
}

TEST(JinjaHostile, ValuesNestedDeeply) {
  const std::string grow =
      "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor "
      "%}";
  refusal(grow + "{{ ns.x }}");
  refusal(grow + "{{ ns.x|tojson }}");
  refusal(grow + "{{ ns.x == [ns.x] }}");
  refusal(grow + "{% set y = ns.x %}" + grow + "{{ ns.x == y }}");
  refusal(grow + "{{ ns.x|pprint }}");
  refusal("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}{{ ns|tojson }}");
  // Must be freed without recursion, too.
  try {
    EXPECT_EQ(Template::parse(grow + "ok", "evil.jinja").render(Json::object()), "ok");
  } catch (const TemplateError&) {
  }
  const std::string generators =
      "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = ns.x|map('string') "
      "%}{% endfor %}";
  refusal(generators + "{{ ns.x|list }}");
}

TEST(JinjaHostile, SharedValuesThatWriteOutExponentially) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "takes many minutes with AddressSanitizer";
#endif
  const std::string twice =
      "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ";
  refusal(twice + "[ns.x, ns.x] %}{% endfor %}{{ ns.x }}");
  refusal(twice + "[ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}");
  refusal(twice +
          "[ns.x, ns.x] %}{% endfor %}{% set y = ns.x %}{% set ns.x = 'aaaaaaaa' %}{% for i in "
          "range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x == y }}");
  refusal(twice + "ns.x ~ ns.x %}{% endfor %}{{ ns.x }}");
  refusal(twice + "ns.x * 2 %}{% endfor %}{{ ns.x|length }}");
  refusal(twice + "(ns.x|list) + (ns.x|list) %}{% endfor %}{{ ns.x|length }}");
  refusal(twice + "ns.x|replace('a', 'aa') %}{% endfor %}{{ ns.x|length }}");
  refusal(twice + "'%s%s' % (ns.x, ns.x) %}{% endfor %}{{ ns.x|length }}");
  refusal(twice + "'{0}{0}'.format(ns.x) %}{% endfor %}{{ ns.x|length }}");
  refusal(twice + "[ns.x, ns.x]|join %}{% endfor %}{{ ns.x|length }}");
  refusal(
      twice +
      "ns.x|string|urlencode|tojson|tojson %}{% endfor %}{{ ns.x|tojson|tojson|tojson|length }}" +
      repeat("{{ "
             "ns.x|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson|"
             "tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson|"
             "tojson|tojson|tojson|tojson|tojson|length }}",
             1));
}

TEST(JinjaHostile, HugeValues) {
  for (const std::string expression :
       {"range(10**12)",
        "range(10**12)|list",
        "range(-(10**30), 10**30)",
        "'x' * 10**12",
        "'x' * 10**9 * 10**9",
        "[1] * 10**12",
        "(1,) * 10**12",
        "10 ** 10 ** 10",
        "10 ** 10**7",
        "2 ** (2 ** 40)",
        "'x'|center(10**12)",
        "'x'.center(10**12)",
        "'x'.ljust(10**12)",
        "'x'.rjust(10**15)",
        "'x'.zfill(10**12)",
        "'\\t'.expandtabs(10**12)",
        "'%*d' % (10**12, 1)",
        "'%1000000000000d' % 1",
        "'%.1000000000000f' % 1.0",
        "'{:1000000000000}'.format(1)",
        "'{:.1000000000f}'.format(1.5)",
        "'{:>{w}}'.format('x', w=10**12)",
        "'a\\nb'|indent(10**12)",
        "[1]|tojson(indent=10**12)",
        "[1]|batch(10**12, 0)|list",
        "[1]|slice(10**12)|list",
        "('x' * 10**6)|replace('', 'y' * 10**6)",
        "('x' * 10**5).join(('y' * 10**5)|list)",
        "(['x' * 10**6] * 10**6)|join",
        "'x'.encode() * 10**12",
        "7.to_bytes(10**12, 'big')",
        "(7).to_bytes(10**12, 'big')",
        "1|round(-10**12) ~ raise_exception('end')",
        "'x'|wordwrap(1) * 10**12",
        "10**400 * 1.0 ",
        "1.5|round(10**400)",
        "[[]] * 10**12",
        "dict.fromkeys(range(100000)|list * 100000)",
        "('x' * 10**8)|list|length ~ ('x' * 10**8)|list|length ~ raise_exception('e')"}) {
    refusal("{{ " + expression + " }}");
  }
}

TEST(JinjaHostile, TimeWithoutEnd) {
  const std::string loop = "{% for i in range(100000) %}";
  refusal(loop + loop + loop + "{% endfor %}{% endfor %}{% endfor %}");
  refusal(loop + loop + "x{% endfor %}{% endfor %}");
  refusal(loop + "{% set x = range(100000)|list %}{% endfor %}");
  refusal(loop + "{% set x = range(100000)|sum %}{% endfor %}");
  refusal(loop + "{% set x = range(100000)|map('string')|join %}{% endfor %}");
  refusal(loop + "{% set x = range(100000)|select('odd')|list|length %}{% endfor %}");
  refusal(loop + "{% set x = 99999 in range(100000)|list %}{% endfor %}");
  refusal("{% set l = range(100000)|list %}" + loop + "{% set x = l|sort %}{% endfor %}");
  refusal("{% set l = range(100000)|list %}" + loop + "{% set x = l|reverse|list %}{% endfor %}");
  refusal("{% set l = range(100000)|list %}" + loop + "{% set x = l|unique|list %}{% endfor %}");
  refusal("{% set l = range(100000)|list %}" + loop + "{% set x = -1 in l %}{% endfor %}");
  refusal("{% set l = range(100000)|list %}" + loop + "{% set x = l.count(5) %}{% endfor %}");
  refusal("{% set l = range(100000)|list %}" + loop + "{% set x = l == l[:] %}{% endfor %}");
  refusal("{% set l = range(100000)|list %}" + loop + "{% set x = l[1:] %}{% endfor %}");
  refusal("{% set l = range(100000)|list %}" + loop +
          "{% set x = (l|string)|length %}{% endfor %}");
  refusal("{% set s = 'a' * 1000000 %}" + loop + "{% set x = s|upper %}{% endfor %}");
  refusal("{% set s = 'a' * 1000000 %}" + loop + "{% set x = 'b' in s %}{% endfor %}");
  refusal("{% set s = 'a' * 1000000 %}" + loop + "{% set x = s.find('b') %}{% endfor %}");
  refusal("{% set s = 'a' * 1000000 %}" + loop +
          "{% set x = s|length + s[500000:]|length %}{% endfor %}");
  refusal("{% set s = 'é' * 1000000 %}" + loop +
          "{% set x = s[i] %}{% set y = s|length %}{% endfor %}" + "{{ raise_exception('end') }}");
  refusal("{% set s = 'a' * 1000000 %}" + loop + "{% set x = s == s ~ 'b' %}{% endfor %}");
  refusal("{% set s = 'a' * 1000000 %}" + loop + "{% set x = s.isalpha() %}{% endfor %}");
  refusal("{% set s = 'a' * 1000000 %}" + loop + "{% set x = s.split('b') %}{% endfor %}");
  refusal("{% set s = 'a' * 1000000 %}" + loop + "{% set x = s.strip('b') == s %}{% endfor %}");
  refusal(
      "{% set s = 'a' * 200000 ~ 'b' %}{{ ('a' * 400000).count(s) }}{{ ('a' * 400000).find(s) }}{{ "
      "raise_exception('end') }}");
  refusal("{% set n = 7 ** 20000 %}" + loop + "{% set x = n * n %}{% endfor %}");
  refusal("{% set n = 7 ** 20000 %}" + loop + "{% set x = n // 3 ** 9000 %}{% endfor %}");
  refusal("{% set n = 7 ** 20000 %}" + loop + "{% set x = n|string %}{% endfor %}");
  refusal(
      "{% set s = '<' * 300000 %}{{ s|striptags|length }}{{ (s ~ '!--' * 100000)|striptags|length "
      "}}{{ raise_exception('end') }}");
  refusal(
      "{% set s = 'www.' * 100000 %}{{ s|urlize|length }}{{ ('(' * 200000)|urlize|length }}{{ ('&' "
      "* 200000)|striptags|length }}{{ raise_exception('end') }}");
}

TEST(JinjaHostile, OutputWithoutEnd) {
  const std::string loop = "{% for i in range(100000) %}";
  refusal("{% set s = 'x' * 100000 %}" + loop + "{{ s }}{% endfor %}");
  refusal("{% set s = 'x' * 100000 %}" + loop + loop + "{{ s }}{% endfor %}{% endfor %}");
  refusal("{% set s = 'x' * 100000 %}{% set y %}" + loop + "{{ s }}{% endfor %}{% endset %}");
  refusal("{% set s = 'x' * 100000 %}{% macro m() %}" + loop +
          "{{ s }}{% endfor %}{% endmacro %}{{ m() }}");
  refusal("{% filter upper %}{% set s = 'x' * 100000 %}" + loop +
          "{{ s }}{% endfor %}{% endfilter %}");
}

TEST(JinjaHostile, EscapesOfTheTerminalAreShownEscaped) {
  const std::string message = refusal(
      "{{ raise_exception('a\\x1b[31mred\\x1b]0;t\\x07\\r\\n\\x9b1mb\\x7f\\u202ec\\u2028d') }}");
  EXPECT_NE(message.find("red"), std::string::npos) << message;
  for (const std::string bad :
       {"\x1b", "\x07", "\r", "\n", "\x7f", "\xc2\x9b", "\xe2\x80\xae", "\xe2\x80\xa8"}) {
    EXPECT_EQ(message.find(bad), std::string::npos) << message;
  }
  refusal("{{ 'x'|\x1b[31mfoo }}");
  refusal("{% \x1b[31m %}");
  refusal("{{ x\xc2\x9b }}");
  refusal("{{ {}['\\x1b[31m'].y }}");
  refusal("{{ raise_exception('x' * 10000000) }}");
  refusal("{{ raise_exception('é' * 1000000) }}");
  refusal("{{ '%\x1b' % 1 }}{{ '\x1b[1m'() }}");
  refusal("\xff\xfe{{ }}");
}

// Features of jinja2 that are not supported fail with an error that names them.
TEST(JinjaHostile, WhatIsLeftOutIsNamed) {
  const std::pair<std::string, std::string> rows[] = {
      {"{% autoescape true %}{% endautoescape %}", "autoescape"},
      {"{{ 'x'.encode() }}", "encode"},
      {"{{ 1.to_bytes(2, 'big') }}", "bytes"},
      {"{{ [1]|random }}", "random"},
      {"{{ lipsum() }}", "lipsum"},
      {"{{ 10 ** 60 }}", "128 bits"},
      {"{{ '\\N{DIGIT ONE}' }}", "N{"},
      {"{% import 'x' as y %}", "import"},
      {"{% extends 'x' %}", "extends"}};
  for (const auto& [source, name] : rows) {
    EXPECT_NE(refusal(source).find(name), std::string::npos) << source;
  }
}

// The line is the position in the template, also inside loops and macros.
TEST(JinjaHostile, ErrorsNameTheirLine) {
  const std::pair<std::string, int> rows[] = {
      {"a\nb\n{{ raise_exception('x') }}", 3},
      {"{% for i in [1] %}\n\n{{ i.x.y }}\n{% endfor %}", 3},
      {"{% macro m() %}\n{{ 1 / 0 }}\n{% endmacro %}\n\n{{ m() }}", 2},
      {"\n{{ 'x'|frobnicate }}", 2},
      {"\n\n{% frob %}", 3},
      {"a\r\nb\r\n{{ 1 + }}", 3}};
  for (const auto& [source, line] : rows) {
    try {
      Template::parse(source, "t").render(Json::object());
      ADD_FAILURE() << source;
    } catch (const TemplateError& error) {
      EXPECT_EQ(error.line(), line) << source;
      EXPECT_NE(std::string(error.what()).find("line "), std::string::npos) << error.what();
    }
  }
  refusal("{% if x %}\n\n\ny");
  EXPECT_NE(refusal("{{ 'x'|frobnicate }}").find("frobnicate"), std::string::npos);
  EXPECT_NE(refusal("{{ 1 is frobnicated }}").find("frobnicated"), std::string::npos);
  EXPECT_NE(refusal("{% frob %}").find("frob"), std::string::npos);
  EXPECT_NE(refusal("{{ zork.x }}").find("zork"), std::string::npos);
  EXPECT_NE(refusal("{{ zork() }}").find("zork"), std::string::npos);
  EXPECT_NE(refusal("{{ ''.zork() }}").find("zork"), std::string::npos);
  EXPECT_NE(refusal("{% include 'x' %}").find("include"), std::string::npos);
}

}  // namespace
}  // namespace retmask::jinja
