"""Operands for filters, tests, methods and operators, as Jinja expressions over VARIABLES."""

VARIABLES = {
    "accents": "Ünïcödé naïve café",
    "marks": "nai\u0308ve cafe\u0301 A\u030a\u0323x",
    "cjk": "你好，世界 カタカナ",
    "emoji": "👩‍👩‍👧 🇩🇪 👍🏽a",
    "sharp": "straße ẞ ŉ ﬁx ǆ",
    "turkish": "İstanbul ıI iİ",
    "sigma": "ΣΊΣΥΦΟΣ ΑΣ ΑΣ.",
    "spaces": "\u00a0\u3000 two  words\u2003\u200b\n",
    "html": "<a href=\"x\">T & 'q'</a>  <!-- c --> &lt;b&gt;",
    "lines": "first\n\n  second\r\nthird\u2028fourth\tend\n",
    "quotes": "it's \"q\" \\ back\n",
    "control": "\x00\x07\x1b[31m\x7f\x85\u200e\ufeff",
    "devanagari": "१२३",
    "long": "The quick brown fox jumps over the-lazy-dog, and www.example.com/x?y=1 or https://a.b/c(d) me@x.org.",
    "users": [
        {"name": "Zoë", "age": 31, "tags": ["a", "b"], "home": {"city": "Köln"}},
        {"name": "adam", "age": 25, "tags": [], "home": {"city": "aachen"}},
        {"name": "Bob", "age": 31, "tags": ["c"], "home": {}},
        {"name": "Élan", "age": None},
    ],
    "nested": {"k": "it's", "l": [1, [2.0, None], {"q\"": 'a"b\'c'}], "é": {"t": True}, "n": None},
    "words": ["b", "A", "c", "a", "É", "ß", "B", "é"],
    "huge": 2**63,
    "small": -(2**63),
    "nothing": None,
    "infinite": "inf",  # jinja2 writes constants into Python code, where 1e999 becomes the unknown name inf
}

TEXTS = [
    "''", "'a'", "'Hello wORLD foo'", "accents", "marks", "cjk", "emoji", "sharp", "turkish", "sigma", "spaces", "html",
    "lines", "quotes", "control", "devanagari", "long", "'3.14'", "' 42 '", "'0x1F'", "'1_000'", "'-1e3'", "'inf'",
    "'a,b,,c'", "'xXaXx'", "'²½Ⅷ'", "'_id9'", "'They\\'re Bill\\'s'", "'ab\\tc\\td'",
]  # fmt: skip

NUMBERS = [
    "true", "false", "0", "1", "-7", "42", "255", "huge", "small", "9007199254740993", "10**30", "1.0", "-0.0", "1.5", "2.5",
    "-2.5", "0.125", "2.675", "0.1", "1e16", "123456789012345680.0", "1e-5", "0.0001", "1e22", "5e-324", "3.14159",
    "infinite|float", "-(infinite|float)", "infinite|float - infinite|float", "1234567.891",
]  # fmt: skip

SEQUENCES = [
    "[]", "[1,2,3]", "[3,1,2,1]", "words", "[none, missing, true]", "[[1,2],[3],[]]", "(1,2)", "()", "(none,)", "users",
    "range(5)", "range(6,0,-2)", "['a','b','c','d','e','f','g']", "[1, 1.0, true, '1']", "[0.1]*3", "['é\"\\'\\n', \"it's\"]",
    "[('b',2),('a',1)]", "[none]", "['', 'x']", "users|map(attribute='age')|list", "[2.5, -1, 10**20]",
]  # fmt: skip

MAPPINGS = ["{}", "{'b':1,'a':2,'C':0}", "nested", "{1:'x', none:'y', 2.5:'z', (1,2):'t', true:'over'}", "{'B':'z','a':'Y','c':'x'}", "users[0]"]

OTHERS = ["none", "missing", "nothing"]

# A few of each, for operations that accept any value.
MIXED = [
    "none", "missing", "true", "false", "0", "1", "-7", "42", "huge", "10**30", "1.5", "-0.0", "2.5", "1e16", "1e-5",
    "infinite|float", "''", "'a'", "'Hello wORLD foo'", "accents", "marks", "cjk", "emoji", "sharp", "turkish", "spaces", "html",
    "lines", "quotes", "control", "devanagari", "'3.14'", "' 42 '", "'a,b,,c'", "[]", "[1,2,3]", "words", "[none, missing, true]", "[[1,2],[3],[]]",
    "(1,2)", "users", "range(5)", "{}", "{'b':1,'a':2,'C':0}", "nested", "[('b',2),('a',1)]", "[1, 1.0, true, '1']",
]  # fmt: skip

FEW = ["none", "missing", "true", "7", "-2.5", "'Aé b'", "cjk", "[3,1,2]", "('x','Y')", "{'b':1,'a':'é'}", "users"]
