#!/usr/bin/env python3
"""Makes tests/golden/jinja: output of jinja2, as configured by transformers, for some ten thousand small templates.

    .venv/bin/python tests/golden/make_jinja_golden.py

Each file is {"now", "variables", "grids": [{"values": [..], "rows": [[expression, [output of each value]], ..]}, ..],
"templates": [[template, output], ..], "raised": [[template, message], ..]}. A cell of a grid is the template
{% set v = VALUE %}{{ EXPRESSION }}. An output of null means that jinja2 raises, false that its output is not defined.
"""

import json
import pathlib
import warnings

from jinja_suite import constructs, drawn, grids, reference, values

OUT = pathlib.Path(__file__).resolve().parent / "jinja"
LIMIT = 190_000  # bytes of a file


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write(name, grid_list=(), templates=(), raised=(), variables=values.VARIABLES):
    lines = [f'{{"now":{compact(reference.NOW.isoformat())}', f'"variables":{compact(variables)}']
    made = []
    for choice, rows in grid_list:
        made.append(f'{{"values":{compact(choice)},"rows":[\n' + ",\n".join(map(compact, rows)) + "]}")
    lines.append('"grids":[' + ",\n".join(made) + "]")
    lines.append('"templates":[\n' + ",\n".join(map(compact, templates)) + "]")
    lines.append('"raised":[\n' + ",\n".join(map(compact, raised)) + "]}")
    text = ",\n".join(lines) + "\n"
    assert len(text.encode()) < LIMIT, f"{name}: {len(text.encode())} bytes"
    (OUT / f"{name}.json").write_text(text, encoding="utf-8")


def write_grids(topic, choices):
    """Splits the rows into files within the size limit."""
    files, cells = [[]], 0
    size = 0
    for choice, expressions in choices:
        files[-1].append((choice, []))
        for expression in expressions:
            outputs = [reference.render(f"{{% set v = {v} %}}{{{{ {expression} }}}}", values.VARIABLES) for v in choice]
            cells += sum(output is not reference.UNDEFINED_OUTPUT for output in outputs)
            row = [expression, outputs]
            size += len(compact(row).encode()) + 2
            if size > LIMIT - 20_000:
                files.append([(choice, [])])
                size = len(compact(row).encode())
            files[-1][-1][1].append(row)
    for number, grid_list in enumerate(files):
        write(f"{topic}_{number + 1}" if len(files) > 1 else topic, grid_list)
    return cells


def main():
    warnings.simplefilter("ignore", SyntaxWarning)  # jinja2 compiles drawn expressions to Python: 5[1:]
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*.json"):
        old.unlink()
    cells = {topic: write_grids(topic, choices) for topic, choices in grids.all_grids().items()}

    written = {}
    for topic, templates in {**constructs.templates(), "format_methods": grids.format_templates()}.items():
        rows = [[template, reference.render(template, values.VARIABLES)] for template in dict.fromkeys(templates)]
        rows = [row for row in rows if row[1] is not reference.UNDEFINED_OUTPUT]
        write(f"constructs_{topic}", templates=rows)
        written[topic] = len(rows)
    raised = [[template, reference.complaint(template, values.VARIABLES)] for template in constructs.RAISED]
    write("raised", raised=raised)

    strings, templates = grids.unicode_grid()
    characters = [[template, [reference.render(f"{{% set s = {json.dumps(s)} %}}" + template, {}) for s in strings]] for template in templates]
    for number, (template, outputs) in enumerate(characters):
        rows = [[f"{{% set s = {compact(s)} %}}" + template, output] for s, output in zip(strings, outputs)]
        write(f"unicode_{number + 1}", templates=[row for row in rows if row[1] is not reference.UNDEFINED_OUTPUT], variables={})

    written["drawn_expressions"] = 1500
    write("drawn_expressions", templates=drawn.drawn(reference, drawn.expressions(100_000, seed=11), 1500, 0.2))
    written["drawn_templates"] = 500
    write("drawn_templates", templates=drawn.drawn(reference, drawn.templates(20_000, seed=12), 500, 0.2))
    written["drawn_edits"] = 1200
    write("drawn_edits", templates=drawn.drawn(reference, drawn.mutated(20_000, seed=13), 1200, 0.6))
    print(f"{sum(cells.values())} cells of grids: {cells}")
    print(f"{sum(written.values())} templates: {written}; {len(strings) * len(templates)} of single characters; {len(raised)} messages")


main()
