"""eval --suite choice against transformers: log-probs of every continuation, and the accuracies that follow from them."""
import gzip
import json
import math

import pytest
import torch
from helpers import expect_one_line, read_rows, write_rows
from transformers import AutoModelForCausalLM, AutoTokenizer

WORDS = "river stone lantern the of carries quickly über naïve 12 seven, behind window? market; 河 and".split()


def draw_texts(generator, count):
    return " ".join(WORDS[i] for i in torch.randint(0, len(WORDS), (count,), generator=generator).tolist())


def draw_requests(seed, questions):
    """Rows in the form of OLMES: short and long contexts, some behind common examples, some that end in spaces."""
    generator = torch.Generator().manual_seed(seed)
    examples = draw_texts(generator, 60) + "\n\n"
    rows = []
    for number in range(questions):
        context = (examples if number % 3 else "") + "Question: " + draw_texts(generator, 3 + 9 * (number % 4)) + "\nAnswer:"
        context += ["", " ", "\n\n"][number % 3]
        choices = [draw_texts(generator, 1 + (number + i) % 5) for i in range(2 + number % 4)]
        doc = {"choices": choices, "gold": number % len(choices)}
        for idx, choice in enumerate(choices):
            request = {"context": context, "continuation": ("" if number % 3 else " ") + choice}
            rows.append({"doc": doc, "request": request, "idx": idx, "doc_id": number, "task_name": f"task{number % 2}"})
    return rows


def transformers_sums(folder, rows):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sums = []
    for row in rows:
        context, continuation = row["request"]["context"], row["request"]["continuation"]
        # As lm-evaluation-harness: trailing spaces of the context belong to the continuation.
        spaces = len(context) - len(context.rstrip())
        whole = tokenizer(context + continuation)["input_ids"]
        begin = len(tokenizer(context[: len(context) - spaces])["input_ids"])
        with torch.no_grad():
            logprobs = model(torch.tensor([whole])).logits[0].log_softmax(-1)
        sums.append((sum(logprobs[i - 1, whole[i]].item() for i in range(begin, len(whole))), len(whole) - begin))
    return sums


def accuracies(rows, sums):
    """From their definitions; the first of equals wins."""
    questions = {}
    for row, (total, tokens) in zip(rows, sums, strict=True):
        continuation = row["request"]["continuation"]
        lengths = {"acc": 1, "acc_per_char": len(continuation), "acc_per_byte": len(continuation.encode()), "acc_per_token": tokens}
        questions.setdefault((row["task_name"], row["doc_id"]), (row["doc"]["gold"], []))[1].append((total, lengths))
    counts = dict.fromkeys(["acc", "acc_per_char", "acc_per_byte", "acc_per_token"], 0)
    bits = 0.0
    for gold, choices in questions.values():
        for metric in counts:
            values = [total / lengths[metric] for total, lengths in choices]
            counts[metric] += values.index(max(values)) == gold
        bits -= choices[gold][0] / choices[gold][1]["acc_per_byte"] / math.log(2)
    return {name: count / len(questions) for name, count in counts.items()} | {"bits_per_byte": bits / len(questions)}


def evaluate(retmask, model, data, out, *flags):
    retmask("eval", "--suite", "choice", "--model", model, "--data", data, "--dtype", "float32", *flags, "--out", out)
    return json.loads((out / "results.json").read_text()), read_rows(out / "predictions.jsonl")


def test_a_choice_without_a_context(retmask, tiny_model, tmp_path):
    """lm-evaluation-harness puts bos_token, or else eos_token, before it."""
    choices = ["river stone", " the lantern"]
    rows = [{"doc": {"gold": 0}, "doc_id": i, "request": {"context": context, "continuation": choice}}
            for i, context in enumerate(["", "  "]) for choice in choices]  # fmt: skip
    _, predictions = evaluate(retmask, tiny_model, write_rows(tmp_path / "rows.jsonl", rows), tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    prefix = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    found = [choice for prediction in predictions for choice in prediction["choices"]]
    for choice, row in zip(found, rows, strict=True):
        ids = [prefix, *tokenizer("".join(row["request"].values()), add_special_tokens=False)["input_ids"]]
        with torch.no_grad():
            logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        assert choice["sum"] == pytest.approx(sum(logprobs[i - 1, ids[i]].item() for i in range(1, len(ids))), abs=1e-3)
        assert choice["tokens"] == len(ids) - 1


def test_equals_transformers(retmask, tiny_model, tmp_path):
    rows = draw_requests(seed=1, questions=40)
    write_rows(tmp_path / "requests.jsonl", rows)
    results, predictions = evaluate(retmask, tiny_model, tmp_path / "requests.jsonl", tmp_path / "out")
    sums = transformers_sums(tiny_model, rows)
    choices = [choice for prediction in predictions for choice in prediction["choices"]]
    for choice, row, (total, tokens) in zip(choices, rows, sums, strict=True):
        continuation = row["request"]["continuation"]
        assert choice["sum"] == pytest.approx(total, abs=1e-3)
        assert (choice["tokens"], choice["chars"], choice["bytes"]) == (tokens, len(continuation), len(continuation.encode()))
    assert [prediction["id"] for prediction in predictions] == list(range(40))
    expected = accuracies(rows, [(choice["sum"], choice["tokens"]) for choice in choices])
    assert {name: results[name] for name in expected} == pytest.approx(expected)
    assert results["questions"] == 40 and [task["questions"] for task in results["tasks"]] == [20, 20]


def test_result_depends_on_no_other_question(retmask, tiny_llama, tmp_path):
    rows = draw_requests(seed=2, questions=12)
    write_rows(tmp_path / "requests.jsonl", rows)
    data = tmp_path / "requests.jsonl"
    evaluate(retmask, tiny_llama, data, tmp_path / "whole")
    evaluate(retmask, tiny_llama, data, tmp_path / "alone", "--batch-tokens", 1)
    names = ["predictions.jsonl", "results.json"]
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    # As after a kill: some rows, the last one torn.
    lines = (tmp_path / "whole/predictions.jsonl").read_text().splitlines(keepends=True)
    before = {name: (tmp_path / "whole" / name).read_bytes() for name in names}
    (tmp_path / "whole/predictions.jsonl").write_text(lines[7] + lines[2] + lines[0][:30])
    evaluate(retmask, tiny_llama, data, tmp_path / "whole")
    assert {name: (tmp_path / "whole" / name).read_bytes() for name in names} == before
    # A mask changes the log-probs.
    masked, _ = evaluate(retmask, tiny_llama, data, tmp_path / "masked", "--heads", "0-1,1-2")
    assert masked["bits_per_byte"] != json.loads(before["results.json"])["bits_per_byte"]


def test_max_samples_are_the_first_of_each_task(retmask, tiny_llama, tmp_path):
    data = tmp_path / "requests.jsonl"
    write_rows(data, draw_requests(4, 9))
    _, all_rows = evaluate(retmask, tiny_llama, data, tmp_path / "all")
    results, rows = evaluate(retmask, tiny_llama, data, tmp_path / "some", "--max-samples", 3)
    assert [(row["task"], row["id"]) for row in rows] == [(f"task{number % 2}", number) for number in range(6)]
    assert rows == all_rows[:6] and results["questions"] == 6


def test_reads_samples_of_lm_evaluation_harness(retmask, tiny_llama, tmp_path):
    rows = draw_requests(seed=3, questions=6)
    write_rows(tmp_path / "requests.jsonl", rows)
    expected, _ = evaluate(retmask, tiny_llama, tmp_path / "requests.jsonl", tmp_path / "requests")
    samples = {}
    for row in rows:
        sample = samples.setdefault(row["doc_id"], {"doc_id": row["doc_id"], "doc": {}, "target": str(row["doc"]["gold"]), "arguments": {}})
        request = row["request"]
        sample["arguments"][f"gen_args_{row['idx']}"] = {"arg_0": request["context"], "arg_1": request["continuation"]}
    with gzip.open(tmp_path / "samples.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(sample) + "\n" for sample in samples.values())
    found, _ = evaluate(retmask, tiny_llama, tmp_path / "samples.jsonl.gz", tmp_path / "samples")
    pairs = [{**sample, "target": int(sample["target"]), "arguments": [list(a.values()) for a in sample["arguments"].values()]} for sample in samples.values()]
    write_rows(tmp_path / "pairs.jsonl", pairs)
    older, _ = evaluate(retmask, tiny_llama, tmp_path / "pairs.jsonl", tmp_path / "pairs")
    for metric in ["questions", "acc", "acc_per_char", "acc_per_byte", "acc_per_token", "bits_per_byte"]:
        assert found[metric] == older[metric] == expected[metric]


def test_numbered_arguments_are_read_by_their_numbers(retmask, tiny_llama, tmp_path):
    """Whatever the order of the names in the file: gen_args_10 sorts before gen_args_2."""
    arguments = {f"gen_args_{i}": {"arg_1": f" stone {i}", "arg_0": "Which stone?"} for i in range(12)}
    sample = {"doc_id": 0, "doc": {}, "target": "2", "arguments": arguments}
    (tmp_path / "sorted.jsonl").write_text(json.dumps(sample, sort_keys=True) + "\n")
    pairs = [[argument["arg_0"], argument["arg_1"]] for argument in arguments.values()]
    (tmp_path / "pairs.jsonl").write_text(json.dumps({**sample, "arguments": pairs}) + "\n")
    (tmp_path / "named.jsonl").write_text(json.dumps({**sample, "arguments": {"a": pairs[0], "b": pairs[1]}}) + "\n")
    _, expected = evaluate(retmask, tiny_llama, tmp_path / "pairs.jsonl", tmp_path / "pairs")
    _, found = evaluate(retmask, tiny_llama, tmp_path / "sorted.jsonl", tmp_path / "sorted")
    assert found == expected
    failed = retmask("eval", "--suite", "choice", "--model", tiny_llama, "--data", tmp_path / "named.jsonl", "--out", tmp_path / "x", code=2)
    expect_one_line(failed, ["named.jsonl:1", "arguments", "gen_args_0"])


ROW = {"doc": {"gold": 0, "choices": ["a", "b"]}, "request": {"context": "Q:", "continuation": " a"}, "doc_id": 0, "idx": 0}
OTHER = ROW | {"request": {"context": "Q:", "continuation": " b"}, "idx": 1}
MISTAKES = {
    "no gold": ([{**ROW, "doc": {}}], "the index of the right choice is missing"),
    "no continuation": ([{**ROW, "request": {"context": "Q:"}}], '"continuation" is missing'),
    "empty continuation": ([{**ROW, "request": {"context": "Q:", "continuation": ""}}], '"continuation" is empty'),
    "a choice is missing": ([ROW], "has 2 choices, but there are requests for 1"),
    "a choice occurs twice": ([ROW, ROW], "choice 0 of question 0 occurs twice"),
    "gold out of range": ([{**ROW, "doc": {"gold": 2}}, {**OTHER, "doc": {"gold": 2}}], "only 2 choices"),
    "different golds": ([ROW, {**OTHER, "doc": {"gold": 1}}], "differ in the right choice"),
    "no id": ([{"doc": {"gold": 0}, "request": ROW["request"]}], '"doc_id" is missing'),
    "no rows": ([], "is empty"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(retmask, tiny_llama, tmp_path, name):
    rows, message = MISTAKES[name]
    write_rows(tmp_path / "requests.jsonl", rows)
    flags = ["--suite", "choice", "--model", tiny_llama, "--data", tmp_path / "requests.jsonl", "--out", tmp_path / "out"]
    expect_one_line(retmask("eval", *flags, code=2), [message])


def test_too_long_questions_are_counted(retmask, tiny_llama, tmp_path):
    long = {**ROW, "doc": {"gold": 0}, "request": {"context": "word " * 3000, "continuation": " a"}, "doc_id": "long"}
    write_rows(tmp_path / "requests.jsonl", [ROW, OTHER, long])
    flags = ["--suite", "choice", "--model", tiny_llama, "--data", tmp_path / "requests.jsonl", "--out", tmp_path / "out"]
    failed = retmask("eval", *flags, code=1)
    assert "1 questions are longer than the model's maximum" in failed.stderr
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert results["questions"] == 1 and results["errors"] == 1
    assert "more than the model's maximum of 2048" in read_rows(tmp_path / "out/predictions.jsonl")[1]["error"]
