"""retmask detect against transformers, and its input errors."""

import json
import pathlib

import niah_transformers
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Of the 270 heads of SmolLM2-135M-Instruct, on the official needles with 512 and 1,024 tokens.
TOP_HEADS = ["18-6", "17-3", "23-2", "18-7", "17-4", "23-7", "20-6", "21-5", "21-8", "22-7"]

# Random models do not find needles. The first needle has words these models tend to generate, so that heads copy. ROUGE
# sees only one word of the others, so that some answers are right.
WORDS = (
    "the or of in is a an that with for to and You such Derivative Works License shall Contribu this by any no l L u "
    "D re co su d p b m ( W w s t n e f o C A (c) incluR ( inclu ma right"
)
SIGNS = "( ) [ ] { } , ; : - + = / * < > ! ? @ # $ % & ^ _ ~ | "
HAYSTACK = (
    "The boat left the harbour in the morning. There was a little rain. Nobody minded it at all, since it was warm. "
    "Later the wind came round to the south and the sails were set. "
)


def tiny_needles():
    reals = [WORDS] + [SIGNS + word for word in ["that", "of", "or"]]
    return [{"needle": f"We say {real} .", "question": "What do we say ?", "real_needle": real} for real in reals]


def load(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    return model, AutoTokenizer.from_pretrained(folder)


def eos_ids(folder):
    eos = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    return eos if isinstance(eos, list) else [eos]


def read_rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def tiny_data(tmp_path):
    """Flags for the needles and haystack of the tiny models."""
    (tmp_path / "needles.jsonl").write_text("".join(json.dumps(needle) + "\n" for needle in tiny_needles()))
    (tmp_path / "hay").mkdir()
    (tmp_path / "hay/text.txt").write_text(HAYSTACK * 8)
    return ["--needles", tmp_path / "needles.jsonl", "--haystack", tmp_path / "hay"]


DEPTHS, NEW_TOKENS = 3, 30
SIZE_FLAGS = ["--depths", DEPTHS, "--max-new-tokens", NEW_TOKENS, "--dtype", "float32"]
MODES = {
    "ours": dict(lengths=[140, 200], placement="sentence", scoring="set", stop="eos"),
    "published": dict(lengths=[330, 400], placement="reference", scoring="steps", stop="reference"),
}


@pytest.mark.parametrize("mode", MODES)
def test_equals_transformers(retmask, tiny_model, tiny_data, tmp_path, mode):
    options = MODES[mode]
    grid = niah_transformers.Grid(needles=tiny_needles(), haystack=HAYSTACK * 8, depths=DEPTHS, new_tokens=NEW_TOKENS, **options)
    model, tokenizer = load(tiny_model)
    expected = niah_transformers.detect(model, tokenizer, grid, eos_ids(tiny_model))

    flags = [flag for name in ["placement", "scoring", "stop"] for flag in [f"--{name}", options[name]]]
    flags += ["--lengths", ",".join(map(str, options["lengths"])), *SIZE_FLAGS]
    retmask("detect", "--model", tiny_model, *tiny_data, *flags, "--out", tmp_path / "out")

    rows = read_rows(tmp_path / "out/samples.jsonl")
    assert len(rows) == len(expected) == 24
    for row, want in zip(rows, expected):
        for key in ["needle", "length", "depth", "span", "tokens", "answer", "right"]:
            assert row[key] == want[key], (key, want)
        assert row["recall"] == pytest.approx(want["recall"])
        assert row["scores"] == pytest.approx(want["scores"])

    right = [want["scores"] for want in expected if want["right"]]
    table = json.loads((tmp_path / "out/head_scores.json").read_text().splitlines()[0])
    assert list(table) == [f"{layer}-{head}" for layer in range(4) for head in range(4)]
    for head, scores in table.items():
        assert scores == pytest.approx([sample.get(head, 0.0) for sample in right]), head


def test_tiny_models_copy_and_answer(retmask, tiny_data, tmp_path):
    """Without copies the comparisons above would be vacuous."""
    copies = right = 0
    for name in ["llama", "qwen3", "olmo3"]:
        model = ROOT / "tests/golden/tiny" / name
        retmask("detect", "--model", model, *tiny_data, "--lengths", "140,200", *SIZE_FLAGS, "--out", tmp_path / name)
        rows = read_rows(tmp_path / name / "samples.jsonl")
        copies += sum(len(row["scores"]) for row in rows)
        right += sum(row["right"] for row in rows)
    assert copies >= 5 and right >= 3


def test_goes_on_where_it_was_stopped(retmask, tiny_llama, tiny_data, tmp_path):
    command = ["detect", "--model", tiny_llama, *tiny_data, "--lengths", 140, *SIZE_FLAGS, "--out", tmp_path / "out"]
    retmask(*command)
    results = ["head_scores.json", "samples.jsonl", "heads.svg", "report.html"]
    before = {name: (tmp_path / "out" / name).read_text() for name in results}
    lines = before["samples.jsonl"].splitlines(keepends=True)
    # As after a kill: some rows, in another order, the last one torn.
    (tmp_path / "out/samples.jsonl").write_text("".join([lines[5], lines[1], lines[9][:40]]))
    retmask(*command)
    assert {name: (tmp_path / "out" / name).read_text() for name in results} == before
    assert json.loads((tmp_path / "out/run.json").read_text())["timing"]["samples"] == len(lines) - 2


def test_a_sample_does_not_depend_on_what_it_shares(retmask, tiny_model, tiny_data, tmp_path):
    """Samples with the same beginning are read once. Each of them answered alone, after a stop, gives the same bytes."""
    command = ["detect", "--model", tiny_model, *tiny_data, "--lengths", "140,200", *SIZE_FLAGS, "--out", tmp_path / "out"]
    done = retmask(*command)
    assert "memory: " in done.stderr and " of keys and values" in done.stderr
    results = ["head_scores.json", "samples.jsonl"]
    before = {name: (tmp_path / "out" / name).read_text() for name in results}
    rows = before["samples.jsonl"].splitlines(keepends=True)
    timing = json.loads((tmp_path / "out/run.json").read_text())["timing"]
    prompts = sum(json.loads(row)["tokens"] for row in rows)
    assert timing["prompt_tokens_computed"] + timing["prompt_tokens_reused"] == prompts
    assert timing["prompt_tokens_reused"] > prompts / 4
    for missing in [2, 11, 20]:
        (tmp_path / "out/samples.jsonl").write_text("".join(rows[:missing] + rows[missing + 1 :]))
        retmask(*command)
        assert {name: (tmp_path / "out" / name).read_text() for name in results} == before
        timing = json.loads((tmp_path / "out/run.json").read_text())["timing"]
        assert timing["prompt_tokens_computed"] == json.loads(rows[missing])["tokens"] and timing["prompt_tokens_reused"] == 0


def test_works_without_any_data(retmask, tiny_llama, tmp_path):
    done = retmask("detect", "--model", tiny_llama, "--lengths", 120, "--depths", 2, "--out", tmp_path / "out")
    assert "of 6 answers right" in done.stdout
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["samples"] == 6 and len(summary["heads"]) == 16
    assert (tmp_path / "out/heads.svg").read_text().startswith("<svg")
    assert json.loads((tmp_path / "out/run.json").read_text())["status"] == "done"


def test_base_models_get_plain_prompts(retmask, model, tmp_path):
    """Without a chat template the prompt is the text alone, as transformers encodes it."""
    (model / "chat_template.jinja").unlink()
    grid = ["--model", model, "--lengths", 120, "--depths", 2, "--max-new-tokens", 4]
    done = retmask("detect", *grid, "--out", tmp_path / "auto")
    assert "no chat template" in done.stderr
    retmask("detect", *grid, "--chat", "none", "--out", tmp_path / "plain")
    rows = read_rows(tmp_path / "plain/samples.jsonl")
    assert rows == read_rows(tmp_path / "auto/samples.jsonl") and len(rows) == 6
    tokenizer = AutoTokenizer.from_pretrained(model)
    # A chat prompt is longer: it has the template's tokens as well.
    shortest = len(tokenizer("<book></book>\nBased on the content of the book, Question: ?\nAnswer:")["input_ids"])
    assert all(120 + shortest / 2 < row["tokens"] < 120 + 3 * shortest for row in rows)
    failed = retmask("detect", *grid, "--chat", "all", "--out", tmp_path / "chat", code=2)
    assert "has no chat template" in failed.stderr


def test_draws_depend_on_the_seed(retmask, tiny_llama, tmp_path):
    def samples(seed, *flags):
        out = tmp_path / f"{seed}{len(flags)}"
        grid = ["--lengths", "200", "--depths", 2, "--max-new-tokens", 2, "--needles", "non-literal"]
        retmask("detect", "--model", tiny_llama, *grid, *flags, "--seed", seed, "--out", out)
        rows = read_rows(out / "samples.jsonl")
        assert len(rows) == 24 and all(row["span"][0] >= 0 for row in rows)
        return [row["span"] for row in rows]

    one, two = (samples(seed, "--depth-rule", "random", "--needles-per-context", 3) for seed in (1, 2))
    assert one != two
    assert samples(1) == samples(2) != one


MISTAKES = {
    "too many needles per context": (["--needles-per-context", 4], "there are only 3 needles"),
    "unknown needle set": (["--needles", "long"], "few, literal, non-literal, all"),
    "unknown depth rule": (["--depth-rule", "odd"], "--depth-rule is"),
    "drawn depths as published": (["--placement", "reference", "--depth-rule", "random"], "leave out"),
    "needle longer than the context": (["--lengths", 16], "does not fit into a context of 16"),
    "context longer than the model": (["--lengths", 4000], "exceeds the model's maximum of 2048"),
    "no depths": (["--depths", 0], "--depths is 0"),
    "unknown scoring": (["--scoring", "sum"], "--scoring is"),
    "unknown placement": (["--placement", "end"], "--placement is"),
    "unknown stop": (["--stop", "never"], "--stop is"),
    "lengths upside down": (["--min-length", 900, "--max-length", 300], "--max-length is 300"),
    "missing needles": (["--needles", "none.jsonl"], "none.jsonl"),
    "missing haystack": (["--haystack", "none"], "does not exist"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(retmask, tiny_llama, tmp_path, name):
    flags, message = MISTAKES[name]
    grid = [] if "--lengths" in flags or "--min-length" in flags else ["--lengths", 120]
    done = retmask("detect", "--model", tiny_llama, *grid, *flags, "--out", tmp_path / "out", code=2)
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("retmask: error: ") and message in lines[0], done.stderr


@pytest.mark.slow
def test_smollm2_equals_the_reference(smollm2_detection):
    """End-to-end check of detect: 30 samples of the official grid, compared by sample and head."""
    expected = json.loads((ROOT / "tests/golden/smollm2/detection.json").read_text())
    rows = read_rows(smollm2_detection / "samples.jsonl")
    assert len(rows) == 30
    for row, want in zip(rows, expected["rows"], strict=True):
        for key in ["needle", "length", "depth", "span", "tokens", "right"]:
            assert row[key] == want[key], (key, want)
        assert row["recall"] == pytest.approx(want["recall"])
    scores = json.loads((smollm2_detection / "head_scores.json").read_text())
    assert scores.keys() == expected["scores"].keys()
    for head, values in scores.items():
        assert values == pytest.approx(expected["scores"][head], abs=1e-5), head


@pytest.mark.slow
def test_smollm2_heads(smollm2_detection):
    summary = json.loads((smollm2_detection / "summary.json").read_text())
    assert summary["right"] == 17
    assert summary["heads_at_least"]["0.1"] == 20
    assert ["{}-{}".format(*row["head"]) for row in summary["heads"][:10]] == TOP_HEADS
    assert 0.9 < summary["gini"] < 1 and 0.6 < summary["top_share"]["0.05"] < 1
    assert 0.5 < summary["split_half"] < 1 and 0 < summary["hoyer"] < 1
    assert summary["threshold"]["undecided"] > 0
    for row in summary["heads"][:10]:
        assert row["interval"][0] < row["mean"] < row["interval"][1]
        assert row["rank_interval"][0] <= 20
