"""Prompts of retmask synthesize: rows of published data sets, selected by flags."""

import datetime
import gzip
import json

import pyarrow
import pyarrow.parquet
import pytest

from helpers import expect_one_line, read_rows
from synthesize_runs import summary_of
from synthesize_runs import mask, prompts, synthesize  # noqa: F401: fixtures

WHEN = datetime.datetime(2023, 4, 9, tzinfo=datetime.timezone.utc)
OFF = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.01}}
ON = {"flagged": True, "categories": {"hate": True}, "category_scores": {"hate": 0.9}}


def talk(*texts):
    return [{"content": text, "role": ("user", "assistant")[i % 2]} for i, text in enumerate(texts)]


def lmsys(conversation_id, turns, language="English", flagged=False, redacted=False):
    """A row of LMSYS-Chat-1M; moderation is one object per message."""
    return dict(
        conversation_id=conversation_id,
        model="vicuna-13b",
        conversation=turns,
        turn=(len(turns) + 1) // 2,
        language=language,
        openai_moderation=[OFF] * (len(turns) - 1) + [ON if flagged else OFF],
        redacted=redacted,
    )


def wildchat(turns, language="English", toxic=False, redacted=False):
    """A row of WildChat-1M; its messages have additional fields."""
    more = dict(country=None, hashed_ip="05a0", header={"user-agent": "x"}, language=language, redacted=redacted,
                state=None, timestamp=WHEN, toxic=toxic, turn_identifier=1)
    return dict(
        conversation_hash="c9ec",
        model="gpt-4",
        timestamp=WHEN,
        conversation=[turn | more for turn in turns],
        turn=(len(turns) + 1) // 2,
        language=language,
        openai_moderation=[OFF] * len(turns),
        detoxify_moderation=[{"toxicity": 0.1}] * len(turns),
        toxic=toxic,
        redacted=redacted,
    )


def guru(text):
    """A row of Guru-RL-92K."""
    return dict(
        data_source="math__combined",
        prompt=[{"content": text, "role": "user"}],
        ability="math",
        reward_model={"ground_truth": "4", "style": "rule"},
        extra_info={"index": 7},
    )


@pytest.fixture
def answered(synthesize, tmp_path):
    """Answers the rows of a file with a few tokens; returns {id: messages} and the folder."""

    def run(rows, name="rows.parquet", out="out", **flags):
        path = tmp_path / name
        if name.endswith(".parquet"):
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        elif name.endswith(".gz"):
            path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
        else:
            path.write_text(json.dumps(rows))
        synthesize(tmp_path / out, prompts=path, max_new_tokens=2, **flags)
        chosen = read_rows(tmp_path / out / "chosen.jsonl.gz")
        return {row["conversation_id"]: row["conversation"] for row in chosen}, tmp_path / out

    return run


def counts(folder):
    prompts = summary_of(folder)["prompts"]
    assert prompts["rows"] == prompts["answered"] + prompts["left_out"]
    return {reason: count for reason, count in prompts["left_out_by_reason"].items() if count > 0}


def test_lmsys(answered):
    rows = [
        lmsys("a", talk("Hello", "Hi", "Why?", "So.")),
        lmsys("b", talk("Hello", "Hi"), flagged=True),
        lmsys("c", talk("Hallo", "Hi"), language="German"),
        lmsys("d", talk("I am NAME_1", "Hi"), redacted=True),
        lmsys("e", talk("Hello", "Ho")),
        lmsys("f", talk("  ", "What?")),
        lmsys("g", talk("Go", "Yes")),
    ]
    flags = dict(language=["english", "French"], exclude_redacted=True, exclude_toxic=True, deduplicate=True)
    prompts, out = answered(rows, **flags)
    assert prompts == {"a": talk("Hello"), "g": talk("Go")}
    assert counts(out) == dict(blank=1, language=1, redacted=1, toxic=1, duplicate=1)
    prompts, out = answered(rows, out="all", turns="all", min_turns=2)
    assert prompts == {"a": talk("Hello", "Hi", "Why?")}
    assert counts(out) == dict(blank=1, turns=5)


def test_wildchat(answered):
    rows = [
        wildchat(talk("Hello", "Hi", "Why?", "So.", "And?", "No.")),
        wildchat(talk("Hello", "Hi"), toxic=True),
        wildchat(talk("Bonjour", "Salut"), language="French"),
        wildchat(talk("Hi, I am PRESIDIO_ANONYMIZED_PERSON", "Hi"), redacted=True),
        wildchat(talk("Go", "Yes", "On", "No")),
    ]
    flags = dict(language="English", exclude_redacted=True, exclude_toxic=True, max_turns=2, turns="all")
    prompts, out = answered(rows, **flags)
    assert prompts == {"rows.parquet:5": talk("Go", "Yes", "On")}
    assert counts(out) == dict(language=1, redacted=1, toxic=1, turns=1)


def test_guru(answered):
    rows = [guru("What is 2 + 2?"), guru("What is 2 + 3?"), guru("What is 2 + 2?")]
    prompts, out = answered(rows, deduplicate=True)
    assert prompts == {"rows.parquet:1": talk("What is 2 + 2?"), "rows.parquet:2": talk("What is 2 + 3?")}
    assert counts(out) == dict(duplicate=1)


@pytest.mark.parametrize("name", ["rows.jsonl.gz", "rows.json", "rows.parquet"])
def test_every_format_is_filtered_alike(answered, name):
    rows = [lmsys(str(i), talk(f"Number {i}", "Yes"), language=("English", "Greek")[i % 2]) for i in range(6)]
    prompts, _ = answered(rows, name=name, language="greek")
    assert list(prompts) == ["1", "3", "5"]


def test_sample(answered):
    rows = [lmsys(str(i), talk(f"Number {i}", "Yes")) for i in range(40)]

    def ids(out, **flags):
        prompts, folder = answered(rows, out=out, **flags)
        assert len(prompts) + sum(counts(folder).values()) == 40
        return list(prompts)

    ten = ids("a", sample=10, seed=1)
    assert len(ten) == 10 and ten == sorted(ten, key=int), "in the order of the file"
    assert ids("b", sample=10, seed=1) == ten != ids("c", sample=10, seed=2)
    assert ids("a", sample=20, seed=1) != ten, "a run may grow in its folder"
    assert set(ten) < set(ids("a", sample=20, seed=1))
    assert ids("d", sample=10, seed=1, skip=2, limit=5) == ten[2:7]


def test_prompt_tokens(answered, tmp_path):
    rows = [lmsys("short", talk("Go", "Yes")), lmsys("long", talk("Go on and on and on and on " * 10, "Yes"))]
    assert list(answered(rows, out="a", max_prompt_tokens=60)[0]) == ["short"]
    prompts, out = answered(rows, out="b", min_prompt_tokens=60)
    assert list(prompts) == ["long"] and counts(out) == dict(tokens=1)


def test_what_is_left_out_is_logged(answered, synthesize, tmp_path):
    rows = [lmsys("a", talk("Go", "Yes")), lmsys("b", talk("Los", "Ja"), language="German")]
    answered(rows, out="out", language="English")
    arguments = synthesize.arguments(tmp_path / "out", prompts=tmp_path / "rows.parquet", max_new_tokens=2,
                                     language="English")
    shown = synthesize.retmask(*[argument for argument in arguments if argument != "--quiet"])
    assert "1 of 2 prompts (left out: 1 language)" in shown.stderr


@pytest.mark.parametrize(
    "flags, said",
    [
        (dict(language="English"), ["--language", "10 rows", '"language"']),
        (dict(exclude_redacted=True), ["--exclude-redacted", '"redacted"']),
        (dict(exclude_toxic=True), ["--exclude-toxic", '"toxic"', '"openai_moderation"']),
        (dict(turns="last"), ["--turns", "first, all"]),
        (dict(min_turns=2), ["no prompt is left", "10 turns"]),
        (dict(min_turns=3, max_turns=2), ["--min-turns 3", "--max-turns 2"]),
        (dict(min_prompt_tokens=2000), ["no prompt is left", "10 tokens"]),
        (dict(sample=-1), ["--sample is -1"]),
    ],
)
def test_mistakes_are_one_line(synthesize, flags, said, tmp_path):
    expect_one_line(synthesize(tmp_path / "out", code=2, **flags), said)
