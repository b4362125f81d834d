"""Hand-written templates by topic: the meaning of each construct and its errors. All use VARIABLES of values.py."""

import re

SCOPES = r"""
{% set x = 1 %}{% for i in [1,2] %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}
{% for i in [1,2,3] %}{% if i == 1 %}{% set t = 'first' %}{% endif %}[{{ t }}]{% endfor %}[{{ t }}]
{% for i in [1,2] %}{% set y = i %}{% endfor %}[{{ y }}]{{ y is defined }}
{% if true %}{% set y = 1 %}{% endif %}{{ y }}
{% if false %}{% set y = 1 %}{% endif %}[{{ y }}]
{% set y = 0 %}{% if false %}{% set y = 1 %}{% else %}{% set z = 2 %}{% endif %}[{{ y }}{{ z }}]
{% set y = 0 %}{% if true %}{% for i in [1] %}{% set y = 9 %}{{ y }}{% endfor %}{% endif %}{{ y }}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% set c = 3 %}{{ c }}{% endwith %}[{{ a }}{{ c }}]
{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with %}{% set q = 1 %}{{ q }}{% endwith %}[{{ q }}]
{% set x = 1 %}{% with %}{% set x = 2 %}{{ x }}{% endwith %}{{ x }}
{% macro m() %}[{{ x }}]{% endmacro %}{% set x = 1 %}{{ m() }}
{% set x = 1 %}{% macro m() %}[{{ x }}]{% set x = 3 %}[{{ x }}]{% endmacro %}{% set x = 2 %}{{ m() }}{{ x }}
{% set x = 1 %}{% macro m(x) %}{{ x }}{% endmacro %}{{ m(2) }}{{ x }}{{ m() }}
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}|{{ m(1, 2) }}|{{ m(b=3) }}
{% macro m(a, b=x) %}{{ a }}{{ b }}{% endmacro %}{% set x = 7 %}{{ m(1) }}
{% for i in [1,2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}[{{ m }}]
{% for i in [1,2] %}{% macro m(k) %}{{ loop.index }}{{ k }}{% endmacro %}{{ m(i) }}{% endfor %}
{% macro outer() %}{% macro inner() %}in{{ z }}{% endmacro %}{% set z = 4 %}{{ inner() }}{% endmacro %}{{ outer() }}{{ inner is defined }}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}
{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}
{% for x in x_missing %}{{ x }}{% else %}none{% endfor %}
{% set x = [1,2] %}{% for x in x %}{{ x }}{% endfor %}{{ x }}
{% set i = 'o' %}{% for i in [1,2] %}{{ i }}{% endfor %}{{ i }}
{% set i = 'o' %}{% for j in [i] %}{% for i in [3] %}{{ i }}{% endfor %}{{ i }}{% endfor %}
{% set ns = namespace(x=0) %}{% for i in [1,2,3] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}
{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b }}{{ ns['a'] }}{{ ns }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns }}
{% set ns = namespace([('a', 1)]) %}{{ ns.a }}
{% set ns = namespace(x=1) %}{% set ns2 = ns %}{% set ns2.x = 5 %}{{ ns.x }}
{% set ns = namespace(_x=1) %}{{ ns._x }}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% set ns = namespace(x=1) %}{% set ns.x %}block {{ ns.x }}{% endset %}{{ ns.x }}
{% set ns = namespace(x=1) %}{% set ns.x, y = 3, 4 %}{{ ns.x }}{{ y }}
{% set ns = namespace(items=3, keys=1) %}{{ ns.items }}{{ ns.keys }}
{% set ns = namespace(a=1) %}{{ ns == ns }}{{ ns is mapping }}{{ ns is iterable }}{{ ns is defined }}{{ ns|string }}
{% set ns = namespace(self=1) %}{{ ns.self }}
{% set d = {'a': 1} %}{% set d.a = 2 %}{{ d }}
{% set missing.a = 2 %}
{% set x = 1 %}{% set x.y = 2 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}
{% set a, b = [1, 2] %}{{ a }}{{ b }}
{% set (a, b) = 'xy' %}{{ a }}{{ b }}
{% set a, (b, c) = 1, (2, 3) %}{{ a }}{{ b }}{{ c }}
{% set [a, b] = 1, 2 %}{{ a }}
{% set a, b = 1 %}
{% set a, b = 1, 2, 3 %}
{% set a = 1, 2 %}{{ a }}
{% set a = 1, %}{{ a }}
{% set a, b = b_missing, 1 %}[{{ a }}]{{ b }}
{% set a = 1 %}{% set b = 2 %}{% set a, b = b, a %}{{ a }}{{ b }}
{% set x %}a{{ 1 + 1 }}b{% endset %}{{ x }}{{ x|length }}
{% set x | upper %}a{{ 'é' }}{% endset %}{{ x }}
{% set x | replace('a', 'b') | upper %}banana{% endset %}{{ x }}
{% set x %}{% for i in range(3) %}{{ i }}{% set q = i %}{% endfor %}{{ q }}{% endset %}[{{ x }}]
{% set x %}{% set y = 1 %}{{ y }}{% endset %}{{ x }}[{{ y }}]
{% set x %}<b>{% endset %}{{ x is escaped }}{{ x|e }}{{ [x] }}
{% set loop = 5 %}{% for i in [1] %}{{ loop }}{% endfor %}{{ loop }}
{% set range = 5 %}{{ range }}
{% set none = 5 %}{{ none }}
{% set true = 5 %}
{% set True = 1 %}
{% set self = 1 %}{{ self }}
{% set namespace = 3 %}{{ namespace }}
{% set é = 'ok' %}{{ é }}
{% set 世 = 'ok' %}{{ 世 }}
{% set 1a = 2 %}
{% set _a = 1 %}{% set __b = 2 %}{{ _a }}{{ __b }}
{% set in = 2 %}
{% set if = 2 %}
{% set x = y = 2 %}
{% set x == 2 %}
{% set x %}{% endset %}[{{ x }}]
{% set f = range %}{{ f(3)|list }}
{% set m = 'abc'.upper %}{{ m() }}
{% set x = 1 -%}  {{ x }}
{% for a in [1] %}{% set x = 1 %}{% for b in [1, 2] %}{{ x }}{% set x = 2 %}{% endfor %}{{ x }}{% endfor %}
{% macro m() %}{% set y = 1 %}{% endmacro %}{{ m() }}[{{ y }}]
{% set x = 'g' %}{% macro m() %}{% if false %}{% set x = 'l' %}{% endif %}{{ x }}{% endmacro %}{{ m() }}
{% set x = 'g' %}{% for i in [0, 1] %}{% if i %}{% set x = 'l' %}{% endif %}{{ x }}{% endfor %}
{% for i in [0, 1, 0] %}{% if i %}{% set u = 'l' %}{% endif %}[{{ u }}]{{ u is defined }}{% endfor %}
{% if users %}{% set n = users|length %}{% elif true %}{% set n = 'e' %}{% else %}{% set n = 0 %}{% endif %}{{ n }}
{% block b %}{% set x = 1 %}{{ x }}{% endblock %}[{{ x }}]
{% set x = 1 %}{% block b %}[{{ x }}]{% endblock %}
{% for i in [1] %}{% block b %}[{{ i }}]{% endblock %}{% endfor %}
{% for i in [1] %}{% block b scoped %}[{{ i }}]{% endblock %}{% endfor %}
{% block b %}x{% endblock b %}{{ self.b() }}
{% block b %}x{% endblock c %}
{% block b %}x{% endblock %}{% block b %}y{% endblock %}
{% block b %}{{ super() }}{% endblock %}
{% block b required %}{% endblock %}
{% macro m() %}{{ self }}{% endmacro %}{{ m() }}
{% filter upper %}{% set x = 'in' %}{{ x }}{% endfilter %}[{{ x }}]
{% set x = 1 %}{% filter trim %}{% set x = 2 %} {{ x }} {% endfilter %}{{ x }}
{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}[{{ x }}]
{% set x = 3 %}{% generation %}{{ x }}{% endgeneration %}
{% for i in [1,2] %}{% generation %}{{ i }}{{ loop.last }}{% endgeneration %}{% endfor %}
{% set x = 0 %}{% for i in [1] %}{% for j in [1] %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}{% endfor %}{{ x }}
{% call(u) none_missing() %}{% endcall %}
{% set x = 1 %}{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ x }}{% set x = 2 %}{{ x }}{% endcall %}{{ x }}
{% set users = 5 %}{{ users }}
{% macro m(users) %}{{ users }}{% endmacro %}{{ m(1) }}{{ users|length }}
{% macro m() %}{{ users|length }}{% endmacro %}{{ m() }}
{% for users in [1] %}{{ users }}{% endfor %}{{ users|length }}
{% set a = [] %}{% for i in [1,2] %}{% set a = a + [i] %}{% endfor %}{{ a }}
{% set a = {} %}{% for i in [1,2] %}{% set _ = a.update({i: i}) %}{% endfor %}{{ a }}
{% for i in [1,2] %}{{ i }}{% set i = 9 %}{{ i }}{% endfor %}
{% for i in [1,2] %}{% set loop = 9 %}{{ loop }}{% endfor %}
{% with loop = 3 %}{{ loop }}{% endwith %}
{% for i in [1] %}{% with x = loop.index %}{{ x }}{% endwith %}{% endfor %}
{% macro m() %}{{ loop }}{% endmacro %}{% for i in [1] %}[{{ m() }}]{% endfor %}
{% if (x is not defined) %}{% set x = 'd' %}{% endif %}{{ x }}
{% if users is defined %}{% set users = users[:1] %}{% endif %}{{ users|length }}
{% if not tools is defined %}{% set tools = none %}{% endif %}{{ tools }}
"""

LOOPS = r"""
{% for i in [1,2,3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}
{% for i in [1,2,3] %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }};{% endfor %}
{% for i in [1,2,3] %}{{ loop.previtem is defined }}{{ loop.nextitem is undefined }}{% endfor %}
{% for i in [1,1,2,2,1] %}{{ loop.changed(i) }}{% endfor %}
{% for i in [1,1,2] %}{{ loop.changed(i, 'x') }}{{ loop.changed() }}{% endfor %}
{% for i in range(5) %}{{ loop.cycle('a', 'b', 'é') }}{% endfor %}
{% for i in range(2) %}{{ loop.cycle() }}{% endfor %}
{% for i in range(2) %}{{ loop }}{% endfor %}
{% for i in range(2) %}{{ loop.nosuch }}|{{ loop['index'] }}{% endfor %}
{% for i in range(2) %}{% set outer = loop %}{% for j in range(2) %}{{ outer.index }}{{ loop.index }}{{ loop.depth }} {% endfor %}{% endfor %}
{% for a in [[1,[2,3]],[4]] recursive %}{{ loop.depth }}{% if a is iterable %}({{ loop(a) }}){% else %}{{ a }}{% endif %}{% endfor %}
{% for u in [{'n':'a','c':[{'n':'b','c':[]}]}] recursive %}{{ u.n }}{{ loop.depth0 }}{{ loop.index }}{% if u.c %}[{{ loop(u.c) }}]{% endif %}{% endfor %}
{% for a in [1, [2]] recursive %}{% if a is number %}{{ a }}{% else %}{% for q in [7] %}{{ loop.depth }}{% endfor %}{{ loop(a) }}{% endif %}{% endfor %}
{% for a in [1] recursive %}{{ loop([]) }}{% else %}E{% endfor %}
{% for a in [1] %}{{ loop([2]) }}{% endfor %}
{% for i in [] %}x{% else %}empty{% endfor %}
{% for i in [1] %}x{% else %}empty{% endfor %}
{% for i in [1,2] if i > 5 %}x{% else %}empty{% endfor %}
{% for i in [1,2,3,4] if i is even %}{{ i }}{{ loop.index }}{{ loop.length }}{{ loop.last }} {% endfor %}
{% for i in range(6) if i % 2 if i > 1 %}{{ i }}{% endfor %}
{% for i in [3,1] if loop.index %}{{ i }}{% endfor %}
{% for i in [1,2] if i == x_missing or true %}{{ i }}{% endfor %}
{% for i in none %}x{% endfor %}
{% for i in 5 %}x{% endfor %}
{% for i in true %}x{% endfor %}
{% for i in missing %}x{% else %}none{% endfor %}
{% for c in emoji %}{{ c }},{% endfor %}
{% for c in marks %}{{ c }},{% endfor %}
{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}
{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}
{% for k, v in {'a': 1}|items %}{{ k }}={{ v }};{{ loop.length }}{% endfor %}
{% for k, v in nested|dictsort %}{{ k }}={{ v }};{% endfor %}
{% for k in nested.keys() %}{{ k }}{{ loop.length }}{% endfor %}
{% for a, b in [(1, 2), [3, 4], 'xy'] %}{{ a }}{{ b }}{% endfor %}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for (a, b) in [(1, 2)] %}{{ a }}{{ b }}{% endfor %}
{% for a, b in [1] %}{{ a }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}
{% for a, in [(1,)] %}{{ a }}{% endfor %}
{% for a in 1, 2, 3 %}{{ a }}{% endfor %}
{% for a.b in [1] %}{% endfor %}
{% for loop in [1] %}{% endfor %}
{% for i in range(5) %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in range(5) %}{% if i == 3 %}{% continue %}{% endif %}{{ i }}{% endfor %}
{% for i in range(3) %}{% for j in range(3) %}{% if j == 1 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}-{% endfor %}
{% for i in range(2) %}{% break %}{% else %}E{% endfor %}
{% for i in range(3) %}{{ i }}{% continue %}x{% else %}E{% endfor %}
{% break %}
{% continue %}
{% for i in [1] %}{% with %}{% break %}{% endwith %}{% endfor %}
{% for i in [1] %}{% filter upper %}{% break %}{% endfilter %}{% endfor %}
{% for i in [1,2] %}{% if true %}{% break %}{% endif %}{% endfor %}ok
{% for i in [1,2] %}{% set x %}{% break %}{% endset %}{% endfor %}
{% for i in [1,2] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
{% for i in range(10, 0, -3) %}{{ i }} {% endfor %}
{% for i in range(0) %}x{% else %}-{% endfor %}
{% for i in [1,2,3]|reverse %}{{ i }}{{ loop.length }}{{ loop.last }}{{ loop.revindex }} {% endfor %}
{% for i in 'abc'|map('upper') %}{{ i }}{{ loop.last }}{{ loop.nextitem }}{% endfor %}
{% for i in users|selectattr('age', 'eq', 31) %}{{ loop.index }}/{{ loop.length }}{{ i.name }}{% endfor %}
{% for g in users|groupby('age', default=0) if g.grouper %}{{ g.grouper }}{{ g.list|length }}{% endfor %}
{% for g, us in users[:3]|groupby('age') %}{{ g }}:{% for u in us %}{{ u.name }}{% endfor %};{% endfor %}
{% for row in range(7)|batch(3, '-') %}{{ row }}{% endfor %}
{% for row in range(7)|slice(3) %}{{ row }}{% endfor %}
{% for a, b in {'x': 1, 'y': 2}.items()|list|reverse %}{{ a }}{{ b }}{% endfor %}
{% for i in [1,2,3][::-1] %}{{ i }}{% endfor %}
{% for i in [[1,2],[3]] %}{% for j in i %}{{ loop.index }}{{ loop.length }}{% else %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}
{% for i in [[],[3]] %}{% for j in i %}.{% else %}{{ loop.index }}{% endfor %}{% endfor %}
{% for i in [1] %}{% for j in [] %}{% else %}{{ i }}{{ j }}{% endfor %}{% endfor %}
{% for i in namespace(a=1) %}{% endfor %}
{% for i in range %}{% endfor %}
{% set it = [1,2,3]|map('string') %}{% for i in it %}{{ i }}{% endfor %}-{% for i in it %}{{ i }}{% endfor %}
{% set it = [1,2,3]|reverse %}{{ it|list }}{{ it|list }}
{% for i in [1,2,3] %}{% if loop.first %}F{% elif loop.last %}L{% else %}M{% endif %}{% endfor %}
{% for i in [1,2] -%} {{ i }} {%- endfor %}
{% for i in [1,2] %}{{ ', ' if not loop.first }}{{ i }}{% endfor %}
{% for m in [{'role':'user'},{'role':'assistant'}] %}{{ (m.role == 'user') != (loop.index0 % 2 == 0) }}{% endfor %}
{% for i in range(100000) %}{% endfor %}ok
{% for i in range(100001) %}{% endfor %}
{{ range(3) }}{{ range(1, 9, 2)|list }}{{ range(5)[-1] }}{{ range(5)[1:3] }}{{ range(3)|length }}{{ 2 in range(3) }}{{ range(0) == [] }}{{ range(2) == range(0, 2) }}
{{ range('a') }}
{{ range(1.5) }}
{{ range() }}
{{ range(1, 2, 0) }}
{{ range(true)|list }}{{ range(-3)|list }}
{{ range(stop=3) }}
{{ range(10).start }}{{ range(10).stop }}{{ range(10).step }}{{ range(10).count(3) }}{{ range(10).index(3) }}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}{{ c.items }}{{ c.pos }}
{% set c = cycler(1) %}{{ c.next() }}{{ c.next() }}
{{ cycler() }}
{% set j = joiner() %}{{ j() }}a{{ j() }}b{{ j() }}c
{% set j = joiner(' | ') %}{% for i in [1,2,3] %}{{ j() }}{{ i }}{% endfor %}
{% set j = joiner(sep='é') %}{{ j() }}{{ j() }}{{ j.used }}
{{ dict(a=1, b='é') }}{{ dict({'a': 1}, b=2) }}{{ dict([('a', 1), ['b', 2]]) }}{{ dict() }}{{ dict.fromkeys(['a', 'b'], 0) }}{{ dict.fromkeys('xy') }}
{{ dict(1) }}
{{ dict(**{'a': 1}) }}{{ dict({'a': 1}, **{'a': 2}) }}
"""

MACROS = r"""
{% macro m(a, b='x', *c) %}{% endmacro %}
{% macro m(a, b=1) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, 4, k=5) }}{{ m() }}{{ m(b=2, a=1, z=3) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(a) %}[{{ a }}]{{ a is defined }}{% endmacro %}{{ m() }}{{ m(none) }}{{ m(missing) }}
{% macro m(a, b=2) %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.catch_varargs }}{{ m.caller }}{% endmacro %}{{ m(1) }}{{ m }}
{% macro m(a=1, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(1, 2) }}
{% macro m() %}{{ varargs|length }}{{ varargs }}{% endmacro %}{{ m() }}{{ m(1) }}{{ m(1, 'é') }}{{ m(*[1, 2]) }}
{% macro m() %}{{ kwargs }}{% for k, v in kwargs|dictsort %}{{ k }}{{ v }}{% endfor %}{% endmacro %}{{ m() }}{{ m(b=1, a=2) }}{{ m(**{'x': 1}) }}
{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 1, 'b': 2}) }}{{ m(1, **{'b': 2}) }}{{ m(*[1], b=2) }}{{ m(*'xy') }}
{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1], *[2]) }}
{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(a=1, 2) }}
{% macro m(a, a) %}{% endmacro %}{{ m(1, 2) }}
{% macro m() %}x{% endmacro %}{{ m()|upper }}{{ m() ~ m() }}{{ m()|length }}{{ [m()] }}{{ m() is string }}{{ m() is escaped }}{{ m is callable }}
{% macro m() %}<b>{% endmacro %}{{ m()|e }}{{ m() + '<' }}
{% macro m() %}  x  {% endmacro %}[{{ m() }}][{{ m()|trim }}]
{% macro m() -%}  x  {%- endmacro %}[{{ m() }}]
{% macro m(x) %}{{ caller(x) }}{% endmacro %}{% call(y) m(3) %}[{{ y }}]{% endcall %}
{% macro m() %}({{ caller() }}){% endmacro %}{% call m() %}body{% endcall %}
{% macro m() %}{{ caller is defined }}{% if caller %}{{ caller() }}{% endif %}{% endmacro %}{{ m() }}{% call m() %}b{% endcall %}
{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b=5, c=6) m() %}{{ a }}{{ b }}{{ c }}{% endcall %}
{% macro m() %}{{ caller(1) }}{% endmacro %}{% call m() %}b{% endcall %}
{% macro m() %}x{% endmacro %}{% call m() %}b{% endcall %}
{% macro m(caller) %}{{ caller }}{% endmacro %}{{ m(1) }}
{% macro m(caller=none) %}[{{ caller }}]{% endmacro %}{{ m() }}
{% macro a() %}<{{ caller() }}>{% endmacro %}{% macro b() %}{% call a() %}{{ caller() }}{% endcall %}{% endmacro %}{% call b() %}deep{% endcall %}
{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}{% for i in [1, 2] %}{% call m() %}{{ i }}{% endcall %}{% endfor %}
{% macro m(l) %}{% for i in l %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) m([1,2]) %}{{ i * 2 }},{% endcall %}
{% call 5 %}{% endcall %}
{% call missing() %}x{% endcall %}
{% call 'abc'.upper() %}x{% endcall %}
{% macro %}{% endmacro %}
{% macro m %}{% endmacro %}
{% macro m(1) %}{% endmacro %}
{% macro m(a.b) %}{% endmacro %}
{% macro m() %}
{% macro m() %}{% endmacro m %}
{{ m() }}{% macro m() %}late{% endmacro %}
{% if false %}{% macro m() %}x{% endmacro %}{% endif %}[{{ m }}]
{% macro m() %}{% endmacro %}[{{ m() }}]{% if m() %}y{% else %}n{% endif %}
{% macro m() %}{{ raise_exception('no') }}{% endmacro %}ok
{% macro m(n) %}{% for i in range(n) %}{{ i }}{{ m(n - 1) if n > 1 }}{% endfor %}{% endmacro %}{{ m(3) }}
{% macro r(x, d=0) %}{% if x is mapping %}{{ '{' }}{% for k, v in x.items() %}{{ k }}:{{ r(v, d + 1) }}{{ ',' if not loop.last }}{% endfor %}{{ '}' }}{% elif x is string %}{{ x|tojson }}{% elif x is iterable %}[{% for v in x %}{{ r(v, d + 1) }};{% endfor %}]{% else %}{{ x }}@{{ d }}{% endif %}{% endmacro %}{{ r(nested) }}{{ r(users) }}
{% set m = namespace() %}{% macro f(ns) %}{% set ns.x = 4 %}{% endmacro %}{{ f(m) }}{{ m.x }}
{% macro m(f) %}{{ f(2) }}{% endmacro %}{% macro g(x) %}{{ x * 2 }}{% endmacro %}{{ m(g) }}
{% macro m(a, b=[]) %}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, [2]) }}
{% macro m(a, b=a|upper, c=b ~ '!') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m('x') }}
{% set s = m is defined %}{% macro m() %}{% endmacro %}{{ s }}
{% macro m() %}{{ kwargs.x }}{{ varargs[0] }}{% endmacro %}{{ m(7, x=8) }}
{% macro m() %}{{ kwargs }}{% endmacro %}{{ m(caller=1) }}
{% filter upper %}abc{{ 'é' }}{% endfilter %}
{% filter replace('a', 'b')|upper %}aXa{% endfilter %}
{% filter trim|indent(2) %} a
b {% endfilter %}
{% filter nosuch %}x{% endfilter %}
{% filter length %}abc{% endfilter %}
{% filter %}x{% endfilter %}
{% filter join(',') %}abc{% endfilter %}
{% filter escape %}<>{% filter upper %}<b>{% endfilter %}{% endfilter %}
{% generation %}abc{% endgeneration %}
{%- generation -%} abc {%- endgeneration -%}
{% generation x %}abc{% endgeneration %}
{% generation %}
{% autoescape false %}{{ '<' }}{% endautoescape %}
{% include 'x' %}
{% include 'x' ignore missing %}
{% import 'x' as y %}
{% from 'x' import y %}
{% extends 'x' %}
{% do [] %}
{% trans %}x{% endtrans %}
{% debug %}
{% print 'x' %}{% print 1, 2 %}
{% nosuch %}
{% endif %}
{% else %}
{% if true %}
{% for x in [] %}
{% if true %}x{% endfor %}
{% if %}x{% endif %}
{% if true %}a{% else %}b{% else %}c{% endif %}
{% if false %}a{% elif true %}b{% elif true %}c{% else %}d{% endif %}
{% if false %}a{% else if true %}b{% endif %}
{% raw %}{{ x }}{% if %}{# c #}{% endraw %}
{%- raw -%}  {{ x }}  {%- endraw -%}
{% raw %} a {%- endraw %} b
{% raw %}
  x
{% endraw %}
y
{% raw %}x
{%raw%}{%endraw%}
{% raw %}{% raw %}{% endraw %}
a {%- raw %} b {% endraw -%} c
"""

EXPRESSIONS = r"""
{{ 1 < 2 < 3 }}{{ 1 < 3 < 2 }}{{ 1 == 1.0 == true }}{{ 3 > 2 >= 2 != 1 }}{{ 1 in [1] in [[1]] }}{{ 'a' < 'b' == true }}
{{ 1 + 2 * 3 - 4 / 2 }}{{ (1 + 2) * 3 }}{{ 2 ** 3 ** 2 }}{{ -2 ** 2 }}{{ (-2) ** 2 }}{{ 2 ** -1 }}{{ 7 // 2 }}{{ -7 // 2 }}{{ -7 % 3 }}{{ 7.5 // 2 }}{{ 7.5 % -2 }}
{{ 1 ~ 2 + 3 }}{{ 'a' ~ 1 + 2 ~ 'b' }}{{ 1 ~ 2 == '12' }}{{ 'a' ~ none ~ true ~ 1.0 ~ missing ~ [1] }}
{{ not true or true }}{{ not (true or true) }}{{ not 1 == 2 }}{{ not 'a' in 'b' }}{{ 1 and 2 }}{{ 0 or 'x' }}{{ '' or none }}{{ none and 1 }}{{ [] or {} or 'z' }}
{{ true and not false }}{{ true or missing.x.y }}{{ false and missing.x.y }}
{{ 1 if true else 2 }}{{ 1 if false else 2 }}[{{ 1 if false }}]{{ (1 if false) is defined }}{{ 'a' if 0 else 'b' if 0 else 'c' }}
{{ 1 if true else 2 ~ 'x' }}{{ (1 if true else 2) ~ 'x' }}{{ 'x' ~ (1 if false) ~ 'y' }}
{{ 1 if true else missing.x.y }}{{ [1 if false, 2] }}
{{ -1|abs }}{{ -1.5|abs }}{{ (-1)|abs }}{{ 2 * -3|abs }}{{ 2 ** 2|string }}{{ 'a' ~ 'b'|upper }}{{ 1 + '2'|int }}{{ not 'x'|length }}{{ -5 is odd }}{{ 1 + 1 is odd }}{{ 1 - 1 is none }}
{{ 'a' is string and 'b' is string }}{{ 1 is not string }}{{ not 1 is string }}{{ 5 is divisibleby 5 }}{{ 5 is divisibleby(5) }}{{ 5 is divisibleby 5 and true }}{{ 'a' is in ['a'] }}{{ 'a' is not in ['a'] }}{{ 2 is in [1] or true }}
{{ 1 is number is boolean }}{{ 1 is eq 1 + 1 }}{{ 1 is eq -1 }}{{ x is defined is true }}{{ 3 is lt 4 < 5 }}
{{ [1, 2, 3,] }}{{ (1, 2,) }}{{ (1,) }}{{ (1) }}{{ () }}{{ {'a': 1,} }}{{ {} }}{{ [] }}{{ [[]] }}{{ 1, 2 }}{{ 1, }}
{{ {1: 2, 'a': 3, none: 4, true: 5, (1, 2): 6, 1.5: 7} }}
{{ {'a': 1, 'a': 2} }}{{ {1: 'a', 1.0: 'b', true: 'c'} }}{{ {[]: 1} }}
{{ {'a' ~ 'b': 1} }}{{ {missing: 1} }}
{{ {a: 1} }}{{ {users: 1} }}
{{ 'a' 'b' "c" }}{{ 'a'
'b' }}
{{ 'it\'s' }}{{ "q\"q" }}{{ 'a\nb\tc\\d' }}{{ '\x41\u00e9\U0001F600\101\0' }}{{ '\a\b\f\v\r'|tojson }}{{ '\q\ ' }}{{ "\N{DIGIT ONE}" }}
{{ '\u00' }}
{{ '\x4' }}
{{ '\ud83d\ude00'|length }}
{{ 'a
b' }}
{{ "é世👍" }}{{ '\é' }}{{ 'x\
y' }}
{{ 'unterminated }}
{{ "a' }}
{{ 42 }}{{ 1_000_000 }}{{ 0x1F }}{{ 0X1f }}{{ 0b101 }}{{ 0o17 }}{{ 1.5 }}{{ 1e3 }}{{ 1E+3 }}{{ 1.5e-3 }}{{ 1_0.5_0 }}{{ 10e-1 }}{{ 0 }}{{ 00 }}
{{ 017 }}
{{ 1. }}
{{ .5 }}
{{ 1_ }}
{{ 0x }}
{{ 1__0 }}
{{ 1.5.real }}
{{ 1.real }}
{{ 5.bit_length() }}
{{ 99999999999999999999999999 }}{{ 9223372036854775807 + 1 }}{{ -9223372036854775808 - 1 }}{{ 2 ** 100 }}{{ 2 ** 64 // 3 }}{{ 2 ** 64 % 1000 }}{{ (2 ** 64) / 2 }}{{ 10 ** 20 - 10 ** 20 }}{{ 3 * 2 ** 62 }}{{ 10**18 * 10**18 }}{{ -(2**63) }}{{ huge + 1 }}{{ small - 1 }}{{ huge * huge }}{{ 10**30 > 1e29 }}{{ 10**30 == 1e30 }}{{ 2**53 + 1 == 2.0**53 }}{{ 9007199254740993 == 9007199254740992.0 }}
{{ 0.1 + 0.2 }}{{ 1e16 }}{{ 1e15 }}{{ 123456789012345678.0 }}{{ 1e-4 }}{{ 1e-5 }}{{ 1.0 }}{{ 100.0 }}{{ 1e100 }}{{ 5e-324 }}{{ 1.7976931348623157e308 }}{{ -0.0 }}{{ 0.1 * 3 }}{{ 1/3 }}{{ 2/1 }}{{ 1e22 }}{{ 1e21 + 1 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 1.0 / 0 }}
{{ 0 ** -1 }}
{{ 0 ** 0 }}{{ 0.0 ** 0 }}{{ (-8) ** 0.5 }}
{{ 1e200 ** 2 }}
{{ 1e200 * 1e200 }}{{ -1 ** 0.5 }}
{{ true + true }}{{ true * 3 }}{{ 'a' * true }}{{ -true }}{{ true == 1 }}{{ false < true }}{{ true / 2 }}{{ true ~ '' }}{{ true is number }}{{ true is integer }}{{ 1 is boolean }}{{ true // 1 }}{{ true ** 2 }}{{ [true + 0] }}
{{ True }}{{ False }}{{ None }}{{ true }}{{ none }}{{ TRUE }}{{ NONE }}{{ null }}
{{ missing }}{{ missing|length }}{{ missing == missing2 }}{{ missing == none }}{{ missing is none }}{{ not missing }}{{ missing|default('d') }}{{ missing ~ 'x' }}{{ [missing] }}{{ missing|list }}{{ missing == '' }}{{ missing in [missing] }}
{{ missing.x }}
{{ missing[0] }}
{{ missing() }}
{{ missing + 1 }}
{{ 1 + missing }}
{{ missing < 1 }}
{{ -missing }}
{{ missing|int }}{{ missing|string }}{{ missing|upper }}{{ missing|join }}
{{ missing|tojson }}
{{ users[0].nosuch }}{{ users[0]['nosuch'] }}{{ users[9] }}{{ users.nosuch }}{{ users[0].home.city.x }}{{ 'a'.nosuch }}{{ 5 .x }}{{ none.x }}
{{ users[0].nosuch.deeper }}
{{ users[9].name }}
{{ none.x.y }}
{{ none[0] }}[{{ none.x is defined }}]{{ 5[0] is defined }}
{{ none() }}
{{ 'a'() }}
{{ 5() }}
{{ users[0].name() }}
{{ users[0].name.upper() }}{{ users[0]['name']['upper']() }}{{ users[-1].name }}{{ users[0].home['city'] }}{{ users[0]['tags'][1] }}{{ users.0.name }}{{ nested.l.1.0 }}{{ nested.l[2]['q"'] }}{{ nested.é.t }}
{{ {'items': 5}.items }}
{{ {'items': 5}['items'] }}{{ {'get': 1}['get'] }}{{ {'a': {'keys': 7}}.a['keys'] }}{{ {'upper': 1}.upper }}{{ {'x y': 1}['x y'] }}{{ {'name': 1}.name }}
{{ {1: 'a'}[1] }}{{ {1: 'a'}[1.0] }}{{ {1: 'a'}[true] }}{{ {'1': 'a'}.1 }}[{{ {1: 'a'}.1 }}]{{ {none: 'n'}[none] }}
{{ 'abc'[1] }}{{ 'abc'[-1] }}[{{ 'abc'[5] }}]{{ 'abc'[1:] }}{{ 'abc'[:-1] }}{{ 'abc'[::-1] }}{{ 'abc'[1:2] }}{{ 'abc'[::2] }}{{ 'abc'[:] }}{{ emoji[0] }}{{ emoji[1:3] }}{{ marks[:4] }}{{ emoji|length }}{{ cjk[2:4] }}
{{ [1,2,3][1:] }}{{ [1,2,3][::-1] }}{{ (1,2,3)[:2] }}{{ [1,2,3][-5:5] }}{{ [1,2,3][2:0:-1] }}{{ [1,2,3][1:, ] }}
{{ [1,2,3][1:2, 3] }}
{{ [1,2,3][::0] }}
{{ [1,2,3]['a'] }}{{ [1,2,3][1.0] }}{{ [1,2,3][true] }}
{{ {'a': 1}[1:] }}
{{ {'a': 1}[['a']] }}
{{ [1, 2] + [3] }}{{ (1,) + (2,) }}{{ [1] * 3 }}{{ 'ab' * 2 }}{{ [1] == [1.0] }}{{ [1] == (1,) }}{{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }}{{ [1, [2]] == [1, [2]] }}{{ [1] < [1, 2] }}{{ (1, 'a') < (1, 'b') }}{{ 'a' in {'a': 1} }}{{ 1 in {'a': 1} }}{{ 'a' not in ['b'] }}{{ [1] in [[1]] }}{{ {'a': 1} in [{'a': 1}] }}{{ '' in '' }}{{ none in [none] }}{{ 1.0 in [1] }}{{ 'b' in 'abc' }}
{{ 1 in 'abc' }}
{{ 1 in 5 }}
{{ 1 in none }}
{{ 1 in missing }}{{ 'a' in missing }}
{{ [1] + (2,) }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ 'a' + none }}
{{ [] + none }}
{{ {} + {} }}
{{ 'a' < 1 }}
{{ none < 1 }}
{{ none < none }}
{{ {} < {} }}
{{ [1] < ['a'] }}
{{ none == false }}{{ none == 0 }}{{ 0 == false }}{{ '' == false }}{{ 1 == '1' }}{{ 1.0 == 1 }}{{ none != none }}{{ [] == false }}
{{ 'a' if 'x' in {'x': 1} else 'b' }}{{ ('a', 'b')[1] }}{{ [1,2,3]|length > 2 and 'big' or 'small' }}
{{ 'abc'|upper|lower|title }}{{ 'abc' | upper }}{{ 'a,b'.split(',')|join('-')|upper }}{{ ('a' ~ 'b')|upper }}{{ ['b','a']|sort|first }}{{ [3,1]|sort()|last }}
{{ 'x'|nosuch }}
{{ 1 is nosuch }}
{% if false %}{{ 'x'|nosuch }}{% endif %}ok
{% if true %}{{ 'x'|nosuch }}{% endif %}
{{ 'x' if true else 'y'|nosuch }}
{% for i in [] %}{{ 'x'|nosuch }}{% endfor %}ok
{% if false %}{{ 'x' is nosuch }}{% endif %}ok
{{ 'a' is upper.x }}
{{ foo(1, 2 }}
{{ [1, 2 }}
{{ {1, 2} }}
{{ {'a': 1 }}
{{ 1 2 }}
{{ a b }}
{{ }}
{{ 1 + }}
{{ + }}
{{ * 2 }}
{{ 1 +* 2 }}
{{ (1, 2 }}
{{ 1 = 2 }}
{{ 1 === 1 }}
{{ a.'b' }}
{{ a. }}
{{ 'a'|  }}
{{ 1 is }}
{{ !x }}
{{ 1 && 2 }}
{{ 1 || 2 }}
{{ x ? 1 : 2 }}
{{ 1 <> 2 }}
{{ lambda x: x }}
{{ [x for x in [1]] }}
{{ not }}
{{ 1 not 2 }}
{{ 1 in }}
{{ $x }}
{{ @x }}
{{ a; b }}
{{ 1 if }}
{{ 1 if true else }}
{{ if true }}
{{ 'a'.upper }}x
{{ %} }}
{% }} %}
{{ 1 %}
{% set x = 1 }}
{{ 1
{% if
{#
{# unterminated
{{ {{ 1 }} }}
{{ '}}' }}{{ "%}" }}{{ '{{' }}{% if '%}' %}x{% endif %}{{ {'a': {'b': 1}} }}{{ {'a': {}}}}
{{{'a': 1}}}
{{ {'a':{'b':1}}['a'] }}
{{- 1 -}}{{-1}}{{ -1}}{{+1}}{{ +1 }}{{ - 1 }}
{{ f(*[]) }}
{{ 'a'.join(['x', 'y']) }}{{ ','.join(users|map(attribute='name')) }}{{ 'a'.replace('a', 'b', 1) }}{{ 'abc'.startswith(('x', 'a')) }}
{{ 'x'.upper(1) }}
{{ 'x'.center() }}
{{ 'x'.replace() }}
{{ 'x'|replace('x') }}
{{ 'x'|upper(1) }}
{{ 'x'|default('a', b=1) }}
{{ 'x'|default(default_value='a', default_value='b') }}
{{ 'x'|default(*['d']) }}{{ missing|default(*['d']) }}{{ missing|default(**{'default_value': 'k'}) }}
{{ [3,1,2]|sort(**{'reverse': true}) }}{{ [1,2]|join(*[',']) }}
{{ 5 is divisibleby(*[5]) }}{{ 5 is divisibleby(num=5) }}
{{ ''.__class__ }}
{{ ''.__class__.__mro__ }}
{{ users.__len__ }}
{{ ''['__class__'] }}[{{ ''._x }}]{{ ''.__class__ is defined }}
{{ users|attr('__class__') }}
{{ (users[0]|attr('name')) is defined }}{{ 'a'|attr('upper') is callable }}{{ ('a'|attr('upper'))() }}
{{ [].append(1) }}
{{ {}.update({}) }}
{{ {}.pop('a') }}
{{ [].append is defined }}{{ {'a': 1}.copy() }}{{ [1].copy() }}{{ [1,1].count(1) }}{{ [5,6].index(6) }}
{{ {'a': 1}.get('a') }}{{ {'a': 1}.get('b') }}{{ {'a': 1}.get('b', 'd') }}{{ {'a': 1}.keys() }}{{ {'a': 1}.values() }}{{ {'a': 1}.items() }}{{ {'a': 1}.keys()|list }}{{ 'a' in {'a': 1}.keys() }}{{ {'a': 1}.values()|list|first }}{{ {}.items()|length }}
{{ {'a': 1}.keys()[0] }}
{{ ({'a': 1}.keys()|list)[0] }}{{ {'a': 1}.keys() == {'a': 2}.keys() }}{{ {'b': 1, 'a': 2}|sort }}{{ {'b': 1}|first }}{{ {'b': 1}|length }}{{ {'b': 1}|list }}{{ {'b': 1}|join }}{{ {'b': 1, 'a': 3}|max }}
{{ raise_exception('bad é <x>') }}
{{ raise_exception() }}
{{ raise_exception(1) }}
{% if false %}{{ raise_exception('no') }}{% endif %}ok
{{ strftime_now('%Y-%m-%d') }}|{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%A %a %B %j %H:%M:%S %p %I %y %%') }}|{{ strftime_now('%-d %-m %e %U %W %w %u %V %G %g %C %D %F %T %R %r %h %n%t %c %x %X %f %Z%z') }}|{{ strftime_now('é %Y 年') }}|{{ strftime_now('') }}
{{ strftime_now() }}
{{ strftime_now(5) }}
{{ users }}
{{ nested }}
{{ [quotes, html, control, 'a\'b', "a\"b", 'a\'b"c', '\\', '\t\r\n\x00\x7f\xa0\u2028\ue000\U000e0001', '\u200b\ufeff'] }}
{{ ['é', '世', '👍', marks] }}{{ ('a',) }}{{ {'k': ('x', [none, true, 1.0])} }}
{{ users is sequence }}{{ 'a' is sequence }}{{ {} is sequence }}{{ 1 is sequence }}{{ none is sequence }}{{ range(2) is sequence }}{{ missing is sequence }}{{ 'a' is iterable }}{{ {} is iterable }}{{ 1 is iterable }}{{ () is sequence }}
{{ 'a' is sameas 'a' }}{{ none is sameas none }}{{ true is sameas true }}{{ 1 is sameas true }}{{ [] is sameas [] }}{% set l = [] %}{{ l is sameas l }}
{{ users|map(attribute='name')|join(', ') }}{{ users|map(attribute='home.city')|list }}{{ users|map(attribute='home.city', default='?')|list }}{{ users|selectattr('age')|map(attribute='name')|list }}{{ users|sum(attribute='age') }}
{{ users|selectattr('age')|sum(attribute='age') }}{{ users|sort(attribute='name')|map(attribute='name')|list }}{{ users|rejectattr('age', 'none')|sort(attribute='age,name', reverse=true)|map(attribute='name')|list }}{{ [[1,2],[3,4]]|map('sum')|list }}{{ [[1,2],[3,4]]|map(attribute=1)|list }}{{ [1,2,3]|select('gt', 1)|list }}{{ [1,2,3,4]|select('divisibleby', 2)|list }}{{ ['a', 'B']|map('upper')|unique|list }}
{{ "%s and %s"|format('a', 'b') }}{{ "%s" % 'a' }}{{ "%s %d" % ('a', 5) }}{{ '%.2f' % 3.14159 }}{{ '%5s|%-5s|' % ('a', 'b') }}{{ '%(x)s' % {'x': 1} }}{{ '{} {}'.format(1, 'b') }}{{ '{0}{x}'.format(1, x=2) }}{{ '%%' % () }}{{ '%s' % [1] }}
{{ 'a' ~ ('b', 'c') }}{{ 'a' ~ {'x': 'é'} }}{{ 1.0 ~ '' }}{{ [1.0, 1e16, -0.0] }}
{{ loop }}[{{ loop is defined }}]{{ self is defined }}{{ caller is defined }}{{ varargs is defined }}{{ kwargs is defined }}{{ super is defined }}{{ range is defined }}{{ dict is defined }}{{ lipsum is defined }}{{ cycler is defined }}{{ joiner is defined }}{{ namespace is defined }}{{ strftime_now is defined }}{{ raise_exception is defined }}{{ zip is defined }}{{ len is defined }}{{ str is defined }}{{ enumerate is defined }}
{{ range is callable }}{{ dict is callable }}{{ 'a'.upper is callable }}{{ namespace is callable }}{{ missing is callable }}{{ users is callable }}
{{ 'a'.upper() is upper }}{{ 'Ab' is lower }}{{ '' is lower }}{{ 1 is lower }}{{ 'É' is upper }}{{ 'ß' is upper }}{{ 'ß'.upper() is upper }}
{{ 3 is odd }}{{ 3.5 is odd }}{{ -3 is odd }}{{ true is odd }}{{ 0 is even }}{{ 1e16 is even }}
{{ 'a' is odd }}
{{ none is even }}
{{ 7|string ~ '' }}{{ 7.0|int }}{{ '7.9'|int }}{{ 'x'|int }}{{ 'x'|int(5) }}{{ none|int }}{{ '1e3'|int }}{{ ' 5 '|int }}{{ '5x'|int }}{{ true|int }}{{ '0b11'|int(base=2) }}{{ '0x1f'|int(base=16) }}{{ '٣'|int }}{{ 'x'|float }}{{ '1.5'|float }}{{ 'nan'|float }}{{ '-inf'|float }}{{ '1_0'|float }}
{{ 2.5|round }}{{ 3.5|round }}{{ -2.5|round }}{{ 2.675|round(2) }}{{ 1234|round(-2) }}{{ 2.1|round(0, 'ceil') }}{{ 2.9|round(method='floor') }}{{ 42|round }}{{ 1.15|round(1) }}{{ 1e300|round(5) }}{{ 0.5|round|int }}
{{ 'http://a.b/?q=1&r=é ü'|urlencode }}{{ {'a b': 'é', 'c': 1}|urlencode }}{{ [('x', '/'), ('y', '&')]|urlencode }}
{{ html|e }}{{ html|striptags }}{{ '<!-- a -->b<i>c</i>  d'|striptags }}{{ '&amp;&lt;&#39;&eacute;&nosuch;'|striptags }}{{ '<x>'|e|e }}{{ '<x>'|safe|e }}{{ '<x>'|forceescape }}{{ none|e }}{{ 5|e }}
{{ 1000|filesizeformat }}{{ 1|filesizeformat }}{{ 0|filesizeformat }}{{ 1024|filesizeformat(true) }}{{ 123456789|filesizeformat }}{{ '5000'|filesizeformat }}{{ 1e30|filesizeformat }}{{ 999|filesizeformat }}{{ 1e27|filesizeformat(binary=true) }}
{{ users|pprint }}
{{ range(60)|list|pprint }}
{{ nested|pprint }}{{ 'a'|pprint }}{{ {'b': 1, 'a': 2}|pprint }}{{ 1.0|pprint }}
{{ lines|indent }}|{{ lines|indent(2, true) }}|{{ lines|indent(2, blank=true) }}|{{ lines|indent('> ', true, true) }}|{{ 'a\n'|indent }}|{{ ''|indent(4, true) }}
{{ long|wordwrap(20) }}
{{ long|truncate(20) }}|{{ long|truncate(20, true) }}|{{ long|truncate(20, false, '…', 0) }}|{{ 'abc'|truncate(2) }}|{{ 'abcdefgh'|truncate(5, leeway=0) }}
{{ long|urlize }}
{{ long|wordcount }}{{ long|title }}{{ "don't stop-it (now) o'neil"|title }}{{ "a's-B [cd] {e} <f>g"|title }}{{ 'éCOLE ÉTÉ'|title }}
{{ 'abc'|list }}{{ 'abc'|reverse }}{{ 'abc'|first }}{{ ''|first }}{{ []|first is defined }}{{ 'abc'|last }}{{ [[1,2]]|first|last }}{{ (1,2)|list }}{{ {'a': 1}|list }}{{ 'abc'|sort }}{{ 'bca'|sort|join }}{{ 'aAb'|unique|join }}{{ [1,'a']|join }}{{ 'abc'|join('-') }}{{ 'abc'|batch(2)|list }}{{ 'abc'|max }}{{ [1,3,2]|max }}{{ []|max }}{{ []|sum }}{{ [0.1]*3|length }}{{ ['a','b']|sum(start='') }}
{{ ['a','b']|sum }}
{{ [1,'a']|sort }}
{{ [none, 1]|sort }}
{{ [{}, {}]|sort }}
{{ users|sort }}
{{ users|max }}
{{ users|groupby('age') }}
{{ users|tojson }}{{ nested|tojson(indent=2) }}{{ {'b': 1, 'a': [1.0, none, true, 'é<>&\'"/\u2028\x7f']}|tojson }}{{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}{{ 'é'|tojson(ensure_ascii=true) }}{{ '👍'|tojson(true) }}{{ []|tojson(indent=2) }}{{ {}|tojson(indent=2) }}{{ [[]]|tojson(indent=2) }}{{ [1,2]|tojson(separators=(',', ':')) }}{{ {'b':1,'a':{'d':1,'c':2}}|tojson(sort_keys=true) }}{{ 1e16|tojson }}{{ 1.0|tojson }}{{ (infinite|float)|tojson }}{{ (1, 2)|tojson }}{{ '\x00\x1f\n\t\b\f\r\\'|tojson }}{{ 10**30|tojson }}
{{ {(1, 2): 3}|tojson }}
{{ range(3)|tojson }}
{{ ([1]|map('string'))|tojson }}
{{ namespace(a=1)|tojson }}
{{ {'a': missing}|tojson }}
{{ {'a': 1, 2: 3}|tojson(sort_keys=true) }}
{{ 'a'|tojson(1, 2, 3, 4, 5) }}
{{ {'a': 1}|items|list }}{{ missing|items|list }}{{ {'b': 1, 'A': 2}|dictsort }}{{ {'b': 1, 'A': 2}|dictsort(true) }}{{ {'b': 1, 'A': 2}|dictsort(by='value', reverse=true) }}{{ {'class': 'a b', 'id': none, 'x': missing, 'n': 1, 'q': '"<'}|xmlattr }}{{ {'a': 1}|xmlattr(false) }}{{ {}|xmlattr }}
{{ {'a b': 1}|xmlattr }}
{{ [1]|items }}
{{ 'a'|map('upper')|list }}{{ [1]|map }}
{{ [1]|map('nosuch')|list }}
{{ []|map('nosuch')|list }}
{{ [1]|select('nosuch')|list }}
{{ [1]|map(attribute='x', foo=1)|list }}
{{ ['1','2']|map('int')|sum }}{{ [1,2,3]|reject('odd')|list }}{{ [0, 1, '', 'a', none]|select|list }}{{ [0, 1, '']|reject|list }}{{ users|selectattr('home.city', 'defined')|map(attribute='name')|list }}{{ users|selectattr('tags')|list|length }}
{{ 3|center(9) }}{{ 'abc'|center(10) }}|{{ 'é'|center(4) }}|{{ '世界'|center(6) }}|
{{ [1,2,3]|slice(2)|list }}{{ [1,2,3,4,5]|slice(3, 'x')|list }}{{ [1,2,3,4,5]|batch(2, 'x')|list }}{{ []|batch(2, 'x')|list }}
{{ users|first|attr('name') }}[{{ users|attr('append') }}]
{{ 'a'.__add__('b') }}
{{ users[0:2]|map(attribute='name')|map('lower')|list }}{{ users|map('attr', 'name')|list }}{{ ['a b', 'c']|map('split')|list }}
{{ 'x'|e is escaped }}{{ 'x' is escaped }}{{ 'upper' is filter }}{{ 'nosuch' is filter }}{{ 'odd' is test }}{{ 'tojson' is filter }}{{ 1 is filter }}
{{ content is string }}{{ (content is defined) and content }}{{ content|default(users[0].name, true) }}
"""

# For these the messages are compared too.
RAISED = [
    "{{ raise_exception('bad é <x> \\'quoted\\' 世界 👍') }}",
    "{{ raise_exception('') }}",
    "{{ raise_exception(42) }}",
    "{{ raise_exception('role: ' ~ users[1].name ~ [1.0, none, 'x']) }}",
    "{{ raise_exception(message='by keyword') }}",
    "{% macro m(x) %}{{ raise_exception('in ' ~ x) }}{% endmacro %}{% for i in [1] %}{% filter upper %}{{ m('a macro') }}{% endfilter %}{% endfor %}",
    "{% set x %}{{ raise_exception('in a block') }}{% endset %}",
    "{{ 'x' if false else raise_exception('in an expression') }}",
    "{% if raise_exception('in a condition') %}{% endif %}",
    "{% for i in raise_exception('in a loop') %}{% endfor %}",
    "{{ [1, 2]|map('string')|join(raise_exception('in an argument')) }}",
]

# Whitespace control: each template is a Python literal, because line ends and trailing spaces matter.
WHITESPACE = [
    "a\n", "a\n\n", "\n", "\na", "{{ 1 }}\n", "{{ 1 }}\n\n", "{% if true %}\nx\n{% endif %}\n", "{% if true %}\n\nx\n{% endif %}\n\ny",
    "  {% if true %}  \n  x\n  {% endif %}  \n", "  {{ 1 }}  \n  {{ 2 }}\n", "  {# c #}  \n  x", "{# c #}\nx", "a {# c #} b", "a {#- c -#} b", "a\n  {#- c #}\n b", "a {#+ c +#}\n b",
    "a  {%- if true %}  x  {%- endif %}  b", "a  {% if true -%}  x  {% endif -%}  b", "a \n {{- 1 -}} \n b", "a\n{%+ if true %}\n  x{% endif %}", "a\n  {%+ if true %}x{% endif %}", "a\n  {% if true +%}\nx{% endif %}",
    "a\n\t {%- set x = 1 -%} \n\n b", "{%- set x = 1 %}\n{{ x }}", "\u00a0{%- set x = 1 -%}\u00a0b", "\u3000 {{- 1 -}} \u3000b", "\u00a0  {% set x = 1 %}\nb", "x\u2003{% set x = 1 %}\nb", "x\n \u00a0{% if true %}a{% endif %}",
    "a\r\n  {% if true %}\r\nb\r\n{% endif %}\r\nc\r\n", "a\rb\r", "{% if true %}\ra{% endif %}", "a\r\n\r\n", "{{ 'a\r\nb' }}", "{{ 1 }}\r\n", "  {% raw %}\n x {% endraw %}\n y", " {%- raw -%}\n x {%- endraw -%}\n y", "  {%+ raw %} x {% endraw +%}\n y",
    "a  {% raw %}  b  {% endraw %}  c\n", "{% for i in [1,2] %}\n  {{ i }}\n{% endfor %}\n", "{% for i in [1,2] -%}\n  {{ i }}\n{%- endfor %}\n", "  {% for i in [1,2] %}x\n  {% endfor %}y", "{{ 1 -}}\n\n\n  x", "x\n\n  {{- 1 }}", "{{- ' a ' -}}", "x {{- -1 }}", "x {{ -1 -}} y", "{{ 1 - 1 }}", "{{1-}}", "{{-1-1-}} z",
    "{%if true%}x{%endif%}", "{%-if true-%} x {%-endif-%}", "{{1}}{{ 2}}{{3 }}", "{{\n1\n+\n2\n}}", "{%\nif\ntrue\n%}x{%\nendif\n%}", "{{\t1\t}}", "{{ 1\u00a0}}", "{{ 1\u3000+ 2 }}", "{% set\u00a0x = 1 %}{{ x }}",
    "a { b } c", "a {% raw %}{{{% endraw %}", "{ {x} }", "}} %} #}", "{{ '{#' }}", "{# {{ 1 }} {% if %} #}x", "{# a #} #}", "{## x ##}y", "{#-#}x", "{#--#}x", "#x\n##y\n", "% if x\n", "# for i in x\n", "a {#\n\n#}\n\nb",
    " \t{% set x = 1 %} \t\nb", "b{% set x = 1 %}\t\n\tc", "a\n   {% if true %}b{% endif %}   {% if true %}c{% endif %}\n", "   {% set a = 1 %}   {% set b = 2 %}\nx", "   {% set a = 1 %}{{ a }}\n", "x   {% set a = 1 %}\n   {% set b = 1 %}\ny", "{{ 1 }}   {% set a = 1 %}\ny", "{{ 1 }}\n   {% set a = 1 %}\ny", "{% set a = 1 %}   {{ a }}",
    "{% macro m() %}\n  a\n{% endmacro %}\n[{{ m() }}]", "{% set x %}\n  a\n{% endset %}\n[{{ x }}]", "{% filter upper %}\n a\n{% endfilter %}\nb", "{% generation %}\n a\n{% endgeneration %}\nb", "{% if true %}\n{% endif %}\n", "\n\n{% if true %}\n\n{% endif %}\n\n", "", " ", "\u2028{% set a = 1 %}\u2028b", "\x0b\x0c{%- set a = 1 -%}\x0b\x0cb", "\x1c{{- 1 -}}\x1c\x85b", "\ufeff{{ 1 }}", "a\x00b{{ 1 }}", "{{ 'a\\\n b' }}", "{{- 1 }}{{- 2 -}}{{ 3 -}}  ", "{%- if true -%}\n{{- '\n' -}}\n{%- endif -%}\n",
    "{% if true %}a\n{% else %}b\n{% endif %}\nc", "{% if false %}a\n{% else %}\nb\n{% endif %}\nc", "{% if true -%}a {%- else -%} b {%- endif -%} c", "x{% if true %} {% endif %}y", "x\n{% if true %} {% endif %}\ny", "{%- for i in [1,2] -%} {{ i }} {%- endfor -%} \n", "{%- for i in [1,2] %} {{ i }} {% endfor -%} \n", "{{ [1,\n2] }}\n{{ {'a':\n1} }}", "{{ '''a''' }}", "{{ \"\"\"a\"\"\" }}", "{% raw -%}  a  {% endraw %}b", "{% raw %}  a  {%- endraw -%}  b", "{%- raw %} a {% endraw %}\n\nb",
    "{% raw %}{% endraw %}{% raw %}x{% endraw %}", "{% comment %}x{% endcomment %}", "line\n{%- if false %}\nx\n{%- endif %}\nend\n", "é{%- if true %}  世  {%- endif %}👍\n", "{% if true %}{# c #}\n{% endif %}\nz", "{# c #}   \nx", "   {# c #}\nx", "   {#- c -#}\nx", "a\n   {# c #}   {# d #}\nx",
]  # fmt: skip

# Typical uses of messages, tools and dates in chat templates.
CHAT = r"""
{% for m in users %}{{ '<|' ~ m.name ~ '|>\n' + (m['age']|string if m['age'] is not none else 'n/a') }}{% endfor %}
{%- if users[0]['name'] == 'Zoë' %}{%- set head = users[0]['name'] %}{%- set rest = users[1:] %}{%- else %}{%- set rest = users %}{%- endif %}{{ head }}{{ rest|length }}
{% set ns = namespace(found=false, last=-1) %}{% for m in users[::-1] %}{% set i = users|length - 1 - loop.index0 %}{% if not ns.found and m.age == 31 %}{% set ns.found = true %}{% set ns.last = i %}{% endif %}{% endfor %}{{ ns.last }}{{ ns.found }}
{% set c = '<think>\nabc\n</think>\n\nanswer' %}{{ c.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') }}|{{ c.split('</think>')[-1].lstrip('\n') }}|{{ (c.split('</think>')|last).lstrip() }}|{{ '</think>' in c }}|{{ c.partition('</think>')[2] }}
{% macro render(c) %}{% if c is string %}{{ c }}{% elif c is iterable %}{% for p in c %}{% if p.type == 'text' %}{{ p.text }}{% elif p.type in ['image', 'image_url'] %}<img>{% else %}{{ raise_exception('unknown ' ~ p.type) }}{% endif %}{% endfor %}{% elif c is none %}{% endif %}{% endmacro %}{{ render([{'type': 'text', 'text': 'é'}, {'type': 'image'}]) }}{{ render('x') }}{{ render(none) }}
{% macro render(c) %}{% for p in c %}{{ raise_exception('unknown ' ~ p.type) }}{% endfor %}{% endmacro %}{{ render([{'type': 'video'}]) }}
{% for k, v in {'type': 'object', 'properties': {'a': {'type': ['string', 'null'], 'enum': ['x', 'y']}}, 'required': ['a']}.items() %}{{ k }}: {{ v|tojson if v is mapping or v is sequence and v is not string else v }}{% endfor %}
{% set t = {'function': {'name': 'f', 'arguments': {'x': 1, 'y': 'é'}}} %}{% set t = t.function if t.function is defined else t %}{{ '{"name": "' ~ t.name ~ '", "arguments": ' }}{% if t.arguments is string %}{{ t.arguments }}{% else %}{{ t.arguments|tojson }}{% endif %}{{ '}' }}
{% if strftime_now is defined %}{% set d = strftime_now('%d %b %Y') %}{% else %}{% set d = '26 Jul 2024' %}{% endif %}Today: {{ d }}
{% if (users|length % 2 == 0) != true %}{{ raise_exception('Conversation roles must alternate user/assistant/...') }}{% endif %}fine
{% for m in users %}{% if (m.age == 31) != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}fine
{% set x = users|selectattr('age', 'equalto', 31)|list %}{% if x %}{{ x[0].name }}{% endif %}{{ (users|selectattr('age', 'equalto', 99)|list)|length }}
{{ users|map(attribute='tags')|select('defined')|map('join', '+')|join(' / ') }}
{% set d = dict() %}{% set d = dict(d, **{'a': 1}) %}{% for k in d %}{{ k }}{% endfor %}
{% set a = ['x'] %}{% set a = a + ['y'] %}{{ a|join }}{{ a[-1] }}{{ a[:-1] }}
{% set s = '' %}{% for i in range(3) %}{% set s = s ~ i %}{% endfor %}[{{ s }}]
{% for m in users if m.age %}{% if loop.last %}{{ m.name }}{% endif %}{% endfor %}
{{ '<s>' + users[0].name.strip() + ' [/INST]' if users[0].age == 31 else '' }}{{ bos_token }}{{ (bos_token or '') + 'x' }}
{{ (bos_token ~ 'x') + 'y' }}{{ bos_token + 'x' }}
{%- for m in users -%}{%- if not loop.first %} {% endif -%}{{- m.name -}}{%- endfor -%}
{% for t in users %}{{ t|tojson(indent=4) }}{% if not loop.last %}{{ '\n\n' }}{% endif %}{% endfor %}
{% macro ty(s) -%}{%- if s is string -%}{{ s|upper }}{%- elif s is sequence -%}{%- for x in s -%}{{ ty(x) }}{{ '|' if not loop.last }}{%- endfor -%}{%- endif -%}{%- endmacro %}{{ ty(['string', ['null', 'integer']]) }}
{% set m = {'role': 'assistant', 'content': none, 'tool_calls': [{'id': 'a1', 'function': {'name': 'f', 'arguments': '{"a": 1}'}}]} %}{% if m.tool_calls is defined and m.tool_calls is not none %}{% for c in m.tool_calls %}{{ c.function.name }}{{ c.function.arguments }}{{ c['id'] if 'id' in c else '' }}{% endfor %}{% endif %}{{ m.content or 'empty' }}{{ m.get('content', 'd') }}{{ m['content'] is none }}{{ m.content is not defined }}
{% set names = [] %}{% set out = namespace(v=[]) %}{% for u in users %}{% set out.v = out.v + [u.name|upper] %}{% endfor %}{{ out.v }}
{% set levels = {'low': 1, 'high': 3} %}{{ levels.get(effort, 2) }}{{ levels[effort|default('low')] }}{{ levels[effort] }}
{% if messages is defined and messages[0].role == 'system' %}S{% else %}N{% endif %}
{% if messages[0].role == 'system' %}S{% endif %}
{{ users|length is even }}{{ users[0].tags is not string and users[0].tags is iterable }}{{ users[3].tags is undefined }}{{ users[3]['tags']|default([])|length }}
{% set w = 'a/think b/no_think' %}{{ '/no_think' in w }}{{ w.rfind('/think') }}{{ w.find('/no_think') > w.find('zz') }}{{ w.endswith('think') and not w.endswith('/think') }}
{{ 'Tool: {}'.format(users[0].name) }}{{ '%s: %s' | format('role', 'é') }}{{ '{:>5}'.format('é') }}
{% for c in 'user\n\nline'.splitlines() %}[{{ c }}]{% endfor %}{{ 'a\u2028b\x85c'.splitlines() }}{{ 'a\u00a0b c'.split() }}
{%- set content = ' \n\u3000hi \u00a0' -%}[{{ content.strip() }}][{{ content|trim }}][{{ content.rstrip() }}][{{ content.lstrip(' \n') }}]
{%- if loop is defined %}{{ loop }}{% endif %}{% for _ in range(2) %}{{ loop.index0 }}{% endfor %}
{{ {'a': true, 'b': none}|string }}{{ ({'a': true}|string)|replace("'", '"')|replace('True', 'true') }}
{{ users|sort(attribute='name', case_sensitive=true)|map(attribute='name')|join }}{{ users|map(attribute='name')|map('length')|max }}
{{ users[0]|dictsort|map('first')|join(',') }}{{ users[0]|length }}{{ users[0].keys()|sort|list }}{{ users[0]|items|map('last')|map('string')|list }}
{% for k in users[0]|dictsort(false, 'key', true) %}{{ k[0] }}{% endfor %}
{% for key, group in ([{'r': 'a', 'n': 1}, {'r': 'b', 'n': 2}, {'r': 'a', 'n': 3}]|groupby('r')) %}{{ key }}={{ group|map(attribute='n')|list }} {% endfor %}
"""

# More of these; each line is rendered after MESSAGES.
MESSAGES = "{% set messages = [{'role': 'system', 'content': ' Sé brief.\\n'}, {'role': 'user', 'content': 'a'}, {'role': 'assistant', 'content': none, 'tool_calls': [{'function': {'name': 'f', 'arguments': {'b': [1, 2.0], 'a': 'é'}}}]}, {'role': 'tool', 'content': [{'type': 'text', 'text': 'r1'}, {'text': 'r2'}]}, {'role': 'user', 'content': ''}] %}"
OVER_MESSAGES = r"""
{{ messages|selectattr('role', 'equalto', 'system')|map(attribute='content')|join('\n')|trim }}{{ messages|rejectattr('role', 'equalto', 'system')|list|length }}{{ messages|selectattr('role', 'in', ['user', 'tool'])|map(attribute='role')|join(',') }}
{{ (messages|last).role }}{{ messages[-1]['role'] }}{{ (messages|first)['content']|trim|upper }}{{ messages[-1:]|length }}{{ messages[1:-1]|map(attribute='role')|list }}
{% for m in messages %}{{ m.role }}{{ messages[loop.index0 + 1].role if not loop.last else '$' }}{{ messages[loop.index0 - 1].role }};{% endfor %}
{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}>{{ loop.nextitem.role if loop.nextitem }};{% endfor %}
{% for m in messages %}{% if loop.nextitem is defined and loop.nextitem.role == 'tool' %}{{ m.tool_calls[0].function.arguments|tojson(ensure_ascii=False) }}{% endif %}{% endfor %}
{% for m in messages if m.role != 'system' %}{{ loop.index0 }}{{ m.role[0] }}{{ loop.previtem.role if not loop.first }}{% endfor %}
{% for m in messages %}{% if m.content is string %}{{ m.content|trim }}{% elif m.content is none %}N{% elif m.content is iterable %}{% for p in m.content if p.type is defined and p.type == 'text' %}{{ p.text }}{% endfor %}{% endif %}|{% endfor %}
{% for m in messages %}{{ '' if m.content is not string else m.content }}{% if m.tool_calls %}{% for c in m.tool_calls %}{% set f = c.function or c %}{{ f.name }}({% for k, v in f.arguments.items() %}{{ k }}={{ v|tojson if v is not string else v }}{{ ', ' if not loop.last }}{% endfor %}){% endfor %}{% endif %}{% endfor %}
{% for m in messages %}{% set c = m.content if m.content is string else (m.content|map(attribute='text')|join if m.content else '') %}[{{ c }}]{% endfor %}{{ c }}
{% set ns = namespace(system='', n=0, seen=[]) %}{% for m in messages %}{% if m.role == 'system' %}{% set ns.system = ns.system ~ m.content|trim %}{% elif m.role not in ns.seen %}{% set ns.seen = ns.seen + [m.role] %}{% set ns.n = ns.n + 1 %}{% endif %}{% endfor %}{{ ns.system }}{{ ns.n }}{{ ns.seen }}
{% for m in messages|reverse %}{% if m.role == 'user' %}{{ loop.index0 }}{{ loop.revindex }}{% break %}{% endif %}{% endfor %}
{% for m in messages[::-1] %}{% set i = (messages|length - 1) - loop.index0 %}{{ i }}{{ messages[i].role == m.role }}{% endfor %}
{% set loop_messages = messages[1:] if messages[0]['role'] == 'system' else messages %}{% set system = messages[0].content if loop_messages|length < messages|length else false %}{{ system is string }}{{ system != false }}{{ loop_messages|length }}
{% if messages[0]['role'] == 'system' %}{% set s = messages[0]['content'] %}{% set messages = messages[1:] %}{% endif %}{{ s|trim }}{{ messages|length }}{{ messages[0].role }}
{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}{% if m['role'] not in ['user', 'assistant', 'tool'] %}{{ raise_exception('Unknown role: ' + m['role']) }}{% endif %}{{ m['role']|capitalize }}{% endfor %}
{% for g in messages|groupby('role') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}{{ messages|map(attribute='role')|unique|list }}{{ messages|map('length')|list }}{{ messages|map(attribute='content')|select('string')|list }}{{ messages|map(attribute='content')|reject('none')|list|length }}
{% set ns.x = 1 %}
{% set ns = namespace(x=namespace(y=1)) %}{% set ns.x.y = 2 %}{{ ns.x.y }}
{% set ns = namespace() %}{% set ns['x'] = 1 %}
{% set messages[0] = 1 %}
{% set messages[0].role = 1 %}
{% set _ = messages.append(1) %}
{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}
{% macro content(m, wrap=true) %}{%- if wrap -%}<{{ m.role }}>{%- endif -%}{{ m.content|default('', true) }}{%- if wrap -%}</{{ m.role }}>{%- endif -%}{% endmacro %}{% for m in messages %}{{- content(m, loop.first)|trim -}}{% endfor %}
{% set out = [] %}{% for m in messages %}{% set out = out + [m.role] %}{% endfor %}{{ out|join('-') }}
{% set content %}{% for m in messages %}{{ m.role }} {% endfor %}{% endset %}{{ content.strip().split(' ')|tojson }}
{{ messages|tojson(indent=2) }}
{{ messages|string|length }}{{ messages[2]|string }}{{ 'tool_calls' in messages[2] }}{{ messages[0].tool_calls is defined }}{{ messages[0]['tool_calls'] is defined and messages[0]['tool_calls'] }}{{ messages[2].tool_calls|length > 0 }}
{{ messages[0].content.split('é')[0] }}{{ messages[0].content.strip().endswith('.') }}{{ 'Sé' in messages[0].content }}{{ messages[3].content[0].text }}{{ messages[3]['content'][-1]['text'] }}{{ messages[3].content|map(attribute='type', default='?')|list }}
{{ messages[2].tool_calls[0].function.arguments.b[1]|int }}{{ messages[2].tool_calls[0]['function']['arguments']|dictsort|tojson }}{{ messages[2].tool_calls[0].function.arguments|items|list }}{% for k in messages[2].tool_calls[0].function.arguments|sort %}{{ k }}{% endfor %}
{{ '%s: %s'|format(messages[1].role, messages[1].content) }}{{ '{role}={content!r}'.format(**messages[1]) }}{{ '{0[role]}'.format(messages[1]) }}{{ dict(messages[1], content='new', extra=none) }}
{{ {'role': 'user', **{}} }}
{{ [*messages] }}
{{ messages[-9].role }}
{{ messages[loop_index|default(0)].role }}{{ messages[true].role }}{{ messages['0'] }}{{ messages.0.role }}
{% for m in messages %}{%- if loop.index0 % 2 -%}{{ loop.cycle('u', 'a') }}{%- endif -%}{% endfor %}{% for m in messages %}{{ loop.changed(m.role == 'user') }}{% endfor %}
{% if messages|length > 1 and messages[1].role == 'user' and not messages[1].content.startswith('<') %}yes{% else %}no{% endif %}{{ 'x' if messages and messages|length else 'y' }}{{ tools and tools|length }}{{ (tools or [])|length }}{{ tools is defined and tools is not none }}
{% if add_generation_prompt is defined and add_generation_prompt == true %}1{% else %}0{% endif %}{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ add_generation_prompt }}{{ enable_thinking is defined and enable_thinking is false }}{{ enable_thinking|default(true) is true }}
{%- set think = namespace(on=enable_thinking is not defined or enable_thinking) -%}{%- if think.on -%}<think>{{- '\n' -}}{%- endif -%}
{% set m = messages|selectattr('role', 'eq', 'tool')|first %}{{ m.content|length }}{{ (messages|selectattr('role', 'eq', 'nobody')|first) is defined }}{{ messages|selectattr('nobody')|list }}{{ messages|selectattr('tool_calls')|list|length }}
{{ messages|selectattr('content.0.text', 'defined')|list|length }}
{% for c in 'ab' %}{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ c }}{{ m.role }}{% endfor %}{% endfor %}
{% for m in messages %}{% filter upper %}{{ m.role }}{% endfilter %}{% call(x) say(m) %}{{ x }}{% endcall %}{% endfor %}{% macro say(m) %}({{ caller(m.role) }}){% endmacro %}
{% macro say(m) %}({{ caller(m.role) }}){% endmacro %}{% for m in messages %}{% call(x) say(m) %}{{ x }}{{ loop.index }}{{ m.role[0] }}{% endcall %}{% endfor %}
"""


def templates():
    """Topic: [template, ..]."""

    def split(text):
        return [line for line in text.strip("\n").split("\n") if line]

    def apart(lines):  # an error must not hide the other lines
        return [part for line in lines for part in re.split(r"(?<=\}\})(?=\{\{)", line)]

    return {
        "scopes": split(SCOPES),
        "loops": split(LOOPS),
        "macros": split(MACROS),
        "expressions": apart(split(EXPRESSIONS)),
        "whitespace": WHITESPACE,
        "chat": split(CHAT) + [MESSAGES + line for line in split(OVER_MESSAGES)],
    }
