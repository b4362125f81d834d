"""retmask synthesize end to end: determinism, resume, pairs, equality with transformers, bad input."""

import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers import expect_one_line, read_rows, run_record, write_rows
from synthesize_runs import HEADS, TOPICS, final_bytes, summary_of, texts
from synthesize_runs import mask, prompts, synthesize  # noqa: F401: fixtures


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
        assert pair["meta"]["chosen"]["repetition_flag"] is False
    summary = summary_of(out)
    assert summary["prompts"]["answered"] == summary["prompts"]["rows"] == len(TOPICS)
    assert summary["prompts"]["left_out"] == sum(summary["prompts"]["left_out_by_reason"].values()) == 0
    assert summary["pairs"]["kept"] == len(pairs)
    assert summary["pairs"]["kept"] + summary["pairs"]["dropped"] == 2 * len(TOPICS)
    run = run_record(out)
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


def test_rejected_model_has_its_own_tokenizer_and_template(synthesize, tiny_llama, tmp_path):
    qwen = tmp_path / "qwen3"
    shutil.copytree(tiny_llama.parent / "qwen3", qwen)
    (qwen / "chat_template.jinja").write_text("Q: {{ messages[-1]['content'] }} A:")
    synthesize(tmp_path / "both", temperature=0, mask=None, rejected_model=qwen)
    synthesize(tmp_path / "llama", temperature=0)
    synthesize(tmp_path / "qwen", temperature=0, model=qwen)
    assert texts(tmp_path / "both", "chosen") == texts(tmp_path / "llama", "chosen")
    assert texts(tmp_path / "both", "rejected") == texts(tmp_path / "qwen", "chosen")
    run = run_record(tmp_path / "both")
    assert set(run["inputs"]) == {"model", "prompts", "rejected-model"}


def test_template_variables(synthesize, model, tmp_path):
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
    summary = summary_of(tmp_path / "out")
    assert summary["pairs"]["dropped_by_reason"]["prompt_too_long"] == 1
    assert "long" not in [pair["id"] for pair in read_rows(tmp_path / "out/pairs.jsonl")]
    assert read_rows(tmp_path / "out/chosen.jsonl.gz")[-1]["synthesized_assistant_responses"] is None


def test_unfinished_pairs_are_dropped_on_request(synthesize, tmp_path):
    synthesize(tmp_path / "out", max_new_tokens=120)
    kept = read_rows(tmp_path / "out/pairs.jsonl")
    finished = [p for p in kept if {p["meta"][s]["finish_reason"] for s in ("chosen", "rejected")} == {"stop"}]
    synthesize(tmp_path / "out", max_new_tokens=120, drop_unfinished=True)
    assert read_rows(tmp_path / "out/pairs.jsonl") == finished
    summary = summary_of(tmp_path / "out")
    assert summary["pairs"]["dropped_by_reason"]["unfinished"] == len(kept) - len(finished) > 0


def dropped_by_reason(folder):
    counts = summary_of(folder)["pairs"]
    assert counts["dropped"] == sum(counts["dropped_by_reason"].values())
    return {reason: count for reason, count in counts["dropped_by_reason"].items() if count > 0}


def rewrite_answers(folder, change):
    """Replaces each text in the journal with `change(row)`, as if generated by the model."""
    journal = folder / "answers.jsonl"
    rows = [row | {"text": change(row)} for row in read_rows(journal)]
    write_rows(journal, rows)


def test_redacted_and_runaway_pairs_are_dropped_on_request(synthesize, prompts, tmp_path):
    rows = [row | {"redacted": row["id"] == "p2"} for row in read_rows(prompts)]
    write_rows(prompts, rows)
    out = tmp_path / "out"
    synthesize(out)
    loops = {"p3": "Well. " + "I say it again. " * 40, "p4": "Row your boat. " * 5}
    rewrite_answers(out, lambda row: loops.get(row["id"], row["text"]) + row["policy"][: row["id"] != "p3"])
    synthesize(out)
    assert dropped_by_reason(out) == {"equal_answers": 1} and summary_of(out)["chosen"]["runaway"] == 1
    rewrite_answers(out, lambda row: row["policy"] + " " + row["text"])
    synthesize(out, drop_redacted=True, drop_runaway=True)
    assert dropped_by_reason(out) == {"redacted": 1, "runaway": 1}
    assert not {"p2", "p3"} & {pair["id"] for pair in read_rows(out / "pairs.jsonl")}
    flags = {
        row["conversation_id"]: row["synthesized_response_scoring_annotations"][0]["repetition_flag"]
        for row in read_rows(out / "rejected.jsonl.gz")
    }
    assert [name for name, flag in flags.items() if flag] == ["p3"]
    synthesize(out, runaway_tokens=39)
    assert {pair["meta"]["chosen"]["repetition_flag"] for pair in read_rows(out / "pairs.jsonl")} == {True, False}


def test_lengths_are_summed_up(synthesize, retmask, tmp_path):
    out = tmp_path / "out"
    synthesize(out, max_new_tokens=100)
    summary = summary_of(out)
    histogram = summary["length_histogram"]
    for policy in ("chosen", "rejected"):
        lengths = [row["tokens"] for row in read_rows(out / "answers.jsonl") if row["policy"] == policy]
        counts = [0] * len(histogram[policy])
        for length in lengths:
            counts[length // histogram["width"]] += 1
        assert histogram[policy] == counts
        assert summary[policy]["mean"] == pytest.approx(sum(lengths) / len(lengths))
        assert summary[policy]["max"] == max(lengths)
    retmask("report", "--runs", out, "--out", tmp_path / "report")
    page = (tmp_path / "report/report.html").read_text()
    assert "Length of the answers" in page and f'0–{histogram["width"] - 1}, chosen' in page


def test_thinking_is_stripped(synthesize, tmp_path):
    out = tmp_path / "out"
    synthesize(out, thinking="strip")
    written = {
        "p0": "<think>\nHm.\n</think>\n\nYes, POLICY.",
        "p1": "<think>\nHm. POLICY",
        "p2": "Nothing to think about, POLICY.",
    }
    rewrite_answers(out, lambda row: written.get(row["id"], row["text"]).replace("POLICY", row["policy"]))
    synthesize(out, thinking="strip")
    pairs = {pair["id"]: pair for pair in read_rows(out / "pairs.jsonl")}
    assert pairs["p0"]["chosen"][0]["content"] == "Yes, chosen."
    assert pairs["p0"]["rejected"][0]["content"] == "Yes, rejected."
    assert pairs["p2"]["chosen"][0]["content"] == "Nothing to think about, chosen."
    assert "p1" not in pairs and dropped_by_reason(out) == {"unfinished": 1}
    assert texts(out, "chosen")["p1"] == [""]
    assert "Hm." in (out / "answers.jsonl").read_text(), "the journal has it all"


def test_thinking_that_the_template_opens(synthesize, model, tmp_path):
    """As in Olmo-3-Think: without </think> an answer is all thinking."""
    (model / "chat_template.jinja").write_text("{{ messages[0]['content'] }}<think>")
    out = tmp_path / "out"
    done = synthesize(out, model=model, thinking="strip", limit=2, code=2)
    assert "0 pairs were kept" in done.stderr and "2 unfinished" in done.stderr and "--max-new-tokens" in done.stderr
    assert dropped_by_reason(out) == {"unfinished": 2}
    rewrite_answers(out, lambda row: "Hm.</think>\n" + row["policy"])
    synthesize(out, model=model, thinking="strip", limit=2)
    assert texts(out, "rejected") == {"p0": ["rejected"], "p1": ["rejected"]}


def test_thinking_is_switched_off(synthesize, model, tmp_path):
    template = "{{ messages[0]['content'] }}{% if enable_thinking is defined and not enable_thinking %}now{% endif %}"
    (model / "chat_template.jinja").write_text(template)
    synthesize(tmp_path / "off", model=model, temperature=0, thinking="off")
    synthesize(tmp_path / "variable", model=model, temperature=0, template_var="enable_thinking=false")
    synthesize(tmp_path / "keep", model=model, temperature=0)
    assert texts(tmp_path / "off", "chosen") == texts(tmp_path / "variable", "chosen")
    assert texts(tmp_path / "off", "chosen") != texts(tmp_path / "keep", "chosen")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def transformers_greedy(model_dir, prompts, heads, max_new_tokens):
    """Answers of transformers with the columns of W_o that read `heads` set to zero."""
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
        (dict(temperature="1e-39"), ["--temperature is 1e-39", "0 (greedy)"]),
        (dict(temperature="inf"), ["--temperature is inf", "0 (greedy)"]),
        (dict(thinking="no"), ["--thinking", "keep, strip, off"]),
        (dict(thinking="off"), ["--thinking off", "enable_thinking", "--thinking strip"]),
        (dict(thinking="off", template_var="enable_thinking=true"), ["--thinking off", "--template-var"]),
        (dict(runaway_tokens=-1), ["--runaway-tokens is -1"]),
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
