"""Templates and expressions drawn at random from a grammar, to cover cases that nobody wrote by hand."""

import random

from . import constructs, values

NAMES = ["a", "b", "c", "x", "i", "item", "ns"]
FILTERS = [
    "upper", "lower", "title", "capitalize", "trim", "length", "string", "first", "last", "list", "reverse|list", "sort", "join", "join('-')", "int", "float",
    "abs", "round", "round(1)", "default('d')", "default('d', true)", "tojson", "tojson(indent=1)", "replace('a', 'é')", "unique|list", "sum", "min", "max",
    "map('string')|list", "select|list", "reject('none')|list", "batch(2)|list", "slice(2)|list", "dictsort", "items|list", "wordcount", "e", "safe", "striptags",
    "indent(1)", "truncate(7)", "center(8)", "urlencode", "count", "pprint", "wordwrap(6)", "map('upper')|join", "select('string')|list", "groupby(0)|list", "format(1)", "xmlattr",
]  # fmt: skip
TESTS = [
    "defined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "iterable", "odd", "even", "true", "false", "undefined",
    "in [1, 'a']", "eq 1", "sameas none", "divisibleby(2)", "lower", "upper", "ne 'a'", "gt 1", "callable", "escaped",
]  # fmt: skip
METHODS = [
    "upper()", "strip()", "split()", "split('a')", "split('a', 1)", "replace('l', 'L')", "startswith('a')", "endswith('é')", "title()", "find('a')", "count('a')", "lstrip('a ')",
    "rstrip()", "splitlines()", "get('a')", "get('zz', 0)", "keys()|list", "values()|list", "items()|list", "index(1)", "isdigit()", "format(1)", "join(['x', 'y'])", "partition(' ')",
    "swapcase()", "zfill(5)", "casefold()", "rsplit(None, 1)", "removeprefix('H')", "bit_length()", "copy()",
]  # fmt: skip
OPERATORS = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
ALPHABET = ["a", "b", "Z", " ", "\n", "é", "ß", "世", "👍", "\u0301", "\u00a0", "\u3000", "'", '"', "\\", "<", "&", "1", "-", "İ", "Σ", "_", "{", "%", "}", ".", "\t", "ﬁ"]


class Draw:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def one(self, options):
        return self.rng.choice(options)

    def chance(self, share):
        return self.rng.random() < share

    def text(self):
        return "".join(self.one(ALPHABET) for _ in range(self.rng.randrange(8)))

    def literal(self):
        kind = self.rng.randrange(10)
        if kind < 3:
            return "'" + self.text().replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
        if kind == 3:
            return str(self.rng.randrange(-5, 60))
        if kind == 4:
            return repr(self.one([self.rng.uniform(-10, 10), round(self.rng.uniform(0, 100), 2), self.rng.uniform(0, 1) * 10.0 ** self.rng.randrange(-8, 25)]))
        if kind == 5:
            return self.one(["true", "false", "none", "missing", "1", "0", "''"])
        return self.one(values.TEXTS + values.NUMBERS + values.SEQUENCES + values.MAPPINGS) if kind < 8 else self.one(["a", "b", "x", "i", "ns.n", "ns", "users", "nested"])

    def expression(self, depth):
        if depth == 0:
            return self.literal()
        kind = self.rng.randrange(16)
        inner = lambda: self.expression(depth - 1)  # noqa: E731
        if kind < 3:
            return f"{self.primary(depth - 1)}|{self.one(FILTERS)}"
        if kind == 3:
            return f"{self.primary(depth - 1)}.{self.one(METHODS)}"
        if kind == 4:
            return f"{self.primary(depth - 1)} is {'not ' if self.chance(0.3) else ''}{self.one(TESTS)}"
        if kind < 8:
            operator = self.one(OPERATORS)
            right = self.one(["0", "2", "3", "true", "1.5", "-1"]) if operator == "*" else self.primary(depth - 1)
            return f"{self.primary(depth - 1)} {operator} {right}"
        if kind == 8:
            return f"({inner()} if {inner()} else {inner()})" if self.chance(0.7) else f"({inner()} if {inner()})"
        if kind == 9:
            return "[" + ", ".join(inner() for _ in range(self.rng.randrange(4))) + "]"
        if kind == 10:
            return "{" + ", ".join(f"{self.one(['1', 'true', 'none']) if self.chance(0.2) else chr(39) + self.one('abcé') + chr(39)}: {inner()}" for _ in range(self.rng.randrange(4))) + "}"
        if kind == 11:
            return f"{self.primary(depth - 1)}[{self.one(['0', '-1', '1:', ':-1', '::2', '::-1', '-2:', '1:3', repr('a'), '5', 'i', '3:0:-1'])}]"
        if kind == 12:
            return f"not {inner()}" if self.chance(0.6) else f"-{self.primary(depth - 1)}"
        if kind == 13:
            return f"({inner()}, {inner()})"
        if kind == 14:
            return f"{self.literal()} {self.one(['<', '==', '<=', 'in'])} {self.literal()} {self.one(['<', '!=', '>='])} {self.literal()}"
        return self.one(["range(3)|list", "loop.index", "loop.last", "users|map(attribute='name')|list", "dict(a=1)", "varargs", "ns.n", "m(1)", "loop.length", "users|selectattr('age')|list|length"])

    def primary(self, depth):
        text = self.expression(depth)
        return text if text.isidentifier() or (text[0] in "'[" and depth == 0) else f"({text})"

    def gap(self):
        return self.one(["", " ", "\n", "\n  ", " x ", "  \n", "é\n\n", ".", "\t"])

    def tag(self, text):
        return "{%" + self.one(["", "", "", "-", "-", "+"]) + f" {text} " + self.one(["", "", "", "-", "-"]) + "%}"

    def output(self, depth):
        return "{{" + self.one(["", "", "", "-"]) + f" {self.expression(depth)} " + self.one(["", "", "", "-"]) + "}}"

    def block(self, depth, loops=0):
        return self.gap().join([""] + [self.statement(depth, loops) for _ in range(self.rng.randrange(1, 4))] + [""])

    def statement(self, depth, loops):
        if depth == 0:
            return self.output(self.rng.randrange(1, 3))
        body = lambda inner=loops: self.block(depth - 1, inner)  # noqa: E731
        kind = self.rng.randrange(14)
        if kind == 0:
            middle = self.tag(f"elif {self.expression(1)}") + body() if self.chance(0.3) else ""
            middle += self.tag("else") + body() if self.chance(0.5) else ""
            return self.tag(f"if {self.expression(2)}") + body() + middle + self.tag("endif")
        if kind < 3:
            over = self.one(["[1, 2, 3]", "users", "range(4)", "'añ世'", "nested", "[]", "words", "[[1, 2], [3, 4]]", self.expression(1)])
            head = f"for {self.one(['i', 'x', 'a', 'item'])} in {over}"
            if self.chance(0.15):
                head = f"for {self.one(['a, b', 'k, v'])} in {self.one(['{1: 2, 3: 4}.items()', 'nested|dictsort', '[(1, 2)]', 'users'])}"
            if self.chance(0.2):
                head += f" if {self.expression(1)}"
            end = self.tag("else") + body() if self.chance(0.3) else ""
            return self.tag(head) + body(loops + 1) + end + self.tag("endfor")
        if kind < 6:
            return self.tag(f"set {self.one(NAMES[:5])} = {self.expression(2)}")
        if kind == 6:
            return self.tag(f"set {self.one(['x', 'a | upper', 'b | trim'])}") + body(0) + self.tag("endset")
        if kind == 7:
            return self.tag("macro m(" + self.one(["", "x", "x, a=1", "a, b=a", "x=none"]) + ")") + body(0) + self.tag("endmacro") + "{{ m(" + self.one(["", "1", "'é', 2", "x=3", "*[1, 2]", "1, z=2"]) + ") }}"
        if kind == 8:
            return self.tag(f"with {self.one(['a', 'x'])} = {self.expression(1)}") + body() + self.tag("endwith")
        if kind == 9:
            return self.tag(f"filter {self.one(['upper', 'trim', 'replace(chr, 1)', 'title', 'indent(2)'])}") + body(0) + self.tag("endfilter")
        if kind == 10:
            return self.tag("set ns = namespace(n=0)") + self.tag("for i in [1, 2]") + self.tag("set ns.n = " + self.one(["ns.n + i", "i", "ns.n ~ i"])) + body(loops + 1) + self.tag("endfor") + "{{ ns.n }}"
        if kind == 11 and loops:
            return self.tag("if " + self.one(["loop.index == 2", "loop.last", "i", "loop.first"])) + self.tag(self.one(["break", "continue"])) + self.tag("endif")
        if kind == 12:
            return self.one(["{# c #}", "{#- c -#}", "{% raw %}{{ r }}{% endraw %}", self.tag("generation") + body(0) + self.tag("endgeneration")])
        return self.output(2)


def expressions(count, seed):
    """Templates of one expression each."""
    draw = Draw(seed)
    return (f"{{% set a = 'Ab' %}}{{% set i = 1 %}}{{{{ {draw.expression(1 + n % 3)} }}}}" for n in range(count))


def templates(count, seed):
    draw = Draw(seed)
    return (draw.block(1 + n % 3) for n in range(count))


EDITS = [
    "-", "+", "%", "%}", "{%", "{{", "}}", "{#", "#}", "\n", " ", "  ", "|", "(", ")", "[", "]", "{", "}", ",", ".", "'", '"', "\\", ":", "=", "==", "~", "*", "**", "/",
    " not ", " is ", " in ", " if ", " else ", " and ", "1", "x", "é", "none", "{%- ", " -%}", "{%+ ", "\r\n", "\t", "_", "0", "<", "{% endif %}", "{% raw %}", "{% endraw %}",
]  # fmt: skip


def mutated(count, seed):
    """Hand-written templates with a few characters changed, to test where texts, blocks and errors begin and end."""
    draw = Draw(seed)
    sources = [t for many in constructs.templates().values() for t in many if "100000" not in t and "100001" not in t]
    for _ in range(count):
        template = draw.one(sources)
        for _ in range(draw.one([1, 1, 2, 3])):
            at = draw.rng.randrange(len(template) + 1)
            kind = draw.rng.randrange(3)
            if kind == 0:
                template = template[:at] + template[at + draw.one([1, 1, 2, 5]) :]
            elif kind == 1:
                template = template[:at] + draw.one(EDITS) + template[at:]
            else:
                end = at + draw.rng.randrange(1, 9)
                template = template[:end] + template[at:end] + template[end:]
        yield template


def drawn(reference, draws, count, share_of_errors, longest=700):
    """The first `count` of `draws` (text, output), with only a fraction of the errors, since most have the same cause."""
    kept, errors = [], 0
    for template in draws:
        if len(template) > longest:
            continue
        output = reference.render(template, values.VARIABLES)
        if output is reference.UNDEFINED_OUTPUT or (output is not None and len(output) > 4000):
            continue
        if output is None:
            if errors > share_of_errors * (len(kept) + 4):
                continue
            errors += 1
        kept.append((template, output))
        if len(kept) == count:
            break
    return kept
