"""retmask detect's scorers against transformers, and their flags. The copy scorer is compared in test_detect.py."""

import functools
import json

import niah_transformers
import pytest
import scorers_transformers as reference
from test_detect import HAYSTACK, eos_ids, load, read_rows

# Random models find no needles, but these pieces of text happen to be in their answers.
PIECES = ["a", "an", "in", "u", "s", "t", "n", "e", "o", "A", "of t"]
NEEDLES = [
    {"needle": f"We say {piece} .", "question": f"What is {piece} like ?", "real_needle": piece} for piece in PIECES
]
LENGTH, DEPTHS, NEW_TOKENS = 60, 2, 20
SIZE_FLAGS = ["--lengths", LENGTH, "--depths", DEPTHS, "--max-new-tokens", NEW_TOKENS, "--dtype", "float32"]
TOLERANCE = 1e-4


@pytest.fixture
def few_words(tmp_path):
    """Flags for the needles and haystack of the tiny models."""
    (tmp_path / "needles.jsonl").write_text("".join(json.dumps(needle) + "\n" for needle in NEEDLES))
    (tmp_path / "hay").mkdir()
    (tmp_path / "hay/text.txt").write_text(HAYSTACK * 8)
    return ["--needles", tmp_path / "needles.jsonl", "--haystack", tmp_path / "hay"]


def expected_scores(scorer, model, tokenizer, row, eos):
    needle = NEEDLES[row["needle"]]
    if row["span"][0] < 0:
        return None
    if scorer == "logit":
        tokens, _ = niah_transformers.answer(model, row["prompt"], eos, NEW_TOKENS)
        return reference.logit(model, tokenizer, row["prompt"], row["span"], needle["real_needle"], tokens)
    if scorer == "query":
        text_of = functools.partial(niah_transformers.render, tokenizer, row["context"])
        return reference.query(model, tokenizer, text_of, needle["question"], row["span"])
    return reference.ablation(model, row["prompt"], row["real"])


@pytest.mark.parametrize("scorer", ["logit", "query", "ablation"])
def test_equals_transformers(retmask, tiny_model, few_words, tmp_path, scorer):
    retmask("detect", "--model", tiny_model, *few_words, *SIZE_FLAGS, "--scorer", scorer, "--out", tmp_path / "out")
    rows = read_rows(tmp_path / "out/samples.jsonl")
    model, tokenizer = load(tiny_model)
    grid = niah_transformers.Grid(NEEDLES, HAYSTACK * 8, lengths=[LENGTH], depths=DEPTHS, new_tokens=NEW_TOKENS)
    wanted = list(niah_transformers.samples(tokenizer, grid))
    assert len(rows) == len(wanted)

    compared = []
    for row, want in zip(rows, wanted):
        if scorer == "ablation" and row["needle"] % 6:
            continue  # 17 forward passes each
        scores = expected_scores(scorer, model, tokenizer, want, set(eos_ids(tiny_model)))
        assert (row["scores"] is None) == (scores is None), want
        if scores is not None:
            assert row["scores"] == pytest.approx(scores, abs=TOLERANCE)
            compared.append(row)
    assert len(compared) >= 3

    counted = [row["scores"] for row in rows if row["scores"] is not None and row["right"] in (True, None)]
    assert counted or scorer == "logit"  # a right answer needs the piece as a word
    table = json.loads((tmp_path / "out/head_scores.json").read_text())
    assert table == {head: [scores[head] for scores in counted] for head in compared[0]["scores"]}
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["scorer"] == scorer and summary["counted"] == len(counted)
    assert (summary["right"] is None) == (scorer != "logit")


@pytest.mark.parametrize("scorer", ["query", "ablation"])  # the tiny model answers nothing right, which logit needs
def test_scores_select_heads_and_make_a_report(retmask, tiny_llama, few_words, tmp_path, scorer):
    """Negative scores included."""
    retmask("detect", "--model", tiny_llama, *few_words, *SIZE_FLAGS, "--scorer", scorer, "--out", tmp_path / "out")
    scores = tmp_path / "out/head_scores.json"
    assert min(min(values) for values in json.loads(scores.read_text()).values()) < 0
    flags = ["--scores", scores, "--top-k", 3, "--spec-only"]
    retmask("mask", "--model", tiny_llama, *flags, "--out", tmp_path / "mask")
    assert len(json.loads((tmp_path / "mask/mask.json").read_text())["heads"]) == 3
    retmask("report", "--runs", tmp_path / "out", "--out", tmp_path / "page")


MISTAKES = {
    "unknown scorer": (["--scorer", "induction"], "--scorer is"),
    "scoring of another scorer": (["--scorer", "logit", "--scoring", "steps"], "--scoring has no effect"),
    "stop without an answer": (["--scorer", "query", "--stop", "reference"], "--stop has no effect"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(retmask, tiny_llama, tmp_path, name):
    flags, message = MISTAKES[name]
    done = retmask("detect", "--model", tiny_llama, "--lengths", 120, *flags, "--out", tmp_path / "out", code=2)
    errors = [line for line in done.stderr.splitlines() if line.startswith("retmask: error: ")]
    assert len(errors) == 1 and message in errors[0], done.stderr


def test_ablation_says_what_it_costs(retmask, tiny_llama, few_words, tmp_path):
    flags = [*few_words, *SIZE_FLAGS, "--scorer", "ablation"]
    done = retmask("detect", "--model", tiny_llama, *flags, "--out", tmp_path / "out")
    samples = len(NEEDLES) * DEPTHS
    assert f"masks each of 16 heads in turn on {samples} samples: as much work as 11 forward passes" in done.stderr
    again = retmask("detect", "--model", tiny_llama, *flags, "--out", tmp_path / "out")
    assert "masks each" not in again.stderr
