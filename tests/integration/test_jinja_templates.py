"""Released and random chat templates in our Jinja engine and in jinja2 as configured by transformers."""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests/golden"))
from jinja_suite import drawn, grids, reference, values  # noqa: E402
from jinja_suite.conversations import conversations  # noqa: E402
from transformers.utils import chat_template_utils  # noqa: E402

NOW = int(time.mktime(reference.NOW.timetuple()))


def render_ours(requests):
    """[(template, variables), ..] -> [output or None], [message or None], in one run of tests/tools/jinja_tool.cpp."""
    binary = pathlib.Path(os.environ.get("RETMASK_BINARY", ROOT / "build/release/retmask")).parent / "tests/jinja_tool"
    if not binary.is_file():
        pytest.fail(f"{binary} is not built; run scripts/build.sh")
    lines = "".join(json.dumps({"template": t, "variables": v, "now": NOW}) + "\n" for t, v in requests)
    done = subprocess.run([binary], input=lines.encode(), capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    answers = [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]
    assert len(answers) == len(requests)
    return [answer.get("output") for answer in answers], [answer.get("error") for answer in answers]


def assert_equal(names, requests, expected):
    outputs, errors = render_ours(requests)
    differences = []
    for name, wanted, output, error in zip(names, expected, outputs, errors):
        if wanted is not reference.UNDEFINED_OUTPUT and wanted != output:
            ours = repr(output) if error is None else f"error: {error}"
            differences.append(f"{name}\n  jinja2: {'raises' if wanted is None else repr(wanted)}\n  ours:   {ours}")
    shown = "\n".join(differences[: int(os.environ.get("RETMASK_JINJA_SHOW", 20))])
    assert not differences, f"{len(differences)} of {len(names)} differ:\n{shown}"


def released_templates(shared):
    """name -> (source, special tokens)."""
    tokens = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    found = {path.name: (path.read_text(encoding="utf-8"), tokens) for path in sorted((shared / "templates").glob("*.jinja"))}
    for path in sorted((shared / "tokenizers").glob("*/tokenizer_config.json")):
        config = json.loads(path.read_text(encoding="utf-8"))
        special = {name: value for name, value in config.items() if name.endswith("_token") and isinstance(value, str)}
        found[path.parent.name] = (config["chat_template"], special)
    return found


def test_released_templates(shared):
    templates = released_templates(shared)
    assert len(templates) >= 43
    names, requests, expected, rendered = [], [], [], set()
    for template, (source, tokens) in templates.items():
        for name, messages, variables in conversations():
            variables = {**tokens, "tools": None, "documents": None, **variables}
            try:
                wanted = chat_template_utils.render_jinja_template([messages], chat_template=source, **variables)[0][0]
                rendered.add(template)
            except Exception:
                wanted = None
            names.append(f"{template}, conversation '{name}'")
            aliased = chat_template_utils._alias_reasoning_fields(messages)
            requests.append((source, {**variables, "messages": aliased}))
            expected.append(wanted)
    assert rendered == set(templates)  # each accepts at least one conversation
    assert sum(wanted is not None for wanted in expected) > len(expected) / 2
    assert_equal(names, requests, expected)


# Same grammar as tests/golden/jinja with other draws, and cells of its grids with random texts.
def test_fresh_random_templates():
    draws = drawn.drawn(reference, drawn.expressions(20_000, seed=2001), 600, 0.2)
    draws += drawn.drawn(reference, drawn.templates(5_000, seed=2002), 300, 0.2)
    draws += drawn.drawn(reference, drawn.mutated(5_000, seed=2004), 400, 0.6)
    draw = drawn.Draw(2003)
    for _ in range(1500):
        text = json.dumps(draw.text() + draw.one(["", " ", draw.text()]), ensure_ascii=draw.chance(0.5))
        if "\\ud" in text:  # jinja2 reads \ud83d\udc4d as two surrogates
            continue
        expression = draw.one(draw.one([grids.text_methods(), grids.text_filters(), grids.json_filter(), grids.tests(), grids.sequence_filters()]))
        template = f"{{% set v = {text} %}}{{{{ {expression} }}}}"
        draws.append((template, reference.render(template, values.VARIABLES)))
    assert_equal([t for t, _ in draws], [(t, values.VARIABLES) for t, _ in draws], [o for _, o in draws])
