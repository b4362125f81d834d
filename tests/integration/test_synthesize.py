"""retmask synthesize end to end: determinism, resuming after kill -9, equality with transformers, bad input."""

import gzip
import json
import os
import random
import shutil
import subprocess
import time

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

HEADS = [[0, 1], [1, 0], [1, 3], [2, 2], [3, 0]]  # of the tiny models: 4 layers x 4 heads
TOPICS = ["rain", "bread", "the moon", "Zürich", "trains", "chess", "salt", "owls", "maps", "tea"]
FINAL_FILES = ["chosen.jsonl.gz", "rejected.jsonl.gz", "pairs.jsonl", "summary.json"]


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    rows = [{"id": f"p{i}", "prompt": f"Tell me something about {topic}."} for i, topic in enumerate(TOPICS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def mask(tmp_path):
    path = tmp_path / "mask.json"
    path.write_text(json.dumps({"heads": HEADS}))
    return path


class Synthesize:
    """A small run in float32 whose flags can be changed: synthesize(out, max_new_tokens=8, drop_unfinished=True)."""

    def __init__(self, retmask, **flags):
        self.retmask, self.flags = retmask, flags

    def arguments(self, out, **changes):
        """None leaves a flag out, True stands for a flag without value."""
        arguments = ["synthesize", "--quiet", "--out", str(out)]
        for name, value in (self.flags | changes).items():
            if value is not None:
                arguments += ["--" + name.replace("_", "-")] + ([] if value is True else [str(value)])
        return arguments

    def __call__(self, out, code=0, **changes):
        return self.retmask(*self.arguments(out, **changes), code=code)


@pytest.fixture
def synthesize(retmask, tiny_llama, prompts, mask):
    inputs = dict(model=tiny_llama, prompts=prompts, mask=mask)
    return Synthesize(retmask, **inputs, device="cpu", dtype="float32", seed=7, threads=1, max_new_tokens=40)


def read_rows(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as file:
        return [json.loads(line) for line in file]


def texts(folder, policy):
    rows = read_rows(folder / f"{policy}.jsonl.gz")
    return {row["conversation_id"]: [a["content"] for a in row["synthesized_assistant_responses"]] for row in rows}


def final_bytes(folder):
    return {name: (folder / name).read_bytes() for name in FINAL_FILES}


def test_outputs(synthesize, tmp_path):
    out = tmp_path / "out"
    shown = synthesize(out, samples=2).stdout
    assert "tokens/s" in shown and str(out / "pairs.jsonl") in shown

    ids = [f"p{i}" for i in range(len(TOPICS))]
    chosen, rejected = texts(out, "chosen"), texts(out, "rejected")
    assert list(chosen) == ids and list(rejected) == ids, "the final files keep the order of the prompts"
    assert all(len(answers) == 2 for answers in [*chosen.values(), *rejected.values()])
    assert chosen != rejected

    pairs = read_rows(out / "pairs.jsonl")
    for pair in pairs:
        sample = pair["meta"]["sample"]
        assert list(pair) == ["prompt", "chosen", "rejected", "id", "meta"]
        assert [m["role"] for m in pair["prompt"]] == ["user"]
        assert pair["chosen"] == [{"role": "assistant", "content": chosen[pair["id"]][sample]}]
        assert pair["rejected"] == [{"role": "assistant", "content": rejected[pair["id"]][sample]}]
        assert pair["meta"]["chosen"]["mean_logprob"] < 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["prompts"] == {"answered": len(TOPICS), "blank": 0}
    assert summary["pairs"]["kept"] == len(pairs)
    assert summary["pairs"]["kept"] + summary["pairs"]["dropped"] == 2 * len(TOPICS)
    run = json.loads((out / "run.json").read_text())
    assert run["status"] == "done" and run["throughput"]["tokens_per_second"] > 0
    assert set(run["inputs"]) == {"model", "prompts", "mask"}


def test_answers_do_not_depend_on_the_batch(synthesize, tmp_path):
    runs = []
    for batch_size in (1, 3, 16):
        out = tmp_path / f"batch{batch_size}"
        synthesize(out, samples=2, batch_size=batch_size)
        runs.append((texts(out, "chosen"), texts(out, "rejected")))
    assert runs[0] == runs[1] == runs[2]
    flat = [text for answers in runs[0][0].values() for text in answers]
    assert len(set(flat)) == len(flat), "every prompt and sample has a random stream of its own"


def test_seed_and_sampling_matter(synthesize, tmp_path):
    def chosen(name, **flags):
        synthesize(tmp_path / name, limit=3, **flags)
        return texts(tmp_path / name, "chosen")

    usual = chosen("a")
    assert chosen("b", seed=8) != usual
    assert chosen("c", top_k=2) != usual
    assert chosen("d", top_p=0.1) != usual
    greedy = chosen("e", temperature=0)
    assert greedy != usual and greedy == chosen("f", temperature=0, seed=8)
    assert chosen("g", system_prompt="Be brief.", temperature=0) != greedy


def test_kill_and_go_on(synthesize, tmp_path):
    """kill -9 at random moments; the same command again ends with the bytes of an undisturbed run."""
    flags = dict(samples=4, max_new_tokens=100, batch_size=5)
    calm, out = tmp_path / "calm", tmp_path / "killed"
    journal = out / "answers.jsonl"
    synthesize(calm, **flags)

    command = [synthesize.retmask.binary, *synthesize.arguments(out, **flags)]
    dice = random.Random(3)
    for _ in range(8):
        kill_during(command, journal, answers=dice.randrange(0, 9), delay=dice.uniform(0, 0.05))
    assert 0 < rows_in(journal) < rows_in(calm / "answers.jsonl")
    os.truncate(journal, journal.stat().st_size - 7)  # a kill in the middle of a write
    synthesize(out, **flags)
    assert final_bytes(out) == final_bytes(calm)
    assert rows_in(journal) == rows_in(calm / "answers.jsonl"), "no answer was written twice"


def rows_in(journal):
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def kill_during(command, journal, answers, delay):
    """Starts the command and kills it a moment after it has written so many more answers."""
    goal = rows_in(journal) + answers
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while rows_in(journal) < goal:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    time.sleep(delay)
    process.kill()
    process.wait()


def test_finished_run_changes_nothing(synthesize, tmp_path):
    synthesize(tmp_path / "out")
    before = final_bytes(tmp_path / "out")
    again = synthesize(tmp_path / "out")
    assert "tokens/s" not in again.stdout, "nothing was generated"
    assert final_bytes(tmp_path / "out") == before


def test_more_prompts_and_samples_go_on_from_fewer(synthesize, tmp_path):
    synthesize(tmp_path / "grown", limit=4)
    synthesize(tmp_path / "grown", samples=2, batch_size=3)
    synthesize(tmp_path / "fresh", samples=2)
    for policy in ("chosen", "rejected"):
        assert texts(tmp_path / "grown", policy) == texts(tmp_path / "fresh", policy)


def test_shards_make_up_the_whole(synthesize, tmp_path):
    synthesize(tmp_path / "whole")
    parts = {}
    for shard in range(3):
        synthesize(tmp_path / f"part{shard}", shard=f"{shard}/3")
        part = texts(tmp_path / f"part{shard}", "rejected")
        assert not parts.keys() & part.keys()
        parts |= part
    assert parts == texts(tmp_path / "whole", "rejected")


def test_rejected_model_has_its_own_tokenizer_and_template(synthesize, tiny_llama, tmp_path):
    qwen = tmp_path / "qwen3"
    shutil.copytree(tiny_llama.parent / "qwen3", qwen)
    (qwen / "chat_template.jinja").write_text("Q: {{ messages[-1]['content'] }} A:")
    synthesize(tmp_path / "both", temperature=0, mask=None, rejected_model=qwen)
    synthesize(tmp_path / "llama", temperature=0)
    synthesize(tmp_path / "qwen", temperature=0, model=qwen)
    assert texts(tmp_path / "both", "chosen") == texts(tmp_path / "llama", "chosen")
    assert texts(tmp_path / "both", "rejected") == texts(tmp_path / "qwen", "chosen")
    run = json.loads((tmp_path / "both" / "run.json").read_text())
    assert set(run["inputs"]) == {"model", "prompts", "rejected-model"}


def test_template_variables(synthesize, tiny_llama, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(tiny_llama, model)
    (model / "chat_template.jinja").write_text("{% if enable_thinking %}think {% endif %}{{ messages[0]['content'] }}")

    def chosen(name, **flags):
        synthesize(tmp_path / name, model=model, temperature=0, **flags)
        return texts(tmp_path / name, "chosen")

    off = chosen("off", template_var="enable_thinking=false")
    assert off == chosen("unset")
    assert off != chosen("on", template_var="enable_thinking=true")


def test_too_long_prompts_are_dropped_and_counted(synthesize, prompts, tmp_path):
    with prompts.open("a") as file:
        file.write(json.dumps({"id": "long", "prompt": "words and more words " * 500}) + "\n")
    done = synthesize(tmp_path / "out")
    assert "too long" in done.stderr
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["pairs"]["dropped_by_reason"]["prompt_too_long"] == 1
    assert "long" not in [pair["id"] for pair in read_rows(tmp_path / "out/pairs.jsonl")]
    assert read_rows(tmp_path / "out/chosen.jsonl.gz")[-1]["synthesized_assistant_responses"] is None


def test_unfinished_pairs_are_dropped_on_request(synthesize, tmp_path):
    synthesize(tmp_path / "out", max_new_tokens=120)
    kept = read_rows(tmp_path / "out/pairs.jsonl")
    finished = [p for p in kept if {p["meta"][s]["finish_reason"] for s in ("chosen", "rejected")} == {"stop"}]
    synthesize(tmp_path / "out", max_new_tokens=120, drop_unfinished=True)
    assert read_rows(tmp_path / "out/pairs.jsonl") == finished
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["pairs"]["dropped_by_reason"]["unfinished"] == len(kept) - len(finished) > 0


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def transformers_greedy(model_dir, prompts, heads, max_new_tokens):
    """What transformers writes with the columns of W_o that read `heads` set to zero."""
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    head_dim = getattr(model.config, "head_dim", None) or model.config.hidden_size // model.config.num_attention_heads
    with torch.no_grad():
        for layer, head in heads:
            model.model.layers[layer].self_attn.o_proj.weight[:, head * head_dim : (head + 1) * head_dim] = 0
    answers = {}
    for row in read_rows(prompts):
        messages = [{"role": "user", "content": row["prompt"]}]
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")
        out = model.generate(**ids, do_sample=False, max_new_tokens=max_new_tokens)
        answers[row["id"]] = [tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)]
    return answers


def test_greedy_text_equals_transformers(synthesize, tiny_model, prompts, tmp_path):
    synthesize(tmp_path / "out", model=tiny_model, temperature=0)
    assert texts(tmp_path / "out", "chosen") == transformers_greedy(tiny_model, prompts, [], 40)
    assert texts(tmp_path / "out", "rejected") == transformers_greedy(tiny_model, prompts, HEADS, 40)


def test_greedy_text_of_the_real_model_equals_transformers(synthesize, demo_model, prompts, mask, tmp_path):
    heads = [[18, 6], [17, 3], [23, 2], [18, 7], [17, 4]]
    mask.write_text(json.dumps({"heads": heads}))
    prompts.write_text("".join(prompts.read_text().splitlines(keepends=True)[:3]))
    synthesize(tmp_path / "out", model=demo_model, temperature=0, max_new_tokens=24)
    chosen, rejected = texts(tmp_path / "out", "chosen"), texts(tmp_path / "out", "rejected")
    assert chosen == transformers_greedy(demo_model, prompts, [], 24)
    assert rejected == transformers_greedy(demo_model, prompts, heads, 24)
    assert chosen != rejected


def expect_one_line(failed, said):
    assert failed.stderr.count("\n") == 1, failed.stderr
    assert all(part in failed.stderr for part in said), failed.stderr


@pytest.mark.parametrize(
    "flags, said",
    [
        (dict(rejected_model="elsewhere"), ["--mask", "--rejected-model"]),
        (dict(mask=None), ["--mask", "--rejected-model"]),
        (dict(prompts="missing.jsonl"), ["missing.jsonl", "does not exist"]),
        (dict(shard="3/3"), ["--shard 3/3", "0/n"]),
        (dict(shard="a"), ["--shard a", "0/4"]),
        (dict(skip=99), ["--skip 99", "10 prompts"]),
        (dict(samples=0), ["--samples is 0"]),
        (dict(temperature=-1), ["--temperature"]),
        (dict(top_p=0), ["--top-p"]),
        (dict(batch_size=0), ["--batch-size is 0"]),
        (dict(max_new_tokens=4096), ["--max-new-tokens 4096", "2048"]),
        (dict(template_var="thinking"), ["--template-var", "NAME=VALUE"]),
        (dict(model="nowhere"), ["nowhere"]),
    ],
)
def test_mistakes_are_one_line(synthesize, flags, said, tmp_path):
    expect_one_line(synthesize(tmp_path / "out", code=2, **flags), said)


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("prompts.jsonl", "", ["prompts.jsonl", "empty"]),
        ("prompts.jsonl", '{"prompt": "a"}\n{"text": "b"}\n', ["prompts.jsonl:2", "--prompt-field"]),
        ("prompts.jsonl", '{"prompt": "a"}\n{"prompt": \n', ["prompts.jsonl:2", "JSON"]),
        ("mask.json", '{"heads": [[4, 0]]}', ["mask.json", "4"]),
        ("mask.json", '{"heads": []}', ["mask.json", "no heads"]),
        ("mask.json", "{", ["mask.json", "JSON"]),
    ],
)
def test_bad_files_are_one_line(synthesize, prompts, mask, name, content, said, tmp_path):
    (tmp_path / name).write_text(content)
    expect_one_line(synthesize(tmp_path / "out", code=2), said)


def test_another_runs_folder_is_refused(synthesize, prompts, tmp_path):
    synthesize(tmp_path / "out", limit=2)
    expect_one_line(synthesize(tmp_path / "out", code=2, limit=2, temperature=0.9), ["temperature", "--out"])
    prompts.write_text('{"prompt": "other"}\n')
    expect_one_line(synthesize(tmp_path / "out", code=2, limit=2), ["prompts", "changed"])


def test_unwritable_out(synthesize, tmp_path):
    (tmp_path / "file").write_text("")
    expect_one_line(synthesize(tmp_path / "file" / "out", code=2), ["--out"])
