"""eval --suite helmet on the tiny data, with a tiny model: every category, judges that misbehave, resuming, rescoring, HELMET's files."""

import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys

import pytest
from chat_server import ChatServer
from helpers import count_lines, error_line, punkt_folder, read_rows, run_record, wait_for, write_rows

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
def judged_data(tiny_data, tmp_path_factory):
    """With key points of the summaries, for the judge."""
    folder = shutil.copytree(tiny_data, tmp_path_factory.mktemp("data") / "tiny", copy_function=shutil.copyfile)
    lexsum = folder / "data/multi_lexsum"
    write_rows(lexsum / "multi_lexsum_val.jsonl", [
        {"id": row["id"], "summary/short_keypoints": ["one", "two", "three"]} for row in read_rows(lexsum / "validation.jsonl")])
    return folder


@pytest.fixture(scope="module")
def base_flags(tiny_llama):
    return ["eval", "--model", tiny_llama, "--suite", "helmet", "--lengths", "2048", "--device", "cpu", "--dtype", "float32"]


@pytest.fixture(scope="module")
def flags(base_flags, judged_data):
    return [*base_flags, "--data", judged_data, "--max-samples", 2, "--punkt", punkt_folder(), "--tasks", ",".join(TASKS)]


def judged(request):
    """Of NLI and of the judge, whose prompts ask for different fields."""
    text = request["messages"][-1]["content"]
    dice = random.Random(hashlib.sha256(text.encode()).digest())
    if request["model"] == "nli":
        assert text.startswith("premise: ") and " hypothesis: " in text
        return str(dice.randrange(2))
    names = {"fluency": 1, "correctness": 3, "recall": 3, "precision": 4, "sentence_count": 4}
    return "I see. " + json.dumps({name: dice.randint(1, most) for name, most in names.items()})


def asked(server, *more, concurrency=4):
    nli, judge = (("--nli-endpoint", server.url, "--nli-model", "nli"), ("--judge-endpoint", server.url, "--judge-model", "judge"))
    return [*nli, *judge, "--endpoint-concurrency", concurrency, *more]


@pytest.fixture(scope="module")
def run(retmask, flags, tmp_path_factory):
    """An undisturbed run in which every category has a score."""
    out = tmp_path_factory.mktemp("helmet") / "whole"
    with ChatServer(judged).running() as judge:
        retmask(*flags, *asked(judge), "--out", out)
    assert judge.requests
    return out


def results_of(out):
    return json.loads((out / "results.json").read_text())


def scores_of(out):
    return {entry["category"]: entry["score"] for entry in results_of(out)["categories"]}


def metrics_of(out):
    return {(task["task"], task["length"]): task["metrics"] for task in results_of(out)["tasks"]}


def files_of(out, without=()):
    """All results but run.json, which has times, and the page, which has the options."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*"))
            if path.is_file() and path.name not in ("run.json", "report.html", *without) and not path.name.startswith(".")}


def percent(name):
    """What HELMET multiplies the mean of a metric by."""
    if name.startswith(("str_", "qampari_", "citation_")):
        return 1
    return 100 / 3 if name == "gpt-4-score" else 100


def test_every_category_has_a_cell(run):
    results = results_of(run)
    assert set(scores_of(run)) == CATEGORIES
    assert all(0 <= entry["score"] <= 100 and entry["missing"] == [] for entry in results["categories"])
    mean = sum(scores_of(run).values()) / len(CATEGORIES)
    assert results["average"] == [{"length": 2048, "score": pytest.approx(mean), "missing": []}]
    assert results["errors"] == 0
    rows = read_rows(run / "predictions.jsonl")
    for row in rows:
        assert row["prompt_tokens"] <= 2050
        assert row["chat"] == (row["category"] in ("Cite", "LongQA", "Summ"))
    for task in results["tasks"]:
        of_task = [row["metrics"] for row in rows if row["task"] == task["task"]]
        assert len(of_task) == task["total"]
        for name, value in task["metrics"].items():
            if name.startswith("gpt-4-") and name not in ("gpt-4-score", "gpt-4-f1"):
                continue
            values = [row[name] for row in of_task if name in row]
            assert value == pytest.approx(percent(name) * sum(values) / len(values)), name
    for table in ("categories", "lengths", "datasets"):
        for kind in ("txt", "csv", "md", "tex"):
            assert (run / f"helmet_{table}.{kind}").stat().st_size > 0


def test_tables_and_the_figure_of_one_run_and_of_several(retmask, run, judged_data, tmp_path):
    """Rows of a second length, made from the first."""
    rows = read_rows(run / "predictions.jsonl")
    for name, lengths in (("before", (2048, 4096)), ("after", (2048, 4096))):
        (tmp_path / name).mkdir()
        longer = [row | {"length": length, "id": f"{row['id']}-{length}"} for length in lengths for row in rows]
        answers = write_rows(tmp_path / name / "answers.jsonl", longer)
        retmask("eval", "--suite", "helmet", "--rescore", answers, "--out", tmp_path / name / "out")
    one, both = tmp_path / "before/out", tmp_path / "both"
    names = sorted(CATEGORIES)
    table = [line.split(",") for line in (one / "helmet_categories.csv").read_text().splitlines()]
    assert table[0] == ["length", *[f"{name} (%)" for name in ("Recall", "RAG", "Cite", "Re-rank", "ICL", "LongQA", "Summ", "Average")]]
    assert [row[0] for row in table[1:]] == ["2K", "4K", "mean"] and table[1][1:] == table[2][1:] == table[3][1:]
    assert float(table[1][1].rstrip("*")) == pytest.approx(scores_of(run)["Recall"], abs=0.006)
    datasets = (one / "helmet_datasets.csv").read_text()
    assert datasets.splitlines()[0] == "category,data set,length,metric,samples,score (%)"
    assert all(f"alce_qampari_5,2K,{metric}," in datasets for metric in ("qampari_rec_top5", "citation_rec", "citation_prec"))
    assert (one / "helmet_lengths.md").read_text().startswith("HELMET, scores by length, in %\n\n| category | 2K | 4K | mean |")
    figure = (one / "helmet_lengths.svg").read_text()
    assert all(f">{name}</text>" in figure for name in (*names, "Average", "2K", "4K"))
    assert "HELMET" in (one / "report.html").read_text()

    done = retmask("eval", "--compare", one, tmp_path / "after/out", "--out", both)
    assert "0 to 1" in done.stdout and "in %" in done.stdout
    compared = (both / "helmet_categories.csv").read_text().splitlines()
    assert compared[0].startswith("run,length,Recall (%)") and len(compared) == 1 + 3 * 2
    assert (both / "helmet_datasets.tex").read_text().count("&") > 0
    panels = (both / "helmet_lengths.svg").read_text()
    assert panels.count("<svg x=") == 8 and panels.count("<polyline") == 16
    assert "HELMET" in (both / "report.html").read_text()


def test_answers_of_one_line(retmask, demo_model, judged_data, tmp_path):
    """--stop-newline, of the categories for which HELMET's configuration asks for it."""
    flags = ["eval", "--model", demo_model, "--suite", "helmet", "--lengths", "1536", "--data", judged_data, "--max-samples", 1,
             "--tasks", "kilt_nq,narrativeqa,icl_trec_coarse_20shot_balance"]  # fmt: skip
    rows = {}
    for name, more in (("whole", []), ("cut", ["--stop-newline"])):
        retmask(*flags, *more, "--out", tmp_path / name)
        rows[name] = {row["category"]: row["answer"] for row in read_rows(tmp_path / name / "predictions.jsonl")}
    assert rows["cut"] == {category: answer if category == "LongQA" else answer.split("\n")[0] for category, answer in rows["whole"].items()}
    assert rows["cut"] != rows["whole"]


def test_without_a_judge_a_category_has_no_score(retmask, base_flags, tiny_data, tmp_path):
    retmask(*base_flags, "--data", tiny_data, "--tasks", "alce_asqa_5,json_kv", "--max-samples", 1, "--out", tmp_path)
    results = results_of(tmp_path)
    assert scores_of(tmp_path)["Cite"] is None and scores_of(tmp_path)["Recall"] is not None
    assert [len(entry["missing"]) for entry in results["categories"]] == [0, 2]
    assert results["average"][0]["score"] is None and "Cite" in results["average"][0]["missing"]


def test_kills_and_a_judge_that_misbehaves_change_nothing(retmask, flags, run, tmp_path):
    """kill -9 after some rows, drawn at random, of the answers and of the judge's verdicts; the judge fails, stalls and garbles."""
    killed = tmp_path / "killed"
    answers, verdicts = count_lines(run / "predictions.jsonl"), count_lines(run / "verdicts.jsonl")
    dice = random.Random(16)
    moments = [("predictions.jsonl", rows) for rows in sorted(dice.sample(range(1, answers - 3), 3))]
    moments += [("verdicts.jsonl", rows) for rows in sorted(dice.sample(range(1, verdicts - 1), 2))]
    with ChatServer(judged, faults=ChatServer.FAULTS, fault_rate=0.3, seed=3, delay=0.05).running() as judge:
        command = [*flags, *asked(judge, "--endpoint-timeout", 1, concurrency=1), "--batch-size", 2, "--out", killed]
        for journal, rows in moments:
            process = subprocess.Popen([retmask.binary, *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            wait_for(lambda: count_lines(killed / journal) >= rows, process)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        retmask(*command)
    assert judge.done_faults
    assert files_of(killed) == files_of(run)
    assert run_record(killed)["use"]["judge"]["requests"] == verdicts


def test_rescoring_agrees_with_the_run(retmask, run, judged_data, tmp_path):
    """To the last digit, with the verdicts that the files hold, and asking the judge again."""
    verdicts = ("nli.jsonl", "verdicts.jsonl")
    scored = ["eval", "--suite", "helmet", "--max-samples", 2, "--punkt", punkt_folder(), "--rescore"]
    retmask(*scored, run, "--out", tmp_path / "own")
    assert files_of(tmp_path / "own") == files_of(run, without=verdicts)
    with ChatServer(judged).running() as judge:
        retmask(*scored, run, "--data", judged_data, *asked(judge), "--out", tmp_path / "own-asked")
        retmask(*scored, run / "helmet", "--data", judged_data, *asked(judge), "--out", tmp_path / "theirs-asked")
    assert files_of(tmp_path / "own-asked") == files_of(run)
    retmask(*scored, run / "helmet", "--out", tmp_path / "theirs")
    for name in ("theirs", "theirs-asked"):
        assert metrics_of(tmp_path / name) == metrics_of(run)
        assert scores_of(tmp_path / name) == scores_of(run)


def test_rouge_as_the_proxy_of_the_judge(retmask, run, tmp_path):
    retmask("eval", "--suite", "helmet", "--rouge-proxy", "--rescore", run, "--out", tmp_path)
    metrics = {task["task"].rpartition("_")[0]: task for task in results_of(tmp_path)["tasks"]}
    assert results_of(tmp_path)["proxy"] == "rougeL_f1"
    for task in ("narrativeqa", "multi_lexsum"):
        assert metrics[task]["metric"] == "rougeL_f1" and metrics[task]["score"] == metrics[task]["metrics"]["rougeL_f1"]


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


@pytest.fixture(scope="module")
def cited(run, tmp_path_factory):
    """Answers with citations, and those to stories."""
    rows = [row for row in read_rows(run / "predictions.jsonl") if row["task"].startswith(("alce_qampari", "narrativeqa"))]
    cited = [row for row in rows if row["category"] == "Cite"]
    cited[0]["answer"] = "Alpha Beta [1], Gamma [2], Delta [1][3]."
    cited[1]["answer"] = "One [1], Two."
    return write_rows(tmp_path_factory.mktemp("cited") / "answers.jsonl", rows)


@pytest.fixture(scope="module")
def rescore(cited, judged_data):
    return ["eval", "--suite", "helmet", "--rescore", cited, "--data", judged_data]


def test_judges_reply_through_files(retmask, rescore, tmp_path):
    """Citations by NLI and answers by a judge: requests written to files, replies read back."""
    files = {kind: tmp_path / f"{kind}.jsonl" for kind in ("nli", "judge")}
    retmask(*rescore, "--nli-requests", files["nli"], "--judge-requests", files["judge"], "--out", tmp_path / "asked")
    assert scores_of(tmp_path / "asked") == {"Cite": None, "LongQA": None}

    replies = {"nli": "1", "judge": 'Fluent. {"fluency": 1, "correctness": 2}'}
    for kind, text in replies.items():
        write_rows(tmp_path / f"{kind}-replies.jsonl", [{"id": row["id"], "text": text} for row in read_rows(files[kind])])
    given = [word for kind in replies for word in (f"--{kind}-replies", tmp_path / f"{kind}-replies.jsonl")]
    retmask(*rescore, *given, "--out", tmp_path / "judged")
    metrics = {task.split("_")[0]: values for (task, _), values in metrics_of(tmp_path / "judged").items()}
    assert metrics["alce"]["citation_rec"] == pytest.approx((100 + 50) / 2)
    assert metrics["alce"]["citation_prec"] == pytest.approx(100)
    assert metrics["narrativeqa"]["gpt-4-score"] == pytest.approx(100 * 2 / 3)


def test_nli_and_judge_on_a_server_that_fails_stalls_and_talks_nonsense(retmask, rescore, tmp_path):
    with ChatServer(judged).running() as well:
        retmask(*rescore, *asked(well), "--out", tmp_path / "well")
    assert {request["model"] for request in well.requests} == {"nli", "judge"}
    with ChatServer(judged, faults=ChatServer.FAULTS, fault_rate=0.8, seed=5).running() as troubled:
        retmask(*rescore, *asked(troubled, "--endpoint-timeout", 1), "--out", tmp_path / "troubled")
    assert len(set(troubled.done_faults)) > 2
    assert files_of(tmp_path / "troubled") == files_of(tmp_path / "well")

    def nonsense(request):
        return "Perhaps." if request["model"] == "nli" else 'It is {"fluent": yes}.'

    with ChatServer(nonsense).running() as mad:
        retmask(*rescore, *asked(mad), "--out", tmp_path / "mad")
    assert scores_of(tmp_path / "mad") == {"Cite": None, "LongQA": None}, "no verdict is no score"
    unjudged = [row["id"] for row in read_rows(tmp_path / "mad/predictions.jsonl") if row.get("unjudged")]
    assert len(unjudged) == len(read_rows(tmp_path / "mad/predictions.jsonl"))


NLI = """
import json, sys
for line in sys.stdin:
    pair = json.loads(line)
    print(int({decides}), flush={flush})
"""


def test_nli_by_a_command(retmask, rescore, tmp_path):
    def command(decides, flush=True):
        script = tmp_path / f"nli-{len(list(tmp_path.iterdir()))}.py"
        script.write_text(NLI.format(decides=decides, flush=flush))
        return f"{sys.executable} {script}"

    def nli(text, out, code=0):
        return retmask(*rescore, "--nli-command", text, "--quiet", "--out", tmp_path / out, code=code)

    for flush in (True, False):
        nli(command("len(pair['premise']) > 0 and len(pair['hypothesis']) > 0", flush), f"yes-{flush}")
        cite = metrics_of(tmp_path / f"yes-{flush}")["alce_qampari_5", 2048]
        assert (cite["citation_rec"], cite["citation_prec"]) == (pytest.approx(75), pytest.approx(100))
    nli(command("0"), "no")
    assert metrics_of(tmp_path / "no")["alce_qampari_5", 2048]["citation_rec"] == 0
    error_line(nli("echo perhaps", "word", code=2), ["--nli-command", 'line 1 of its output is "perhaps"', "1 or 0"])
    error_line(nli("head -n 1 > /dev/null; echo 1", "early", code=2), ["--nli-command", "exit code 0 after answers to 1 of"])
    assert count_lines(tmp_path / "early/nli.jsonl") == 1
    both = retmask(*rescore, "--nli-command", "cat", "--nli-requests", tmp_path / "r", "--out", tmp_path / "both", code=2)
    error_line(both, ["only one of", "--nli-command"])


def test_what_a_judge_needs_is_read_before_the_answers(retmask, base_flags, tiny_data, judged_data, tmp_path):
    flags = [*base_flags, "--max-samples", 1]
    cases = {  # the data lack the key points of summaries; judges' prompts; Punkt's parameters
        "points": (["--data", tiny_data, "--tasks", "multi_lexsum", "--judge-requests", tmp_path / "r"], "multi_lexsum_val.jsonl"),
        "prompts": (["--data", judged_data, "--tasks", "narrativeqa", "--judge-requests", tmp_path / "r", "--judge-prompts", tmp_path],
                    "narrativeqa.txt"),
        "punkt": (["--data", tiny_data, "--tasks", "alce_asqa_5", "--nli-requests", tmp_path / "r", "--punkt", tmp_path], "abbrev_types.txt"),
    }  # fmt: skip
    for name, (more, said) in cases.items():
        error_line(retmask(*flags, *more, "--out", tmp_path / name, code=2), [said])
        assert not (tmp_path / name / "predictions.jsonl").exists(), name


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
