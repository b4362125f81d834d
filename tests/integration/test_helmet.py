"""eval --suite helmet on the tiny data, with a tiny model: every category, resuming, rescoring and HELMET's own files."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest
from helpers import count_lines, error_line, read_rows, wait_for, write_rows

# Small data sets of each category, so that prompts and answers fit a model of 2,048 positions.
TASKS = [
    "ruler_niah_mk_2:data/ruler/niah_multikey_2/validation_8192.jsonl", "json_kv", "kilt_nq", "kilt_popqa_3",
    "msmarco_rerank_psg:data/msmarco/test_reranking_data_k5a_dep3.jsonl:data/msmarco/test_reranking_data_k3a_dep3.jsonl",
    "alce_asqa_5", "alce_qampari_5", "narrativeqa", "infbench_qa_eng", "infbench_choice_eng", "multi_lexsum",
    "icl_trec_coarse_20shot_balance", "icl_nlu_70shot_balance",
]
CATEGORIES = {"Recall", "RAG", "Re-rank", "Cite", "LongQA", "Summ", "ICL"}


@pytest.fixture(scope="module")
def tiny_data(shared):
    folder = pathlib.Path(os.environ.get("RETMASK_EVAL_TINY", shared / "eval/tiny"))
    if not folder.is_dir():
        pytest.skip(f"the tiny data of HELMET, {folder}, are not here")
    return folder


@pytest.fixture(scope="module")
def flags(tiny_llama, tiny_data):
    return ["eval", "--model", tiny_llama, "--suite", "helmet", "--data", tiny_data, "--lengths", "2048", "--max-samples", 2,
            "--tasks", ",".join(TASKS), "--rouge-proxy", "--device", "cpu", "--dtype", "float32"]


@pytest.fixture(scope="module")
def run(retmask, flags, tmp_path_factory):
    out = tmp_path_factory.mktemp("helmet") / "whole"
    retmask(*flags, "--out", out)
    return out


def results_of(out):
    return json.loads((out / "results.json").read_text())


def files_of(out):
    """All results but run.json, which has times."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*"))
            if path.is_file() and path.name != "run.json" and not path.name.startswith(".")}


def test_every_category_has_a_cell(run):
    results = results_of(run)
    assert {entry["category"] for entry in results["categories"]} == CATEGORIES
    for entry in results["categories"]:
        if entry["category"] == "Cite":  # no model has judged the citations
            assert entry["score"] is None
            assert len(entry["missing"]) == 4
        else:
            assert 0 <= entry["score"] <= 100
            assert entry["missing"] == []
    assert results["average"] == [{"length": 2048, "score": None, "missing": ["Cite"]}]
    assert results["errors"] == 0
    rows = read_rows(run / "predictions.jsonl")
    for row in rows:
        assert row["prompt_tokens"] <= 2050
        assert row["chat"] == (row["category"] in ("Cite", "LongQA", "Summ"))
    for task in results["tasks"]:
        of_task = [row["metrics"] for row in rows if row["task"] == task["task"]]
        assert len(of_task) == task["total"]
        for name, value in task["metrics"].items():
            percent = 1 if name.startswith(("str_", "qampari_", "citation_")) else 100
            assert value == pytest.approx(percent * sum(row[name] for row in of_task) / len(of_task))
    for table in ("categories", "lengths", "datasets"):
        for kind in ("txt", "csv", "md", "tex"):
            assert (run / f"helmet_{table}.{kind}").stat().st_size > 0


def test_a_killed_run_resumes_to_the_same_bytes(retmask, flags, run, tmp_path):
    killed = tmp_path / "killed"
    for rows in (3, 12, 20):
        process = subprocess.Popen([retmask.binary, *map(str, flags), "--batch-size", "2", "--out", killed])
        wait_for(lambda: count_lines(killed / "predictions.jsonl") >= rows, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    retmask(*flags, "--out", killed)
    assert files_of(killed) == files_of(run)


def test_rescoring_agrees_with_the_run(retmask, run, tmp_path):
    scored = ["eval", "--suite", "helmet", "--rouge-proxy", "--max-samples", 2, "--rescore"]
    retmask(*scored, run, "--out", tmp_path / "own")
    assert files_of(tmp_path / "own") == files_of(run)
    retmask(*scored, run / "helmet", "--out", tmp_path / "theirs")
    theirs = results_of(tmp_path / "theirs")
    def key(task): return task["task"], task["length"]
    assert {key(task): task["metrics"] for task in theirs["tasks"]} == {key(task): task["metrics"] for task in results_of(run)["tasks"]}
    assert {entry["category"]: entry["score"] for entry in theirs["categories"]} == {
        entry["category"]: entry["score"] for entry in results_of(run)["categories"]}


def test_files_are_where_the_original_collects_them(run):
    for name, metrics in {
        "kilt_nq_v1_nq-dev-multikilt_1000_k50_dep6_in2048_size2_shots2_sampFalsemax20min0t0.0p1.0_chatFalse_42.json": ["substring_exact_match"],
        "narrativeqa_1748_v1__in2048_size2_shots2_sampFalsemax100min0t0.0p1.0_chatTrue_42.json": ["rougeL_f1"],
    }.items():
        file = json.loads((run / "helmet" / name).read_text())
        score = json.loads((run / "helmet" / (name + ".score")).read_text())
        assert file["averaged_metrics"] == score
        for metric in metrics:
            assert score[metric] == pytest.approx(100 * sum(file["metrics"][metric]) / len(file["metrics"][metric]))
        assert all({"output", "question", "answer", "parsed_output"} <= item.keys() for item in file["data"])


def test_judges_reply_through_files(retmask, run, tiny_data, tmp_path):
    """Citations by NLI and answers by a judge: requests written to files, replies read back."""
    rows = [row for row in read_rows(run / "predictions.jsonl") if row["task"].startswith(("alce_qampari", "narrativeqa"))]
    cited = [row for row in rows if row["category"] == "Cite"]
    cited[0]["answer"] = "Alpha Beta [1], Gamma [2], Delta [1][3]."
    cited[1]["answer"] = "One [1], Two."
    answers = write_rows(tmp_path / "answers.jsonl", rows)
    rescore = ["eval", "--suite", "helmet", "--rescore", answers, "--data", tiny_data]
    files = {kind: tmp_path / f"{kind}.jsonl" for kind in ("nli", "judge")}
    retmask(*rescore, "--nli-requests", files["nli"], "--judge-requests", files["judge"], "--out", tmp_path / "asked")
    assert {entry["category"]: entry["score"] for entry in results_of(tmp_path / "asked")["categories"]} == {"Cite": None, "LongQA": None}

    replies = {"nli": "1", "judge": 'Fluent. {"fluency": 1, "correctness": 2}'}
    for kind, text in replies.items():
        write_rows(tmp_path / f"{kind}-replies.jsonl", [{"id": row["id"], "text": text} for row in read_rows(files[kind])])
    given = [word for kind in replies for word in (f"--{kind}-replies", tmp_path / f"{kind}-replies.jsonl")]
    retmask(*rescore, *given, "--out", tmp_path / "judged")
    metrics = {task["task"].split("_")[0]: task["metrics"] for task in results_of(tmp_path / "judged")["tasks"]}
    assert metrics["alce"]["citation_rec"] == pytest.approx((100 + 50) / 2)
    assert metrics["alce"]["citation_prec"] == pytest.approx(100)
    assert metrics["narrativeqa"]["gpt-4-score"] == pytest.approx(100 * 2 / 3)


def test_missing_and_malformed_data(retmask, tiny_llama, tiny_data, tmp_path):
    flags = ["eval", "--model", tiny_llama, "--suite", "helmet", "--lengths", "2048", "--out", tmp_path / "out"]
    failed = retmask(*flags, "--data", tiny_data, "--tasks", "kilt_triviaqa", code=2)
    error_line(failed, ["triviaqa-dev-multikilt_1000_k50_dep6.jsonl", "question, answers, ctxs", "HELMET's data archive"])
    error_line(retmask(*flags, "--data", tiny_data, "--tasks", "kilt", code=2), ["kilt", "kilt_nq"])
    error_line(retmask(*flags, "--data", tiny_data, "--categories", "recall", code=2), ["recall", "Recall"])
    broken = tmp_path / "broken"
    shutil.copytree(tiny_data / "data/json_kv", broken / "data/json_kv", copy_function=shutil.copyfile)
    file = broken / "data/json_kv/test_k105_dep6.jsonl"
    lines = file.read_text().splitlines()
    row = json.loads(lines[1])
    row["answer"] = 5
    file.write_text("\n".join([lines[0], json.dumps(row), *lines[2:]]) + "\n")
    failed = retmask(*flags, "--data", broken, "--tasks", "json_kv", "--max-samples", 0, code=2)
    error_line(failed, [f"{file}:2", "answer"])
