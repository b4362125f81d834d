"""retmask eval: suites of generated answers, their rescoring, and the comparison of runs."""

import gzip
import json
import signal
import subprocess

import numpy as np
import pytest
from helpers import count_lines, error_line, expect_one_line, read_rows, run_record, wait_for, write_rows
from transformers import AutoTokenizer

FIELDS = {"id", "task", "length", "prompt_tokens", "answer", "references", "metric", "score"}


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    rows = []
    for i in range(20):
        text = f"The warden of station {i} is called Nilsson{i}x." + " Boats pass." * i
        rows.append({"question": f"who is the warden of station {i}", "answers": [f"Nilsson{i}x"],
                     "ctxs": [{"title": f"Station {i}", "text": text, "hasanswer": True, "isgold": True}]})
    return write_rows(tmp_path_factory.mktemp("qa") / "questions.jsonl", rows)


def results_of(out):
    return json.loads((out / "results.json").read_text())


def files_of(out):
    return [(out / name).read_bytes() for name in ("predictions.jsonl", "results.json")]


RULER = ["--suite", "ruler", "--tasks", "niah_single_1,vt,fwe", "--lengths", "900,1500", "--max-samples", 2, "--seed", 5]


def test_ruler(retmask, tiny_llama, tmp_path):
    done = retmask("eval", "--model", tiny_llama, *RULER, "--out", tmp_path / "ruler")
    rows = read_rows(tmp_path / "ruler/predictions.jsonl")
    results = results_of(tmp_path / "ruler")
    assert [(task["task"], task["length"], task["total"]) for task in results["tasks"]] == [
        (task, length, 2) for task in ("niah_single_1", "vt", "fwe") for length in (900, 1500)
    ]
    assert results["errors"] == 0
    for row in rows:
        assert row.keys() >= FIELDS
        assert row["length"] - 80 < row["prompt_tokens"] <= row["length"]
        found = [reference.lower() in row["answer"].lower() for reference in row["references"]]
        assert row["score"] == pytest.approx(sum(found) / len(found))
    for task in results["tasks"]:
        of_task = [row["score"] for row in rows if (row["task"], row["length"]) == (task["task"], task["length"])]
        assert task["score"] == pytest.approx(np.mean(of_task))
    assert "niah_single_1" in done.stdout


def test_results_do_not_depend_on_the_batch_or_a_kill(retmask, tiny_llama, tmp_path):
    flags = ["eval", "--model", tiny_llama, *RULER]
    retmask(*flags, "--out", tmp_path / "whole")
    retmask(*flags, "--batch-size", 1, "--out", tmp_path / "one")
    assert files_of(tmp_path / "one") == files_of(tmp_path / "whole")
    killed = tmp_path / "killed"
    process = subprocess.Popen([retmask.binary, *map(str, flags), "--batch-size", "2", "--out", killed])
    wait_for(lambda: count_lines(killed / "predictions.jsonl") >= 3, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert count_lines(killed / "predictions.jsonl") < 12
    retmask(*flags, "--out", killed)
    assert files_of(killed) == files_of(tmp_path / "whole")
    failed = retmask(*flags, "--max-samples", 3, "--out", killed, code=2)
    error_line(failed, ["max-samples"])


def test_kv_and_qa_take_data(retmask, tiny_llama, questions, tmp_path):
    pairs = [[f"key{i}", f"value{i}"] for i in range(12)]
    rows = [{"ordered_kv_records": pairs, "key": f"key{i}", "value": f"value{i}"} for i in range(3)]
    data = tmp_path / "kv.jsonl.gz"
    data.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    retmask("eval", "--model", tiny_llama, "--suite", "kv", "--data", data, "--keys", "4,12", "--out", tmp_path / "kv")
    tasks = results_of(tmp_path / "kv")["tasks"]
    assert [(task["task"], task["length"], task["total"]) for task in tasks] == [("kv", 4, 3), ("kv", 12, 3)]
    assert [row["references"] for row in read_rows(tmp_path / "kv/predictions.jsonl")] == 2 * [[f"value{i}"] for i in range(3)]
    flags = ["--suite", "qa", "--data", questions, "--lengths", 600, "--depths", 5, "--max-samples", 7]
    retmask("eval", "--model", tiny_llama, *flags, "--out", tmp_path / "qa")
    rows = read_rows(tmp_path / "qa/predictions.jsonl")
    assert [row["depth"] for row in rows] == [0, 0.25, 0.5, 0.75, 1, 0, 0.25]
    assert all(480 < row["prompt_tokens"] <= 600 for row in rows)


def test_plain_prompts_get_the_special_tokens_of_a_text(retmask, tiny_llama, tmp_path):
    flags = ["--suite", "kv", "--keys", 2, "--max-samples", 1]
    for chat in ("none", "all"):
        retmask("eval", "--model", tiny_llama, *flags, "--chat", chat, "--out", tmp_path / chat)
    counts = {chat: read_rows(tmp_path / chat / "predictions.jsonl")[0]["prompt_tokens"] for chat in ("none", "all")}
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    template = tokenizer.apply_chat_template([{"role": "user", "content": ""}], add_generation_prompt=True, tokenize=False)
    added = len(tokenizer.encode(template, add_special_tokens=False)) - len(tokenizer.encode(""))
    assert abs(counts["all"] - counts["none"] - added) <= 2


def test_a_sample_that_does_not_fit_fails_alone(retmask, tiny_llama, tmp_path):
    out = tmp_path / "out"
    flags = ["--suite", "ruler", "--tasks", "niah_single_1", "--lengths", "500,4000", "--max-samples", 1, "--quiet", "--out", out]
    for _ in range(2):
        failed = retmask("eval", "--model", tiny_llama, *flags, code=1)
        expect_one_line(failed, ["1 of 2 samples have no answer", "niah_single_1-4000-0", "the model's maximum of 2048"])
        tasks = results_of(out)["tasks"]
        assert [(task["errors"], task["total"]) for task in tasks] == [(0, 1), (1, 1)]
        assert tasks[1]["score"] is None and tasks[0]["score"] is not None
        assert run_record(out)["status"] == "done"


def test_rescore_needs_no_model_and_changes_nothing(retmask, tiny_llama, tmp_path):
    retmask("eval", "--model", tiny_llama, *RULER, "--out", tmp_path / "run")
    for source in (tmp_path / "run", tmp_path / "run/predictions.jsonl"):
        again = tmp_path / f"again-{source.name}"
        retmask("eval", "--suite", "ruler", "--rescore", source, "--out", again)
        assert files_of(again) == files_of(tmp_path / "run")
    rows = read_rows(tmp_path / "run/predictions.jsonl")
    for row in rows:
        row["answer"] = " and ".join(row["references"]).upper()
    retmask("eval", "--suite", "ruler", "--rescore", write_rows(tmp_path / "right.jsonl", rows), "--out", tmp_path / "right")
    assert {task["score"] for task in results_of(tmp_path / "right")["tasks"]} == {1.0}
    failed = retmask("eval", "--suite", "kv", "--rescore", tmp_path / "run", "--out", tmp_path / "kv", code=2)
    error_line(failed, ["--suite ruler", "kv"])


MISTAKES = {
    "flag of another suite": (["--suite", "ruler", "--keys", 3], "--keys does not belong to --suite ruler, but to kv"),
    "flag of another suite, shared": (["--suite", "logprob", "--lengths", 512], "does not belong to --suite logprob, but to"),
    "model flag": (["--suite", "ruler", "--rescore", "x", "--model", "y"], "--model has no effect with --rescore"),
    "unknown task": (["--suite", "ruler", "--tasks", "cwe,few"], 'holds "few", expected some of: niah_single_1'),
    "qa task without data": (["--suite", "ruler", "--tasks", "qa_2"], "qa_2 asks about given passages: give --data"),
    "qa without data": (["--suite", "qa"], "--suite qa needs --data"),
    "missing data": (["--suite", "qa", "--data", "none.jsonl"], "none.jsonl"),
    "too short": (["--suite", "ruler", "--lengths", 40], "niah_single_1 needs prompts of at least"),
    "keys and lengths": (["--suite", "kv", "--keys", 4, "--lengths", 400], "give only one of them"),
    "score of needles": (["--suite", "niah", "--niah-score", "recall"], "--niah-score belongs to --compare"),
    "one key": (["--suite", "kv", "--keys", 1], "expected at least 2"),
    "chat": (["--suite", "kv", "--chat", "yes"], "expected one of: auto, all, none"),
    "rescore what was never generated": (["--suite", "logprob", "--rescore", "x"], "does not support --rescore"),
    "missing answers": (["--suite", "kv", "--rescore", "none.jsonl"], "none.jsonl"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(retmask, tiny_llama, tmp_path, name):
    flags, message = MISTAKES[name]
    model = [] if "--rescore" in flags else ["--model", tiny_llama]
    error_line(retmask("eval", *model, *flags, "--out", tmp_path / "out", code=2), [message])


def write_run(out, suite, scores, length=1024, task="t"):
    out.mkdir(parents=True)
    (out / "results.json").write_text(json.dumps({"suite": suite}))
    rows = [{"id": f"{task}-{i}", "task": task, "length": length, "references": [str(i)], "score": score}
            for i, score in enumerate(scores)]
    write_rows(out / "predictions.jsonl", rows)
    return out


def bootstrap(differences, resamples=100_000):
    """Percentile interval of the mean of paired differences."""
    draws = np.random.default_rng(1).choice(differences, (resamples, len(differences)))
    return np.percentile(draws.mean(axis=1), [2.5, 97.5])


def test_compare_equals_numpy(retmask, tmp_path):
    random = np.random.default_rng(3)
    before = random.uniform(size=60)
    after = np.clip(before + random.normal(0.1, 0.2, size=60), 0, 1)
    right = (random.uniform(size=60) < 0.3).astype(float)
    wrong = np.where(random.uniform(size=60) < 0.4, 1.0, right)
    folders = []
    for name, graded, judged in (("base", before, right), ("trained", after, wrong), ("same", before, right)):
        write_run(tmp_path / name / "graded", "graded", [*graded, None])
        write_run(tmp_path / name / "judged", "judged", judged, length=None)
        folders.append(tmp_path / name)
    done = retmask("eval", "--compare", *folders, "--out", tmp_path / "out")
    comparison = json.loads((tmp_path / "out/compare.json").read_text())
    assert comparison["names"] == ["base", "trained", "same"]
    graded, judged = comparison["rows"]
    assert (graded["suite"], graded["task"], graded["length"], graded["samples"], graded["missing"]) == ("graded", "t", 1024, 60, 1)
    assert graded["scores"] == pytest.approx([before.mean(), after.mean(), before.mean()])
    assert graded["difference"] == pytest.approx([(after - before).mean(), 0])
    assert graded["interval"][0] == pytest.approx(bootstrap(after - before), abs=0.01)
    assert graded["interval"][1] == [0, 0] and graded["sign_test"] == [None, None]
    assert judged["length"] is None
    assert judged["interval"][0] == pytest.approx(bootstrap(wrong - right), abs=0.02)
    wins = int((wrong > right).sum())
    assert judged["sign_test"] == pytest.approx([2 / 2**wins, 1])
    table = (tmp_path / "out/compare.csv").read_text().splitlines()
    assert table[0].startswith("suite,task,length,samples,missing,unit,base,trained,difference,")
    assert len(table) == 3 and (tmp_path / "out/compare.md").read_text().count("\n") == 4
    assert f"{before.mean():.3f}" in done.stdout and f"{after.mean():.3f}" in done.stdout


def seed_bootstrap(a, b, resamples=20_000):
    """Percentile interval of mean(b) - mean(a) over questions and seeds; a and b are [seeds, questions]."""
    random = np.random.default_rng(2)

    def draw_counts(values):
        return random.multinomial(values, np.full(values, 1 / values), size=resamples)

    questions = draw_counts(a.shape[1])
    means = [np.einsum("rs,sq,rq->r", draw_counts(len(x)), x, questions, optimize=True) / x.size for x in (a, b)]
    return np.percentile(means[1] - means[0], [2.5, 97.5])


def test_compare_groups_of_seeds_equals_numpy(retmask, tmp_path):
    random = np.random.default_rng(4)
    difficulty = random.uniform(size=50)

    def draw(shift):
        return (random.uniform(size=50) < difficulty + shift).astype(float)

    scores = {"base": [draw(0)], "control": [draw(0.05) for _ in range(3)], "masked": [draw(0.05), draw(0.2), draw(0.3)]}
    folders = {name: [write_run(tmp_path / f"{name}-{seed}", "s", [*rows, 1.0]) for seed, rows in enumerate(group)]
               for name, group in scores.items()}
    # A sample without a score in one seed counts for none.
    rows = read_rows(folders["masked"][1] / "predictions.jsonl")
    rows[-1]["score"] = None
    write_rows(folders["masked"][1] / "predictions.jsonl", rows)

    def group(name):
        return f"{name}={','.join(map(str, folders[name]))}"

    def compare(*runs, out="out"):
        table = retmask("eval", "--compare", *runs, "--out", tmp_path / out).stdout
        return json.loads((tmp_path / out / "compare.json").read_text()), table

    comparison, table = compare(folders["base"][0], group("control"), group("masked"))
    assert comparison["names"] == ["base-0", "control", "masked"]
    assert comparison["runs"] == [[str(folder) for folder in folders[name]] for name in scores]
    (row,) = comparison["rows"]
    assert (row["samples"], row["missing"]) == (50, 1)
    means = [np.mean(rows) for rows in scores.values()]
    assert row["scores"] == pytest.approx(means) and row["difference"] == pytest.approx([means[1] - means[0], means[2] - means[0]])
    for found, group_scores in zip(row["run_scores"], scores.values(), strict=True):
        assert found == pytest.approx([rows.mean() for rows in group_scores])
    for interval, name in zip(row["interval"], ("control", "masked"), strict=True):
        assert interval == pytest.approx(seed_bootstrap(np.array(scores["base"]), np.array(scores[name])), abs=0.02)
    assert row["sign_test"] == [None, None]  # not of means
    assert f"{means[2]:.3f}" in table
    report = (tmp_path / "out/report.html").read_text()
    assert "control: mean of 3 runs; masked: mean of 3 runs" in report
    # Two arms against each other.
    (row,) = compare(group("control"), group("masked"), out="arms")[0]["rows"]
    assert row["interval"][0] == pytest.approx(seed_bootstrap(np.array(scores["control"]), np.array(scores["masked"])), abs=0.02)
    # A group of one run is that run.
    plain, named = (compare(*runs, out=out)[0] for runs, out in ((folders["control"][:2], "plain"),
                    ([f"{name}={folder}" for name, folder in zip("ab", folders["control"], strict=False)], "named")))
    assert plain["rows"] == named["rows"] and named["names"] == ["a", "b"]
    assert plain["rows"][0]["sign_test"][0] is not None


def test_compare_takes_folders_whose_names_have_commas_and_equal_signs(retmask, tmp_path):
    folders = [write_run(tmp_path / name, "s", [1, 0]) for name in ("lr=1,seed=2", "b=3")]
    retmask("eval", "--compare", *folders, "--out", tmp_path / "out")
    assert json.loads((tmp_path / "out/compare.json").read_text())["names"] == ["lr=1,seed=2", "b=3"]


def test_compare_refuses_bad_groups(retmask, tmp_path):
    a, b = (write_run(tmp_path / name, "s", [1, 0, 1]) for name in "ab")
    short = write_run(tmp_path / "short", "s", [1, 0])

    def error(*runs):
        return error_line(retmask("eval", "--compare", *runs, "--out", tmp_path / "out", code=2))

    assert "short/predictions.jsonl lacks the sample" in error(a, f"x={b},{short}").replace('"', "")
    assert "at least two" in error(f"x={a},{b}")
    assert 'the name "x" twice' in error(f"x={a}", f"x={b}")
    assert 'twice in "x"' in error(a, f"x={b},{b}/")
    assert "expected DIR or NAME=DIR[,DIR...]" in error(a, f"x={b},")
    assert "expected DIR or NAME=DIR[,DIR...]" in error(a, f"={b}")
    assert "expected DIR or NAME=DIR[,DIR...]" in error(f"{a},,{b}")
    assert "none is no run of eval" in error(a, f"x={b},none").replace('"', "")


def test_compare_reads_every_suite(retmask, tiny_llama, questions, tmp_path):
    suites = {
        "niah": ["--lengths", 120, "--depths", 2],
        "logprob": ["--data", write_rows(tmp_path / "texts.jsonl", [{"text": "The boat left."}, {"text": "Where is the key?"}])],
        "kv": ["--keys", "2,3", "--max-samples", 2],
        "qa": ["--data", questions, "--lengths", 600, "--max-samples", 2],
    }
    for name, mask in (("all", []), ("masked", ["--heads", "0-1,3-2"])):
        for suite, flags in suites.items():
            retmask("eval", "--model", tiny_llama, "--suite", suite, *flags, *mask, "--out", tmp_path / name / suite)
    choices = [{"sum": -4.0, "tokens": 2, "chars": 8, "bytes": 8}, {"sum": -5.0, "tokens": 5, "chars": 20, "bytes": 20}]
    for name in ("all", "masked"):
        (tmp_path / name / "choice").mkdir()
        (tmp_path / name / "choice/results.json").write_text(json.dumps({"suite": "choice"}))
        write_rows(tmp_path / name / "choice/predictions.jsonl", [{"id": 0, "gold": 1, "choices": choices}])
    retmask("eval", "--compare", tmp_path / "all", tmp_path / "masked", "--out", tmp_path / "out")
    comparison = json.loads((tmp_path / "out/compare.json").read_text())
    rows = {(row["suite"], row["task"], row["length"]): row for row in comparison["rows"]}
    assert rows.keys() == {("niah", "niah", 120), ("logprob", "mean log-prob", None), ("kv", "kv", 2), ("kv", "kv", 3),
                           ("qa", "qa", 600), *(("choice", f"acc{unit}", None) for unit in ("", "_per_char", "_per_byte", "_per_token"))}
    assert [row["task"] for row in comparison["overall"]] == ["all"]
    units = {row["suite"]: row["unit"] for row in comparison["rows"]}
    assert units == {"niah": "0 to 1", "logprob": "nats", "kv": "0 to 1", "qa": "0 to 1", "choice": "0 to 1"}
    assert rows["choice", "acc", None]["scores"] == [0, 0] and rows["choice", "acc_per_char", None]["scores"] == [1, 1]
    retmask("eval", "--compare", tmp_path / "all", tmp_path / "masked", "--niah-score", "recall", "--out", tmp_path / "recall")
    by_recall = json.loads((tmp_path / "recall/compare.json").read_text())["rows"]
    assert [row for row in by_recall if row["suite"] != "niah"] == [row for row in comparison["rows"] if row["suite"] != "niah"]
    (recall,) = (row for row in by_recall if row["suite"] == "niah")
    for name, index in (("all", 0), ("masked", 1)):
        niah = results_of(tmp_path / name / "niah")
        assert rows["niah", "niah", 120]["scores"][index] == niah["rate"]
        assert recall["scores"][index] == pytest.approx(np.mean([cell["recall"] for cell in niah["cells"]]))
        means = [row["mean"] for row in read_rows(tmp_path / name / "logprob/predictions.jsonl")]
        assert rows["logprob", "mean log-prob", None]["scores"][index] == pytest.approx(np.mean(means))


def test_compare_refuses_other_samples(retmask, tmp_path):
    a = write_run(tmp_path / "a", "s", [1, 0, 1])
    b = write_run(tmp_path / "b", "s", [1, 0])
    error = error_line(retmask("eval", "--compare", a, b, "--out", tmp_path / "out", code=2))
    assert 'lacks the sample "t-2" of t at length 1024' in error and "b/predictions.jsonl" in error
    c = write_run(tmp_path / "c", "other", [1, 0, 1])
    error_line(retmask("eval", "--compare", a, c, "--out", tmp_path / "out", code=2), ["has no run of --suite s"])
    rows = read_rows(a / "predictions.jsonl")
    rows[1]["references"] = ["changed"]
    d = write_run(tmp_path / "d", "s", [1, 0, 1])
    write_rows(d / "predictions.jsonl", rows)
    error_line(retmask("eval", "--compare", a, d, "--out", tmp_path / "out", code=2), ["other references", "--seed"])
    error_line(retmask("eval", "--compare", a, "--out", tmp_path / "out", code=2), ["at least two"])
    error_line(retmask("eval", "--compare", a, tmp_path, "--suite", "kv", "--out", tmp_path / "out", code=2), ["--suite has no effect"])
