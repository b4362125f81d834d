"""retmask eval: suites mmlu-pro, gpqa, math500 and humaneval on given answers, and with a model."""

import gzip
import json
import re

import pyarrow
import pytest
from helpers import error_line, read_rows, write_rows
from pyarrow import parquet


def results_of(out):
    return json.loads((out / "results.json").read_text())


def published_letter(text):
    """What the original takes from an answer before it draws a letter (MMLU-Pro, compute_accuracy.py)."""
    if found := re.search(r"answer is \(?([A-J])\)?", text):
        return found[1]
    # r".*[aA]nswer:\s*([A-J])" takes quadratic time: the last one on the first line with one.
    if colons := list(re.finditer(r"[aA]nswer:\s*([A-J])", text)):
        return [found for found in colons if "\n" not in text[colons[0].start():found.start()]][-1][1]
    alone = re.findall(r"\b[A-J]\b", text)  # the original looks for the last one
    return alone[-1] if alone else None


def test_mmlu_pro_takes_the_published_letters(retmask, shared, tmp_path):
    data = shared / "data/benchmarks/mmlu_pro_outputs.jsonl.gz"
    if not data.exists():
        pytest.skip(f"{data} is not here")
    retmask("eval", "--suite", "mmlu-pro", "--rescore", data, "--out", tmp_path)
    rows = read_rows(tmp_path / "predictions.jsonl")
    given = read_rows(data)
    assert len(rows) == len(given)
    without = 0
    for row, original in zip(rows, given):
        letter = published_letter(original["model_output"])
        assert (row["id"], row["pred"]) == (original["question_id"], letter)
        assert row["correct"] == (letter == original["answer"])
        assert letter in (None, original["pred"])
        without += letter is None
    results = results_of(tmp_path)
    right = sum(row["correct"] for row in rows)
    assert (results["total"], results["without_answer"]) == (len(rows), without)
    assert results["accuracy"] == pytest.approx(right / len(rows))
    categories = {row["category"] for row in given}
    assert {task["task"] for task in results["tasks"]} == categories


QUESTION = {"question_id": 7, "options": ["red", "green", "blue"], "answer": "B", "category": "colour"}


def test_profiles_take_letters_by_their_own_rules(retmask, tmp_path):
    outputs = ["So the answer is (B).", "Final: Answer: B", "B is it", "answer: c", "Not red but GREEN!"]
    rows = write_rows(tmp_path / "rows.jsonl", [{**QUESTION, "question_id": i, "model_output": text} for i, text in enumerate(outputs)])
    expected = {
        ("mmlu-pro", "official"): ["B", "B", "B", None, None],
        ("mmlu-pro", "lm-eval"): ["B", None, None, None, None],
        ("mmlu-pro", "swallow"): ["B", "B", "B", None, None],
        ("gpqa", "simple-evals"): [None, "B", None, "c", None],
        ("gpqa", "lm-eval"): ["B", "B", None, None, "B"],
    }
    for (suite, profile), letters in expected.items():
        out = tmp_path / f"{suite}-{profile}"
        retmask("eval", "--suite", suite, "--profile", profile, "--rescore", rows, "--out", out)
        assert [row["pred"] for row in read_rows(out / "predictions.jsonl")] == letters, (suite, profile)
        assert results_of(out)["accuracy"] == letters.count("B") / 5
        # Our own predictions give the same again.
        retmask("eval", "--suite", suite, "--profile", profile, "--rescore", out, "--out", tmp_path / f"{out.name}-again")
        assert read_rows(tmp_path / f"{out.name}-again/predictions.jsonl") == read_rows(out / "predictions.jsonl")


# Answers, options of 4 and the letter by lm-evaluation-harness 0.4.13 (MultiChoiceRegexFilter with the arguments of its GPQA task).
FLEXIBLE = [
    ("(A) or rather (C), not D", ["w", "x", "y", "z"], "C"),
    ("It is ``Guilty of Romance''.", ["Guilty", "guilty of romance", "none", "both"], "B"),
    ("the gate: B", ["beta", "gamma", "delta", "the gates"], "B"),
    ("3.5 m/s, so 35 ms", ["35 m/s", "3.5 m/s", "7", "70"], "B"),
    ("none: E, no, : D", ["1", "2", "3", "4"], "D"),
    ("same", ["Same!", "other", "same", "else"], "C"),
    ("x: A", ["...", "b", "c", "d"], "A"),
    ("b", [" b ", "(c)", "- d", "e"], "A"),
    ("I choose d.", ["a1", "c1", "- d", "e1"], None),
    ("", ["a", "b", "c", "d"], None),
]


def test_gpqa_letters_of_lm_eval(retmask, tmp_path):
    given = [{"question_id": i, "options": options, "answer": "A", "model_output": text} for i, (text, options, _) in enumerate(FLEXIBLE)]
    rows = write_rows(tmp_path / "rows.jsonl", given)
    retmask("eval", "--suite", "gpqa", "--profile", "lm-eval", "--rescore", rows, "--out", tmp_path / "out")
    assert [row["pred"] for row in read_rows(tmp_path / "out/predictions.jsonl")] == [letter for _, _, letter in FLEXIBLE]


def test_gpqa_options_of_lm_eval_are_cleaned(retmask, tiny_llama, tmp_path):
    row = {"Record ID": "r", "Question": "What?", "Correct Answer": " right 0", "Incorrect Answer 1": "w1 0 [title] x",
           "Incorrect Answer 2": "w2  0", "Incorrect Answer 3": "w3 0\n"}  # fmt: skip
    data = write_rows(tmp_path / "gpqa.jsonl", [row])
    flags = ["--suite", "gpqa", "--model", tiny_llama, "--data", data, "--save-prompts", "--max-position", 4096]
    for profile, texts in (("lm-eval", {"right 0", "w1 0. x", "w2 0", "w3 0"}), ("swallow", {" right 0", "w1 0 [title] x", "w2  0", "w3 0\n"})):
        out = tmp_path / profile
        retmask("eval", *flags, "--profile", profile, "--out", out)
        (prediction,) = read_rows(out / "predictions.jsonl")
        assert set(prediction["references"][2:]) == texts
        prompt = read_rows(out / "prompts.jsonl")[0]["prompt"]
        assert all(text in prompt for text in texts)


MISTAKES = {
    "no answer text": ({**QUESTION}, [], ["rows.jsonl:1", '"model_output" is missing']),
    "letter beyond the options": ({**QUESTION, "answer": "D", "model_output": ""}, [], ["rows.jsonl:1", '"answer" is "D"', "A to C"]),
    "no options": ({"question_id": 1, "answer": "A", "model_output": ""}, [], ["rows.jsonl:1", '"options" is missing']),
    "answer text is a number": ({**QUESTION, "model_output": 3}, [], ["rows.jsonl:1", "model_output", "wrong type"]),
    "unknown profile": ({**QUESTION, "model_output": ""}, ["--profile", "best"], ["--profile", "official, lm-eval, swallow"]),
    "flag of another suite": ({**QUESTION, "model_output": ""}, ["--allow-code-exec"], ["allow-code-exec", "humaneval"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_in_given_answers(retmask, tmp_path, name):
    row, flags, said = MISTAKES[name]
    rows = write_rows(tmp_path / "rows.jsonl", [row])
    error_line(retmask("eval", "--suite", "mmlu-pro", "--rescore", rows, *flags, "--out", tmp_path / "out", code=2), said)


# How each profile expects an answer.
MATH_FORMS = {
    "swallow": lambda row: row["solution"],
    "lm-eval": lambda row: f"The answer is ${row['answer']}$.",
    "minerva": lambda row: f"Final Answer: The final answer is ${row['answer']}$. I hope it is correct.",
    "simple-evals": lambda row: f"Work.\nAnswer: {row['answer']}",
}


@pytest.mark.parametrize("profile", MATH_FORMS)
def test_math500_accepts_the_reference_solutions(retmask, shared, tmp_path, profile):
    data = shared / "data/benchmarks/math500.jsonl.gz"
    if not data.exists():
        pytest.skip(f"{data} is not here")
    problems = read_rows(data)
    rows = [{**row, "model_output": MATH_FORMS[profile](row)} for row in problems]
    wrong = [{**row, "model_output": MATH_FORMS[profile]({"solution": "\\boxed{-12345}", "answer": "-12345"})} for row in problems]
    for name, given, accuracy in (("right", rows, 1.0), ("wrong", wrong, 0.0)):
        path = write_rows(tmp_path / f"{name}.jsonl", given)
        retmask("eval", "--suite", "math500", "--profile", profile, "--rescore", path, "--out", tmp_path / name)
        missed = [row["id"] for row in read_rows(tmp_path / name / "predictions.jsonl") if row["correct"] != (accuracy == 1.0)]
        assert missed == []
        assert results_of(tmp_path / name)["accuracy"] == accuracy


def human_eval(shared):
    path = shared / "data/benchmarks/HumanEval.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path, read_rows(path)


def test_humaneval_judges_solutions(retmask, shared, tmp_path):
    data, problems = human_eval(shared)
    flags = ["eval", "--suite", "humaneval", "--data", data, "--allow-code-exec", "--rescore"]
    right = [{"task_id": row["task_id"], "completion": row["canonical_solution"]} for row in problems]
    retmask(*flags, write_rows(tmp_path / "right.jsonl", right), "--out", tmp_path / "right")
    results = results_of(tmp_path / "right")
    assert (results["total"], results["accuracy"], results["pass@1"]) == (len(problems), 1.0, 1.0)
    assert "network" in results["isolation"] and results["python"]
    wrong = [{"task_id": row["task_id"], "completion": "    return None\n"} for row in problems]
    retmask(*flags, write_rows(tmp_path / "wrong.jsonl", wrong), "--out", tmp_path / "wrong")
    assert results_of(tmp_path / "wrong")["accuracy"] == 0.0


def test_humaneval_samples_and_harm(retmask, shared, tmp_path):
    data, problems = human_eval(shared)
    first = problems[0]
    bodies = [
        first["canonical_solution"],
        "    while True:\n        pass\n",
        "    import os, signal\n    os.kill(os.getppid(), signal.SIGKILL)\n    exit(0)\n",
        "    open('/tmp/retmask-harm', 'w')\n" + first["canonical_solution"],
        first["canonical_solution"],
    ]
    rows = [{"task_id": first["task_id"], "completion": body} for body in bodies]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    retmask("eval", "--suite", "humaneval", "--data", data, "--allow-code-exec", "--rescore", path, "--out", tmp_path / "out")
    judged = read_rows(tmp_path / "out/predictions.jsonl")
    assert [row["correct"] for row in judged] == [True, False, False, False, True]
    assert judged[1]["result"] == "timed out"
    assert [row["id"] for row in judged][:2] == ["HumanEval/0", "HumanEval/0#1"]
    results = results_of(tmp_path / "out")
    assert (results["problems"], results["pass@1"]) == (1, pytest.approx(0.4))
    assert "pass@10" not in results


def test_humaneval_runs_no_code_unasked(retmask, shared, tmp_path):
    data, problems = human_eval(shared)
    path = write_rows(tmp_path / "rows.jsonl", [{"task_id": "HumanEval/0", "completion": ""}, {"task_id": "Other/1", "completion": ""}])
    flags = ["eval", "--suite", "humaneval", "--rescore", path, "--out", tmp_path / "out"]
    error_line(retmask(*flags, "--data", data, code=2), ["--allow-code-exec"])
    error_line(retmask(*flags, "--allow-code-exec", code=2), ["--data"])
    error_line(retmask(*flags, "--data", data, "--allow-code-exec", code=2), ["Other/1"])


def test_parquet_is_read_like_json_lines(retmask, tiny_llama, tmp_path):
    """As the Hugging Face Hub has these data sets, with further columns and nulls."""
    math = [{"problem": f"What is 1 + {i}?", "solution": None, "answer": str(i + 1), "unique_id": f"m/{i}", "level": i} for i in range(3)]
    colours = [{**QUESTION, "question_id": i, "question": f"Which colour is number {i}?", "answer_index": 1} for i in range(3)]
    code = [{"task_id": f"T/{i}", "prompt": "def f():\n", "test": "def check(f): pass", "entry_point": "f", "canonical_solution": ""}
            for i in range(2)]  # fmt: skip
    for suite, rows, *flags in [("math500", math), ("mmlu-pro", colours, "--profile", "swallow"), ("humaneval", code, "--allow-code-exec")]:
        files = {"jsonl": write_rows(tmp_path / f"{suite}.jsonl", rows), "parquet": tmp_path / f"{suite}.parquet"}
        parquet.write_table(pyarrow.Table.from_pylist(rows), files["parquet"])
        read = {}
        for form, file in files.items():
            retmask("eval", "--suite", suite, "--model", tiny_llama, "--data", file, "--max-samples", 2, *flags, "--dtype", "float32",
                    "--out", tmp_path / suite / form, code=None)  # fmt: skip; the model's maximum leaves no room for some answers
            read[form] = read_rows(tmp_path / suite / form / "predictions.jsonl")
        assert len(read["jsonl"]) == 2 and read["parquet"] == read["jsonl"]


@pytest.mark.parametrize("suite", ["kv", "math500", "humaneval"])
def test_an_answer_given_twice_is_not_counted_twice(retmask, tmp_path, suite):
    rows = {
        "kv": {"id": "kv-9-0", "task": "kv", "length": 9, "answer": "a", "references": ["a"], "metric": "substring_exact_match"},
        "math500": {"id": "m/1", "task": "math500", "answer": "1", "references": ["1"], "metric": "boxed_math"},
        "humaneval": {"id": "T/1", "task": "humaneval", "problem": "T/1", "answer": "pass", "metric": "code"},
    }
    code = {"task_id": "T/1", "prompt": "def f():\n", "test": "def check(f): pass", "entry_point": "f"}
    data = write_rows(tmp_path / "code.jsonl", [code])
    flags = ["--data", data, "--allow-code-exec"] if suite == "humaneval" else []
    answers = write_rows(tmp_path / "predictions.jsonl", [rows[suite]] * 2)
    failed = retmask("eval", "--suite", suite, "--rescore", answers, *flags, "--out", tmp_path / "out", code=2)
    error_line(failed, [f"{answers}:2", rows[suite]["id"], "again"])


def test_questions_are_put_to_a_model(retmask, tiny_llama, tmp_path):
    data = tmp_path / "questions.jsonl.gz"
    questions = [{**QUESTION, "question_id": i, "question": f"Which colour is number {i}?"} for i in range(3)]
    data.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in questions).encode()))
    flags = ["eval", "--model", tiny_llama, "--suite", "mmlu-pro", "--data", data]
    error_line(retmask(*flags, "--out", tmp_path / "official", code=2), ["--profile official", "--rescore"])
    # Too short for an answer: each sample is an error that the results count.
    short = [*flags, "--profile", "swallow", "--max-samples", 2, "--max-position", 512]
    done = retmask(*short, "--out", tmp_path / "out", code=1)
    assert "2 of 2 samples have no answer" in done.stderr
    rows = read_rows(tmp_path / "out/predictions.jsonl")
    assert [(row["id"], row["references"], row["answer"]) for row in rows] == [("0", ["B", "C"], None), ("1", ["B", "C"], None)]
    assert (results_of(tmp_path / "out")["total"], results_of(tmp_path / "out")["errors"]) == (2, 2)
