"""retmask eval --suite mt-bench: two turns, a judge on a server that misbehaves, and judges through files."""

import hashlib
import json
import os
import statistics
import subprocess

import pytest

from chat_server import ChatServer
from helpers import count_lines, error_line, read_rows, run_record, wait_for, write_rows

CATEGORIES = ["writing", "math", "extraction"]
PROMPTS = {
    "single-v1": ("You help.", "[Question]\n{question}\n[Answer]\n{answer}\n[End]"),
    "single-math-v1": ("You help.", "[Question]\n{question}\n[Reference]\n{ref_answer_1}\n[Answer]\n{answer}"),
    "single-v1-multi-turn": ("Judge {{it}}.", "{question_1}|{answer_1}|{question_2}|{answer_2}"),
    "single-math-v1-multi-turn": ("Judge.", "{question_1}|{ref_answer_1}|{question_2}|{ref_answer_2}|{answer_1}|{answer_2}"),
}
RESULTS = ["predictions.jsonl", "results.json"]


def judged(request):
    """Grades by the text; one of four replies has no grade."""
    text = json.dumps(request["messages"])
    number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
    reply = "I rather like it." if number % 4 == 0 else f"Good.\n\nRating: [[{number % 10 + 1}]]"
    choice = {"message": {"role": "assistant", "content": reply}, "finish_reason": "stop"}
    return 200, {"choices": [choice], "usage": {"prompt_tokens": len(text), "completion_tokens": len(reply)}}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mt-bench")
    write_rows(folder / "question.jsonl", [
        {"question_id": 80 + i, "category": category, "turns": [f"Tell {{me}} about {category} {i}.", f"And {i} more?"]}
        for i, category in enumerate(2 * CATEGORIES)])
    write_rows(folder / "prompts.jsonl", [
        {"name": name, "system_prompt": system, "prompt_template": text} for name, (system, text) in PROMPTS.items()])
    write_rows(folder / "references.jsonl", [
        {"question_id": 80 + i, "choices": [{"index": 0, "turns": [f"one {i}", f"two {i}"]}]} for i in range(6)])
    return folder


@pytest.fixture(scope="module")
def mt_bench(retmask, tiny_llama, files):
    def run(out, *flags, code=0, **options):
        return retmask(*arguments(out, *flags, **options), code=code)

    def arguments(out, *flags, judge=True, model=True, seed=3):
        return ["eval", "--suite", "mt-bench", "--data", files / "question.jsonl",
                *(["--model", tiny_llama, "--max-new-tokens", 12, "--seed", seed, "--device", "cpu"] if model else []),
                *(["--judge-prompts", files / "prompts.jsonl", "--judge-references", files / "references.jsonl"] if judge else []),
                *flags, "--out", out]

    run.arguments = arguments
    return run


def asked(server, *more):
    return ["--judge-endpoint", server.url, "--judge-model", "judge", "--endpoint-concurrency", 4, *more]


@pytest.fixture(scope="module")
def judge():
    with ChatServer(judged).running() as running:
        yield running


@pytest.fixture(scope="module")
def whole(mt_bench, judge, tmp_path_factory):
    """An undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "out"
    mt_bench(out, *asked(judge))
    return out


def results_of(out):
    return json.loads((out / "results.json").read_text())


def bytes_of(out, names=RESULTS):
    return {name: (out / name).read_bytes() for name in names}


def grade(text):
    digits = text.split("[[")[1].split("]]")[0] if "[[" in text else None
    return digits and float(digits)


def expected_messages(files, rows, prompts=PROMPTS):
    """What the judge must be sent for each row, by Python's str.format."""
    questions = {row["question_id"]: row for row in read_rows(files / "question.jsonl")}
    references = {row["question_id"]: row["choices"][0]["turns"] for row in read_rows(files / "references.jsonl")}
    answers = {(row["question"], row["sample"], row["turn"]): row["answer"].strip() for row in rows}
    for row in rows:
        question, turns = questions[row["question"]], range(1, row["turn"] + 1)
        given = [answers[row["question"], row["sample"], turn] for turn in turns]
        fields = {"question": question["turns"][0], "answer": given[0]}
        for turn in turns:
            fields |= {f"question_{turn}": question["turns"][turn - 1], f"answer_{turn}": given[turn - 1]}
            if question["category"] in ("math", "reasoning", "coding"):
                fields[f"ref_answer_{turn}"] = references[row["question"]][turn - 1]
        name = "single" + ("-math" if "ref_answer_1" in fields else "") + "-v1" + ("" if row["turn"] == 1 else "-multi-turn")
        system, text = prompts[name]
        yield [{"role": "system", "content": system}, {"role": "user", "content": text.format(**fields)}]


def test_the_judge_gets_the_prompts_and_its_grades_become_scores(whole, judge, files):
    rows = read_rows(whole / "predictions.jsonl")
    assert [(row["question"], row["turn"]) for row in rows] == [(80 + i, turn) for i in range(6) for turn in (1, 2)]
    sent = [request for request in judge.requests]
    assert all(list(messages) in [request["messages"] for request in sent] for messages in expected_messages(files, rows))
    assert {(request["temperature"], request["max_tokens"], request["model"]) for request in sent} == {(0.0, 2048, "judge")}
    assert all(row["score"] == grade(row["verdict"]) for row in rows)

    results = results_of(whole)
    grades = [row["score"] for row in rows if row["score"] is not None]
    assert 0 < len(grades) < 12, "some replies have no grade"
    assert results["score"] == pytest.approx(statistics.mean(grades))
    assert (results["invalid"], results["missing"], results["errors"]) == (12 - len(grades), 0, 0)
    means = [statistics.mean(-1 if row["score"] is None else row["score"] for row in rows if row["question"] == question)
             for question in range(80, 86)]
    assert results["paper_score"] == pytest.approx(statistics.mean(means) / 10)
    assert [(task["task"], task["turn"], task["total"]) for task in results["tasks"]] == [
        (category, turn, 2) for category in CATEGORIES for turn in (1, 2)]
    use = run_record(whole)["use"]["judge"]
    assert (use["model"], use["requests"]) == ("judge", 12)
    assert use["prompt_tokens"] == sum(len(json.dumps(request["messages"])) for request in sent[:12])


def test_a_judge_that_fails_stalls_and_garbles_changes_nothing(mt_bench, whole, tmp_path):
    with ChatServer(judged, faults=ChatServer.FAULTS, fault_rate=0.4, seed=2).running() as troubled:
        mt_bench(tmp_path / "out", *asked(troubled, "--endpoint-timeout", 1, "--batch-size", 1))
    assert len(set(troubled.done_faults)) > 3
    assert bytes_of(tmp_path / "out", [*RESULTS, "verdicts.jsonl"]) == bytes_of(whole, [*RESULTS, "verdicts.jsonl"])


def test_kills_lose_nothing(mt_bench, retmask, whole, tmp_path):
    """kill -9 in the second turns and at the judge; nothing finished is asked again."""
    out = tmp_path / "out"
    with ChatServer(judged, delay=0.05).running() as slow:
        flags = asked(slow, "--batch-size", 1)
        for journal in ("second_turns.jsonl", "verdicts.jsonl"):
            goal = 2
            process = subprocess.Popen(list(map(str, [retmask.binary, *mt_bench.arguments(out, *flags)])),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            wait_for(lambda: count_lines(out / journal) >= goal, process)
            process.kill()
            process.communicate()
        kept = count_lines(out / "verdicts.jsonl")
        os.truncate(out / "verdicts.jsonl", (out / "verdicts.jsonl").stat().st_size - 3)
        before = len(slow.requests)
        mt_bench(out, *flags)
        assert len(slow.requests) - before == 12 - (kept - 1)
        assert bytes_of(out, [*RESULTS, "verdicts.jsonl"]) == bytes_of(whole, [*RESULTS, "verdicts.jsonl"])
        mt_bench(out, *flags)
        assert len(slow.requests) - before == 12 - (kept - 1), "a finished run asks nothing"
    assert run_record(out)["use"]["judge"]["requests"] == 12


def test_requests_and_replies_through_files(mt_bench, whole, judge, tmp_path):
    out, requests, replies = tmp_path / "out", tmp_path / "requests.jsonl", tmp_path / "replies.jsonl"
    shown = mt_bench(out, "--judge-requests", requests)
    results = results_of(out)
    assert results["score"] is None and results["paper_score"] is None and results["missing"] == 12
    assert all(task["score"] is None and task["missing"] == 2 for task in results["tasks"])
    assert "no judge has read 12 answers" in shown.stdout

    answered = [{"id": row["id"], "text": judged(row)[1]["choices"][0]["message"]["content"]} for row in read_rows(requests)]
    write_rows(replies, answered[:-1])
    mt_bench(out, "--judge-replies", replies)
    results = results_of(out)
    assert results["missing"] == 1 and results["score"] is None
    assert [task["missing"] for task in results["tasks"]] == [0, 0, 0, 0, 0, 1]
    assert results["turns"][0]["score"] is not None and results["turns"][1]["score"] is None

    write_rows(replies, reversed(answered))
    mt_bench(out, "--judge-replies", replies)
    assert bytes_of(out) == bytes_of(whole)
    for wrong, said in ((answered[0], "second reply"), ({"id": "80-7-1", "text": ""}, "no request has the id")):
        write_rows(replies, [*answered, wrong])
        error_line(mt_bench(out, "--judge-replies", replies, code=2), ["replies.jsonl:13", said])


def test_rescoring_reads_verdicts_or_asks_again(mt_bench, whole, tmp_path):
    mt_bench(tmp_path / "read", "--rescore", whole, judge=False, model=False)
    assert bytes_of(tmp_path / "read") == bytes_of(whole)
    with ChatServer(lambda _: "[[3]]").running() as other:
        mt_bench(tmp_path / "asked", "--rescore", whole, *asked(other), model=False)
    assert results_of(tmp_path / "asked")["score"] == 3
    assert len(other.requests) == 12


def test_without_a_judge_answers_stand_alone(mt_bench, whole, tmp_path):
    mt_bench(tmp_path / "out", judge=False)
    results = results_of(tmp_path / "out")
    assert results["missing"] == 12 and results["score"] is None
    answers = [[row["answer"] for row in read_rows(out / "predictions.jsonl")] for out in (tmp_path / "out", whole)]
    assert answers[0] == answers[1]


def test_samples_of_a_question_differ_where_it_is_sampled(mt_bench, judge, whole, tmp_path):
    mt_bench(tmp_path / "a", *asked(judge, "--profile", "swallow", "--batch-size", 3))
    mt_bench(tmp_path / "b", *asked(judge, "--profile", "swallow", "--batch-size", 7))
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    rows = read_rows(tmp_path / "a/predictions.jsonl")
    assert len(rows) == 6 * 5 * 2
    first = [row["answer"] for row in rows if (row["question"], row["turn"]) == (80, 1)]
    assert len(set(first)) == 5, "writing is sampled"
    assert len({row["answer"] for row in rows if (row["question"], row["turn"]) == (81, 1)}) == 1, "math is not"
    mt_bench(tmp_path / "seed", judge=False, seed=4)
    again = [row["answer"] for row in read_rows(tmp_path / "seed/predictions.jsonl")]
    assert again != [row["answer"] for row in read_rows(whole / "predictions.jsonl")]


MISTAKES = {
    "no prompts": (["--judge-requests", "r.jsonl"], dict(judge=False), ["--judge-prompts is required", "judge_prompts.jsonl", "FastChat"]),
    "two judges": (["--judge-requests", "r.jsonl", "--judge-replies", "s.jsonl"], {}, ["only one of"]),
    "no model name": (["--judge-endpoint", "http://localhost:1"], {}, ["--judge-model is missing"]),
    "profile": (["--profile", "best"], {}, ["official, swallow"]),
    "plain text": (["--chat", "none"], {}, ["mt-bench", "chat template"]),
    "parts": (["--shard", "0/2"], {}, ["second turns", "no parts"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(mt_bench, tmp_path, name):
    flags, options, said = MISTAKES[name]
    error_line(mt_bench(tmp_path / "out", *flags, code=2, **options), said)


def test_requests_overwrite_no_other_file(mt_bench, tmp_path):
    other = tmp_path / "questions.jsonl"
    other.write_text('{"question_id": 81}\n')
    error_line(mt_bench(tmp_path / "out", "--judge-requests", other, code=2), ["--judge-requests", other, "does not hold requests"])
    assert other.read_text() == '{"question_id": 81}\n'


def test_judge_flags_belong_to_suites_with_a_judge(retmask, tiny_llama, tmp_path):
    done = retmask("eval", "--model", tiny_llama, "--suite", "kv", "--judge-replies", "x", "--out", tmp_path, code=2)
    error_line(done, ["--judge-replies does not belong to --suite kv, but to helmet, mt-bench"])


def test_the_original_files(retmask, tiny_llama, shared, tmp_path):
    """All 80 conversations, with FastChat's own prompts."""
    data = shared / "data/benchmarks"
    files = {"question": data / "mt_bench_question.jsonl", "prompts": data / "mt_bench_judge_prompts.jsonl",
             "references": data / "mt_bench_reference_gpt-4.jsonl"}
    if not all(path.exists() for path in files.values()):
        pytest.skip(f"MT-Bench is not in {data}")
    for name, path in files.items():
        (tmp_path / f"{name}.jsonl").symlink_to(path)
    requests = tmp_path / "requests.jsonl"
    retmask("eval", "--suite", "mt-bench", "--model", tiny_llama, "--data", files["question"], "--judge-prompts", files["prompts"],
            "--judge-references", files["references"], "--judge-requests", requests, "--max-new-tokens", 2, "--out", tmp_path / "out",
            code=None)
    rows = read_rows(tmp_path / "out/predictions.jsonl")
    assert len(rows) == 160
    rows = [row for row in rows if row["answer"] is not None]  # the longest do not fit into the tiny model
    prompts = {row["name"]: (row["system_prompt"], row["prompt_template"]) for row in read_rows(files["prompts"])}
    assert len(rows) > 80
    assert [row["messages"] for row in read_rows(requests)] == list(expected_messages(tmp_path, rows, prompts))
