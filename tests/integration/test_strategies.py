"""Strategies of retmask synthesize: masked heads, rejected model and output rows."""

import json
import shutil

import pytest
from tokenizers import Tokenizer

from chat_server import ChatServer
from helpers import expect_one_line, read_rows, run_record
from synthesize_runs import summary_of, texts, write_prompts
from test_synthesize import transformers_greedy

TOPICS = ["rain", "bread", "the moon", "Zürich", "wool"]
SCORES = {f"{layer}-{head}": [((5 * layer + 3 * head) % 16) / 20, 0.1] for layer in range(4) for head in range(4)}


@pytest.fixture
def prompts(tmp_path):
    return write_prompts(tmp_path / "prompts.jsonl", [f"Tell me something about {topic}." for topic in TOPICS])


@pytest.fixture
def scores(tmp_path):
    path = tmp_path / "head_scores.json"
    path.write_text(json.dumps(SCORES))
    return path


@pytest.fixture
def synthesize(retmask, prompts):
    """synthesize(out, flags..., code=0) in float32, greedy."""

    def run(out, *flags, code=0, temperature=0):
        usual = ["--prompts", prompts, "--device", "cpu", "--dtype", "float32", "--threads", 1, "--seed", 7, "--quiet",
                 "--max-new-tokens", 16, "--temperature", temperature]
        return retmask("synthesize", *usual, *flags, "--out", out, code=code)

    return run


@pytest.mark.parametrize("strategy, select", [("auto", "retrieval"), ("retrieval-masked", "retrieval"),
                                              ("non-retrieval-masked", "non-retrieval"), ("random-masked", "random")])
@pytest.mark.parametrize("choice", [["top-k", 5], ["threshold", 0.3]])
def test_heads_from_scores_are_those_of_the_mask_command(
    retmask, synthesize, tiny_llama, scores, tmp_path, strategy, select, choice
):
    name, value = choice
    retmask("mask", "--model", tiny_llama, "--scores", scores, f"--{name}", value, "--select", select, "--seed", 7,
            "--spec-only", "--out", tmp_path / "mask")
    synthesize(tmp_path / "two", "--model", tiny_llama, "--mask", tmp_path / "mask/mask.json")
    synthesize(tmp_path / "one", "--model", tiny_llama, "--strategy", strategy, "--scores", scores,
               f"--mask-{name}", value)
    assert (tmp_path / "one/mask.json").read_bytes() == (tmp_path / "mask/mask.json").read_bytes()
    assert texts(tmp_path / "one", "rejected") == texts(tmp_path / "two", "rejected")
    assert texts(tmp_path / "one", "chosen") == texts(tmp_path / "two", "chosen")
    assert texts(tmp_path / "one", "chosen") != texts(tmp_path / "one", "rejected")
    named = {row["synthesis_model"] for row in read_rows(tmp_path / "one/rejected.jsonl.gz")}
    assert named == {f"{tiny_llama} masked by {select} heads of {scores}"}
    run = run_record(tmp_path / "one")
    assert set(run["inputs"]) == {"model", "prompts", "scores", "mask"}


def test_other_scores_in_the_same_folder_are_refused(synthesize, tiny_llama, scores, tmp_path):
    flags = ["--model", tiny_llama, "--scores", scores, "--mask-top-k", 5]
    synthesize(tmp_path / "out", *flags)
    scores.write_text(json.dumps(SCORES | {"0-0": [1, 1]}))
    done = synthesize(tmp_path / "out", *flags, code=2)
    assert "scores" in done.stderr and "changed" in done.stderr


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--scores", "SCORES"], ["--mask-top-k", "--mask-threshold"]),
        (["--scores", "SCORES", "--mask-top-k", 2, "--mask-threshold", 0.2], ["more than one of", "--mask-threshold"]),
        (["--scores", "SCORES", "--mask-top-k", 2, "--mask", "m.json"], ["--mask and --scores"]),
        (["--scores", "SCORES", "--mask-top-k", 99], ["--mask-top-k is 99", "16 heads"]),
        (["--scores", "SCORES", "--mask-top-k", 0], ["--mask-top-k is 0"]),
        (["--scores", "SCORES", "--mask-threshold", 7], ["--mask-threshold 7"]),
        (["--scores", "SCORES", "--mask-top-k", 2, "--strategy", "sft"], ["--scores", "sft"]),
        (["--mask-top-k", 2], ["--scores"]),
        (["--strategy", "random-masked", "--mask", "m.json"], ["random-masked", "--scores", "instead of --mask"]),
        (["--strategy", "masked"], ["--strategy", "retrieval-masked", "win-lose"]),
        (["--strategy", "sft", "--rejected-model", "x"], ["sft", "--rejected-model"]),
    ],
)
def test_mistakes_are_one_line(synthesize, tiny_llama, scores, tmp_path, flags, said):
    flags = [scores if flag == "SCORES" else flag for flag in flags]
    done = synthesize(tmp_path / "out", "--model", tiny_llama, *flags, code=2)
    expect_one_line(done, said)


@pytest.fixture
def other_tokenizer(tiny_llama, tmp_path):
    """A checkpoint of another family with half the tokenizer merges and a different template."""
    folder = tmp_path / "other"
    shutil.copytree(tiny_llama.parent / "qwen3", folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    merges = tokenizer["model"]["merges"]
    tokenizer["model"]["merges"] = merges[: len(merges) // 2]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "chat_template.jinja").write_text("Question: {{ messages[-1]['content'] }}\nAnswer: ")
    return folder


def test_loser_of_another_family_tokenizer_and_template(synthesize, tiny_llama, other_tokenizer, prompts, tmp_path):
    sentence = "Tell me something about the moon."
    ids = [Tokenizer.from_file(str(folder / "tokenizer.json")).encode(sentence).ids
           for folder in (tiny_llama, other_tokenizer)]
    assert ids[0] != ids[1], "the tokenizers differ"
    synthesize(tmp_path / "out", "--model", tiny_llama, "--rejected-model", other_tokenizer, "--strategy",
               "rejected-model")
    assert texts(tmp_path / "out", "chosen") == transformers_greedy(tiny_llama, prompts, [], 16)
    assert texts(tmp_path / "out", "rejected") == transformers_greedy(other_tokenizer, prompts, [], 16)
    pairs = read_rows(tmp_path / "out/pairs.jsonl")
    assert [pair["id"] for pair in pairs] == [f"p{i}" for i in range(len(TOPICS))]


def test_sft_rows_are_what_training_reads(retmask, synthesize, tiny_llama, tmp_path):
    out = tmp_path / "out"
    done = synthesize(out, "--model", tiny_llama, "--strategy", "sft", "--samples", 2, temperature=0.8)
    assert "rows: 10 kept" in done.stdout and str(out / "sft.jsonl") in done.stdout
    assert not (out / "pairs.jsonl").exists() and not (out / "rejected.jsonl.gz").exists()
    rows = read_rows(out / "sft.jsonl")
    chosen = texts(out, "chosen")
    assert [(row["id"], row["meta"]["sample"]) for row in rows] == [(f"p{i}", s) for i in range(5) for s in (0, 1)]
    for row in rows:
        assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
        assert row["messages"][1]["content"] == chosen[row["id"]][row["meta"]["sample"]]
    assert summary_of(out)["rows"]["kept"] == 10
    retmask("train-dpo", "--loss", "sft", "--model", tiny_llama, "--pairs", out / "sft.jsonl", "--max-steps", 2,
            "--global-batch-size", 4, "--device", "cpu", "--threads", 1, "--dtype", "float32", "--quiet", "--out",
            tmp_path / "trained")
    losses = [row["loss"] for row in read_rows(tmp_path / "trained/metrics.jsonl")]
    assert len(losses) == 2 and all(loss > 0 for loss in losses)


def test_trl_reads_sft_rows(synthesize, tiny_llama, tmp_path):
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    synthesize(tmp_path / "out", "--model", tiny_llama, "--strategy", "sft")
    data = load_dataset("json", data_files=str(tmp_path / "out/sft.jsonl"), split="train", cache_dir=str(tmp_path / "c"))
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    config = SFTConfig(output_dir=str(tmp_path / "trl"), use_cpu=True, report_to=[], bf16=False)
    trainer = SFTTrainer(AutoModelForCausalLM.from_pretrained(tiny_llama), args=config, train_dataset=data,
                         processing_class=tokenizer)
    row = read_rows(tmp_path / "out/sft.jsonl")[0]
    assert row["messages"][1]["content"] in tokenizer.decode(trainer.train_dataset[0]["input_ids"])


def test_sft_drops_what_teaches_nothing(synthesize, tmp_path):
    def reply(request):
        return " " if "bread" in request["messages"][0]["content"] else "Something."

    with ChatServer(reply).running() as server:
        done = synthesize(tmp_path / "out", "--strategy", "sft", "--endpoint", server.url, "--endpoint-model", "m")
    assert "rows: 4 kept, 1 dropped, 1 empty_answer" in done.stdout


def test_report_shows_every_strategy(retmask, synthesize, tiny_llama, scores, tmp_path):
    synthesize(tmp_path / "pairs", "--model", tiny_llama, "--scores", scores, "--mask-top-k", 5)
    synthesize(tmp_path / "sft", "--model", tiny_llama, "--strategy", "sft")
    with ChatServer().running() as server:
        synthesize(tmp_path / "remote", "--model", tiny_llama, "--rejected-endpoint", server.url,
                   "--rejected-endpoint-model", "m")
    retmask("report", "--runs", *(tmp_path / name for name in ("pairs", "sft", "remote")), "--out", tmp_path / "report")
    page = (tmp_path / "report/report.html").read_text()
    assert "5 conversations" in page and "unknown" in page
