"""Expressions over `v`, each evaluated for many values of v: every filter, test, method and operator of the sandbox.

A grid is (values, expressions). Left out, because their results are not defined: the filter random, lipsum(), and what
reference.py names.
"""

from .values import FEW, MAPPINGS, MIXED, NUMBERS, OTHERS, SEQUENCES, TEXTS


def calls(name, *arguments, wrap="[v|{}]"):
    """Filter `name` with each of the argument lists; '' means no parentheses."""
    return [wrap.format(f"{name}({text})" if text else name) for text in arguments]


def listed(name, *arguments):
    """The same for filters that return a generator."""
    return calls(name, *arguments, wrap="v|{}|list")


def methods(name, *arguments):
    return [f"[v.{name}({text})]" for text in arguments]


def text_filters():
    expressions = ["v", "[v]", "v|string", "v ~ '.'"]
    for name in ["upper", "lower", "capitalize", "title", "trim", "escape", "e", "forceescape", "safe", "striptags", "string"]:
        expressions += calls(name, "")
    expressions += calls("trim", "'a'", "' xX'", "'é'", "none", "chars='f'")
    expressions += calls("center", "", "9", "width=30")
    expressions += calls("replace", "'a','<é>'", "'','-'", "'o','0',1", "'l',''", "'a','b',count=-1", "'x'", "1,2")
    expressions += calls("indent", "", "2", "2,true", "2,true,true", "'> '", "first=true,blank=true", "width='é'")
    expressions += calls("truncate", "", "9", "9,true", "5,true,''", "9,false,'…',0", "10,leeway=0", "2", "length=12,end='é'")
    expressions += calls("wordwrap", "", "10", "5,false", "5,true,'|'", "7,wrapstring='<>'", "12,break_on_hyphens=false")
    expressions += calls("wordcount", "", "1")
    expressions += calls("urlencode", "")
    expressions += calls("urlize", "", "20", "20,true", "target='_blank'", "rel='me'", "extra_schemes=['ftp:']")
    expressions += calls("length", "") + calls("count", "") + calls("first", "") + calls("last", "")
    expressions += calls("list", "") + listed("reverse", "") + calls("reverse", "")
    expressions += calls("int", "", "-1", "default=7", "0,16", "base=2", "'x'")
    expressions += calls("float", "", "-1.5", "default='n'")
    expressions += calls("default", "", "'d'", "'d',true", "default_value=1,boolean=true") + calls("d", "'é'")
    expressions += calls("format", "", "1", "'é'", "1,2", "name=3")
    expressions += calls("pprint", "")
    expressions += calls("nosuchfilter", "")
    return expressions


def number_filters():
    expressions = ["v", "[v]", "v ~ ''", "v|string", "[-v]", "[+v]", "not v"]
    expressions += calls("abs", "")
    expressions += calls("round", "", "1", "2", "-1", "0,'floor'", "1,'ceil'", "method='floor'", "2,'common'", "0,'bad'", "precision=3")
    expressions += calls("int", "", "5", "base=16") + calls("float", "", "1")
    expressions += calls("filesizeformat", "", "true", "binary=true")
    expressions += calls("tojson", "") + calls("pprint", "") + calls("default", "'d'", "'d',true")
    expressions += ["'%d' % v", "'%s|%r' % (v, v)", "'%5.2f|%-8s|%+d' % (v, v, 1)", "'%e|%g|%G' % (v, v, v)", "'%x|%o|%X|%#x' % (v, v, v, v)", "'%c' % v"]
    expressions += ["'%05d|%5d|%-5d|' % (v, v, v)", "'%.3s|%10.3e|%i%%' % (v, v, v)", "'% d' % v", "'%*d' % (6, v)"]
    expressions += ["'{}'.format(v)", "'{:>10}|{:<10}|{:^10}|{:*^9}'.format(v, v, v, v)", "'{:.2f}'.format(v)", "'{:,}|{:_}'.format(v, v)"]
    expressions += ["'{:e}|{:g}|{:G}'.format(v, v, v)", "'{:%}'.format(v)", "'{:.1%}'.format(v)", "'{:d}'.format(v)", "'{:x}|{:#x}|{:b}|{:#o}'.format(v, v, v, v)"]
    expressions += ["'{:+}|{: }|{:010}'.format(v, v, v)", "'{:c}'.format(v)", "'{!r:>8}|{!s}'.format(v, v)", "'{:.3}'.format(v)", "'{:n}'.format(v)"]
    expressions += methods("bit_length", "") + methods("bit_count", "") + methods("is_integer", "") + methods("as_integer_ratio", "")
    expressions += methods("conjugate", "") + methods("hex", "")
    expressions += ["[v.real, v.imag]", "[v.numerator, v.denominator]", "v.upper is defined", "v[0]", "v.x is defined", "v|list"]
    expressions += ["[v // 3, v % 3]", "[v / 4]", "[v ** 2]", "[v ** -1]", "[v ** 0.5]", "[7 // v]", "[7 % v]", "[-7 // v, -7 % v]", "[1 / v]", "[v - 1.5]", "[v * 2 + 1]", "[0.1 + v]"]
    expressions += ["[v == 1, v == 1.0, v == true, v < 2, v >= 2.5]", "{v: 1}", "[{1: 'a', 2.5: 'b'}[v]]", "v in [1, 2.5, 0]"]
    return expressions


def sequence_filters():
    expressions = ["v", "[v]", "v|string", "v|tojson", "v|length", "v|list", "[v|first]", "[v|last]"]
    expressions += calls("join", "", "', '", "d='é'", "'-', 'name'", "attribute='age'", "1", "none")
    expressions += calls("sort", "", "true", "case_sensitive=true", "attribute='name'", "attribute='age'", "attribute='age,name'", "attribute=0", "reverse=true,attribute='home.city'")
    expressions += listed("unique", "", "true", "attribute='age'", "case_sensitive=true", "attribute='tags.0'")
    expressions += calls("min", "", "true", "attribute='name'") + calls("max", "", "case_sensitive=true", "attribute='age'")
    expressions += calls("sum", "", "start=10", "'age'", "attribute='age'", "start=[]", "0, 1.5")
    expressions += listed("reverse", "") + calls("reverse", "")
    expressions += listed("batch", "2", "3,'é'", "linecount=4,fill_with=none", "0", "")
    expressions += listed("slice", "2", "3,'é'", "slices=4", "0", "")
    expressions += listed("groupby", "'age'", "'name'", "'home.city'", "'home.city',default='?'", "'name',case_sensitive=true", "0")
    expressions += ["v|groupby('age')|map(attribute='list')|map('length')|list", "[(v|groupby('name'))[0].grouper]", "[(v|groupby('name'))[0][1]]"]
    expressions += listed("map", "'upper'", "attribute='name'", "attribute='age',default=0", "attribute='home.city',default='é'", "'default','z'", "'replace','a','b'", "attribute=0", "'nosuch'", "'join','+'", "'int',default=3", "", "'string'", "attribute='tags.0'", "'tojson'", "'length'")
    expressions += listed("select", "", "'odd'", "'string'", "'in',[1,'a']", "'>',1", "'sameas',none", "'nosuch'", "'divisibleby',2", "'defined'")
    expressions += listed("reject", "", "'odd'", "'none'", "'eq',1", "'mapping'", "'==','a'")
    expressions += listed("selectattr", "'age'", "'age','eq',31", "'age','>',30", "'home.city','defined'", "'tags'", "'name','in',['Bob','adam']", "0", "'name','upper'", "'age','none'", "")
    expressions += listed("rejectattr", "'age'", "'age','equalto',31", "'tags'", "'home','defined'", "'home.city','undefined'", "'name','nosuch'")
    expressions += listed("items", "")
    expressions += calls("dictsort", "", "true", "by='value'", "false,'value',true", "reverse=true", "by='bad'")
    expressions += calls("xmlattr", "", "false", "autospace=false") + calls("urlencode", "") + calls("pprint", "") + calls("attr", "'name'", "'x'", "'count'")
    expressions += calls("wordcount", "") + calls("default", "'d',true")
    expressions += ["[v.count(1), v.count('a')]", "[v.index(1)]", "[v.index(1, 1)]", "v.copy()", "[v.get('a')]", "[v.get('zz', 'é')]", "v.keys()|list", "v.values()|list", "v.items()|list", "v.keys()", "v.values()", "v.items()"]
    expressions += ["v.append(1)", "v.pop()", "v.update({})", "v.clear()", "v.sort()", "v.extend([1])", "v.insert(0, 1)", "v.remove(1)", "v.reverse()", "v.setdefault('a', 1)", "v.popitem()", "v.append is defined", "v.__class__", "v.__len__()", "v['__class__'] is defined"]
    expressions += ["[v[0]]", "[v[-1]]", "[v['b']]", "[v.b]", "[v[none]]", "[v[1.0]]", "[v[true]]", "[v[100]]", "v[100].x", "[v.name]", "[v.0]", "[v[[]]]", "[v['name'], v.items is defined]"]
    expressions += ["v[1:]", "v[::-1]", "v[-2:]", "v[:-1]", "v[::2]", "v[5:1:-2]", "v[none:2]", "v[:]", "v[1:100]", "v[-100:1]", "v[::0]", "v['a':]", "v[1.0:]", "v[true:]"]
    expressions += ["v + [9]", "v + (9,)", "v * 2", "2 * v", "v * -1", "v * true", "v == [1,2,3]", "v == (1,2)", "v < [2]", "v >= (1,)", "1 in v", "'a' in v", "none in v", "v in [[], {}, ()]", "[1,2] in v", "v ~ v", "not v", "v is sequence", "v is mapping", "v is iterable", "[*v]", "v|count"]
    expressions += ["'%s' % v", "'%s-%s' % v", "'%(b)s' % v", "'{0[0]}|{0}'.format(v)", "'{b}'.format(**v)", "'{b}'.format_map(v)", "'{}{}'.format(*v)", "dict(v)", "dict(v, x=1)", "dict(**v)", "namespace(v).b", "namespace(**v).b"]
    return expressions


def tests():
    names = [
        "defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number", "string", "mapping",
        "sequence", "iterable", "callable", "odd", "even", "lower", "upper", "escaped", "filter", "test",
    ]  # fmt: skip
    binary = [
        "divisibleby(3)", "divisibleby 0", "sameas(none)", "sameas true", "in([1, 'a', none, 2.5])", "in 'Hello'", "eq 1", "equalto 1.0",
        "ne(none)", "lt(2)", "lessthan 'b'", "le 1", "gt 0", "greaterthan([0])", "ge(42)", "==1", "eq('a')", "sameas v", "nosuchtest",
    ]  # fmt: skip
    plain = [f"v is {name}" for name in names] + [f"v is not {name}" for name in ["defined", "none", "string", "mapping", "odd"]]
    return plain + [f"v is {text}" for text in binary] + ["v is not in [1, none]", "v is odd is true", "not v is none", "v is none or v", "v is string and v|length > 3"]


def text_methods():
    expressions = []
    for name in [
        "upper", "lower", "capitalize", "title", "casefold", "swapcase", "strip", "lstrip", "rstrip", "isalnum", "isalpha", "isascii", "isdecimal",
        "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper", "split", "rsplit", "splitlines", "expandtabs",
    ]:  # fmt: skip
        expressions += methods(name, "")
    expressions += methods("strip", "'a '", "'xX'", "none", "'é\u00a0'", "1")
    expressions += methods("lstrip", "'fF xX'", "''") + methods("rstrip", "'\\n'", "'oxX'")
    expressions += methods("split", "','", "' '", "',',1", "none,1", "sep='a'", "sep=',',maxsplit=1", "'',1", "'l',-1", "'o',0", "maxsplit=1", "1")
    expressions += methods("rsplit", "','", "',',1", "none,1", "' ',2", "maxsplit=1", "sep='l'")
    expressions += methods("splitlines", "true", "keepends=true", "false")
    expressions += methods("replace", "'a','é'", "'','-'", "'l','L',1", "'o','',-1", "'a'", "'a',1", "old='a',new='b'")
    expressions += methods("find", "'o'", "'o',5", "'l',2,4", "''", "'',99", "'é'", "-1", "'世',-8") + methods("rfind", "'o'", "''", "'o',0,6")
    expressions += methods("index", "'o'", "'zz'", "'l',1") + methods("rindex", "'a'", "'l',-3")
    expressions += methods("count", "'l'", "''", "'a',1", "'é'", "'o',1,6") + methods("startswith", "'H'", "('x','H','a')", "''", "'l',2", "['H']", "'ell',1,4", "()")
    expressions += methods("endswith", "'o'", "('o','é','c')", "''", "'lo',1,5", "1", "('x',1)")
    expressions += methods("removeprefix", "'a'", "'Hell'", "''") + methods("removesuffix", "'foo'", "'c'", "''")
    expressions += methods("partition", "' '", "'l'", "','", "''") + methods("rpartition", "' '", "'l'", "','")
    expressions += methods("join", "['x','y']", "[]", "'abc'", "[1]", "('é',)", "{'p':1,'q':2}", "v")
    expressions += methods("center", "9", "12,'*'", "5,'ab'", "-1", "21,'é'") + methods("ljust", "9", "20,'-'") + methods("rjust", "9", "20,'0'", "3,''")
    expressions += methods("zfill", "8", "0", "30") + methods("expandtabs", "4", "0", "tabsize=2")
    expressions += methods("format", "", "1,2", "'é',a=1") + methods("format_map", "{}", "{'a':1}") + methods("translate", "{97: 'X', 108: none, 233: 101}", "v.maketrans('ab','xy')")
    expressions += ["[v.maketrans('l','L')]", "[v.nosuch]", "v.nosuch()", "v.__class__", "v.format is callable", "v.upper is defined", "[v.upper() is upper]"]
    expressions += ["[v[0]]", "[v[-1]]", "[v[3]]", "[v[99]]", "[v['x']]", "[v.x]", "[v[1:4]]", "[v[::-1]]", "[v[-3:]]", "[v[::2]]", "[v[:-1]]", "[v[4:1:-1]]", "[v[-100:100:3]]", "[v[1:'a']]", "[v[none:none:none]]"]
    expressions += ["v|list", "v + 'é'", "v + 1", "1 + v", "v * 2", "v * 0", "[v * -1]", "3 * v", "v * 1.5", "v - 'a'", "v < 'b'", "v >= 'Hello'", "v == 'a'", "v != none", "v < 1", "'o' in v", "'' in v", "1 in v", "v in 'a,b,,cHello'", "v % 1", "v % ()", "v % {}", "-v", "v.length", "v|length > 3", "v is in ['a', cjk]"]
    expressions += ["(v|safe) + '<i>'", "'<i>' + (v|safe)", "(v|safe) ~ '<i>'", "(v|e)|e", "(v|safe).upper()", "[v|safe|upper]", "(v|safe)|replace('a', '<')", "['<', v|safe]|join('&')", "(v|safe) is escaped", "(v|safe) == v", "'<%s>' % (v|safe)", "('<%s>'|safe) % v", "('{}&'|safe).format(v)", "(v|safe).split()", "[(v|safe)[1:3]]", "(v|safe)|tojson", "(v|safe) * 2", "[(v|safe).strip()]", "(v|safe)|trim|e", "((v|safe) ~ '&')|e", "(v|safe)|list", "(v|safe).join(['<','>'])", "(v|safe)|striptags", "[(v|safe)|string]", "(v|safe).unescape()", "v|e|length"]
    return expressions


def json_filter():
    return calls(
        "tojson", "", "true", "ensure_ascii=true", "indent=2", "indent=0", "false,4", "indent='\\t'", "separators=(',',':')", "separators=[' , ', ' = ']",
        "sort_keys=true", "indent=2,sort_keys=true,ensure_ascii=true", "indent=1,separators=(', ','é')", "indent=none", "indent=-1", "nosuch=1", "false,none,none,true", "ensure_ascii=0", "indent=true",
        wrap="v|{}",
    )  # fmt: skip


FORMATS = [
    ("'%s %s'", ["('a', 1)", "(1,)", "(1,2,3)", "'x'", "[1,2]", "none"]),
    ("'%(a)s %(b)05.1f'", ["{'a': 'é', 'b': 2.25}", "{'a': 1}", "1"]),
    ("'%r %a %s'", ["('é', 'é', 'é')", "(none, true, 1.0)", "([1], {'a': 'é'}, missing)"]),
    ("'%5s|%-5s|%.2s|%5.1s|'", ["('é', '世界', '世界人', 'abc')", "(1, none, true, 2.5)"]),
    ("'%d %i %u'", ["(1.9, -1.9, true)", "('1', 1, 1)", "(10**20, 0, -0.0)"]),
    ("'%x %X %o %#x %#o'", ["(255, 255, 8, 255, 8)", "(-255, 0, -8, 0, 0)", "(1.5, 1, 1, 1, 1)"]),
    ("'%e %.0e %E %f %F %g %G %.10g'", ["(12345.678,)*8", "(0.0001,)*8", "(1e-10,)*8", "(1e20,)*8", "(0,)*8", "(infinite|float,)*8", "('x',)*8"]),
    ("'%c%c'", ["(65, 'é')", "('ab', 1)", "(128512, '世')"]),
    ("'%'", ["()", "1"]),
    ("'%5%|%%'", ["()", "1"]),
    ("'%z'", ["1"]),
    ("'%+05d|% 5d|%-+5d|%05.1f|%+.2e'", ["(7, 7, 7, 7, 7)", "(-7, -7, -7, -7, -7)"]),
    ("'%(a)s%(a)s'", ["{'a': [1]}", "users[0]", "{'a': missing}"]),
]

STR_FORMATS = [
    ("'{} {}'", ["1, 'é'", "1", "1, 2, 3"]),
    ("'{0} {1} {0}'", ["'a', none", "users"]),
    ("'{a} {b[c]} {b.c}'", ["a=1, b={'c': 'é'}", "a=1"]),
    ("'{0[0]} {0[name]}'", ["users[0]", "[1]"]),
    ("'{0.name} {1.age}'", ["*users", "users[0], users[1]"]),
    ("'{:>6}|{:<6}|{:^6}|{:é^7}|'", ["'ab', 'ab', 'ab', 'ab'", "1, 1.5, true, none", "'世界', 1, 1, 1"]),
    ("'{:+d} {:05d} {:,} {:_} {:x} {:#b} {:o} {:X} {:c} {:n}'", ["5, 5, 1234567, 1234567, 255, 5, 8, 255, 233, 7", "-5, -5, -1234567, -1234567, -255, -5, -8, -255, 65, -7", "1.5, 1,1,1,1,1,1,1,1,1"]),
    ("'{:.2f} {:8.3f} {:+.1e} {:g} {:%} {:.0%} {:,.2f} {:G} {:010.2f} {:<8.1f}|'", ["3.14159,"*10, "1e10,"*10, "-0.5,"*10, "infinite|float,"*10, "0,"*10, "'x',"*10]),
    ("'{!r} {!s} {!a}'", ["'é', 'é', 'é'", "none, 1.0, [1]"]),
    ("'{{}} {{{}}}'", ["1"]),
    ("'{:{}}|{:{w}.{p}f}'", ["'a', 5, 2.5, w=8, p=2"]),
    ("'{'", ["1"]),
    ("'}'", ["1"]),
    ("'{!x}'", ["1"]),
    ("'{:Q}'", ["1", "'a'"]),
    ("'{} {0}'", ["1"]),
    ("'{:5}|{:5}|{:.2}|{:=+5}'", ["1, 'a', 'abc', 3", "none, [1], 'é世界', 3", "true, {}, 1.234, 3"]),
    ("'{a.__class__}'", ["a=1"]),
    ("'{:s} {:d}'", ["'a', 1", "1, 1", "'a', 'a'", "'a', 1.0"]),
    ("'{:%Y}'", ["1"]),
    ("'{0.upper}'", ["missing", "1"]),
]

OPERANDS = ["none", "missing", "true", "0", "3", "-2", "10**20", "1.5", "-0.0", "(infinite|float)", "''", "'ab'", "'é'", "[]", "[1,'ab']", "(1,)", "{}", "{'ab':1}"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]


def operators():
    expressions = []
    for operator in OPERATORS:
        for right in OPERANDS:
            if operator == "*" and right == "10**20":
                continue  # a string of that length fails differently on each machine
            expressions.append(f"[v {operator} {right}]")
    return expressions


def powers():
    return [f"[v ** {right}]" for right in ["0", "1", "2", "-1", "0.5", "-0.5", "true", "none", "'a'", "missing", "10", "1.0", "-2.0", "63", "64"]]


def unicode_grid():
    """All methods that depend on character properties, for random code points of every script."""
    import random
    import unicodedata

    rng = random.Random(7)
    assigned = [c for c in range(0x80, 0x20000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    cased = [c for c in assigned if chr(c).lower() != chr(c) or chr(c).upper() != chr(c) or chr(c).title() != chr(c)]
    special = [c for c in assigned if len(chr(c).upper()) > 1 or len(chr(c).lower()) > 1 or len(chr(c).title()) > 1 or chr(c).casefold() != chr(c).lower()]
    numeric = [c for c in assigned if chr(c).isnumeric()]
    spaces = [c for c in range(0x3100) if chr(c).isspace() or len(f"a{chr(c)}b".splitlines()) > 1 or unicodedata.category(chr(c)) in ("Zs", "Zl", "Zp", "Cc", "Cf")]
    strings = []
    for pool, count in [(assigned, 700), (cased, 600), (special, len(special)), (numeric, 300), (spaces, len(spaces))]:
        drawn = pool if count >= len(pool) else rng.sample(pool, count)
        for start in range(0, len(drawn), 40):
            strings.append([chr(c) for c in drawn[start : start + 40]])
    per_character = ["isalpha", "isalnum", "isdecimal", "isdigit", "isnumeric", "isspace", "isprintable", "isidentifier", "islower", "isupper", "istitle"]
    flags = "".join(f"{{{{ '1' if c.{name}() else '0' }}}}" for name in per_character)
    templates = [
        "{% for c in s %}{{ c.upper() }}{{ c.lower() }}{{ c.title() }}{{ c.casefold() }}{{ c.capitalize() }}{{ c.swapcase() }}|{% endfor %}",
        "{{ s|join('a')|lower }}|{{ s|join('a')|upper }}|{{ s|join|title }}|{{ s|join('A')|capitalize }}",
        "{% for c in s %}" + flags + " {% endfor %}",
        "{{ s }}|{{ s|tojson(ensure_ascii=true) }}|{% for c in s %}{{ ('a' ~ c ~ 'b').splitlines()|length }}{{ ('a' ~ c ~ 'b').split()|length }}{{ ('' ~ c ~ '')|trim|length }}{% endfor %}",
    ]
    return strings, templates


def all_grids():
    """Topic: [(values of v, expressions), ..]."""
    return {
        "filters_text": [(TEXTS + FEW[:4], text_filters())],
        "filters_any": [(FEW, sequence_filters() + json_filter()), (["7", "none", "missing", "[1,'b']", "{'b':'é'}", "true"], text_filters())],
        "filters_numbers": [(NUMBERS + OTHERS[:2] + ["'5'", "[1]"], number_filters())],
        "filters_sequences": [(SEQUENCES + MAPPINGS + ["none", "missing", "'bca'", "5"], sequence_filters())],
        "tests": [(MIXED + ["3.0", "-1", "'upper'", "'odd'", "range", "namespace(a=1)", "('x'|safe)", "dict", "'UP ß'", "'é'"], tests())],
        "methods_text": [(TEXTS, text_methods())],
        "tojson": [(MIXED + MAPPINGS + ["[infinite|float, -(infinite|float)]", "[[], {}, [[]]]", "{'a': {}, 'b': [], 'c': [{}]}", "[1e16, 1e-7, 123456789.123, -0.0]", "range(3)", "('<b>'|safe)", "users|map(attribute='name')"], json_filter())],
        "operators": [(OPERANDS, operators()), (["0", "1", "-3", "2", "2.5", "true", "10**20", "-8.0", "(infinite|float)", "'a'", "none"], powers())],
        "format": [(arguments, [f"{text} % v", f"{text}|format(v)"]) for text, arguments in FORMATS],
    }  # fmt: skip


def format_templates():
    return [f"{{{{ {text}.format({arguments}) }}}}" for text, many in STR_FORMATS for arguments in many] + [
        f"{{{{ {text}|format({arguments}) }}}}" for text, many in STR_FORMATS[:4] for arguments in many
    ] + [f"{{{{ {text}|format{a} }}}}" for text, many in FORMATS for a in many if a.startswith("(") and a.endswith(")")]
