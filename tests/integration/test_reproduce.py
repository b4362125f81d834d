"""scripts/reproduce.sh: the whole experiment with a tiny model, killed in the middle and resumed to the same tables."""

import json
import os
import re
import signal
import subprocess

import pytest

from conftest import ROOT
from helpers import count_lines, read_rows, wait_for, write_rows

ARMS = ["retrieval-masked", "non-retrieval-masked"]
CONFIG = """
model = "{model}"
device = "cpu"
dtype = "float32"
[script]
arms = ["retrieval-masked", "non-retrieval-masked", "win-lose"]
seeds = 2
learning-rates = ["1e-3", "1e-5"]
tune = "--suite niah --needles dev --lengths 120 --depths 1"
prompts = ["none.jsonl", "{prompts}"]
detect = "--verify 2 --verify-samples 4"
eval-niah = "--suite niah --needles test --lengths 120 --depths 1 --max-new-tokens 8"
eval-texts = "--suite logprob --data configs/demo_texts.jsonl"
eval-qa = "--suite qa --data none.jsonl"
minutes-detect = 0.5
[detect]
needles = "dev"
scorer = "query"
lengths = [120]
depths = 1
max-new-tokens = 8
[mask]
top-k = 2
[synthesize]
mask-top-k = 2
max-new-tokens = 12
[train-dpo]
global-batch-size = 2
save-every = 2
"""


@pytest.fixture
def config(tiny_llama, tmp_path):
    prompts = write_rows(tmp_path / "prompts.jsonl", [{"prompt": f"Say something about number {number}."} for number in range(8)])
    path = tmp_path / "reproduce.toml"
    path.write_text(CONFIG.format(model=tiny_llama, prompts=prompts))
    return path


@pytest.fixture
def reproduce(retmask, config):
    """Starts the script as the leader of a process group."""

    def start(*flags):
        command = [ROOT / "scripts/reproduce.sh", "--config", config, *map(str, flags)]
        return subprocess.Popen(command, text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=os.environ | {"RETMASK": str(retmask.binary)})  # fmt: skip

    def run(*flags, code=0):
        process = start(*flags)
        stdout, stderr = process.communicate(timeout=600)
        assert process.returncode == code, stdout + stderr
        return stdout, stderr

    run.start = start
    return run


def tables_of(out):
    """What the runs found, without their folders and times."""
    tables = [*out.glob("compare/*/compare.json"), *out.glob("tables/[ch]*.jsonl")]
    return {str(path.relative_to(out)): path.read_text().replace(str(out), "") for path in tables}


def test_a_killed_run_resumes_to_the_same_tables(reproduce, tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = reproduce.start(killed)
    wait_for(lambda: count_lines(killed / "dpo/non-retrieval-masked-1e-3-1/metrics.jsonl") > 0, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (killed / "report").exists()
    reproduce(killed)
    stdout, stderr = reproduce(whole)

    tables = tables_of(whole)
    assert tables_of(killed) == tables
    # The untrained model's log-probs are computed once an arm, in its first training.
    steps = re.split(r"^== .*?  ", stderr, flags=re.MULTILINE)
    scored = [step.split()[1] for step in steps if re.search(r" reference \d+/\d+ micro-batches", step)]
    assert scored == [f"{whole}/dpo/{arm}-1e-3-1" for arm in ARMS]
    assert {path for path in tables if path.startswith("compare")} == {
        f"compare/{name}/compare.json" for name in ("from-base", "from-non-retrieval-masked", "heads")
    }
    comparison = json.loads((whole / "compare/from-base/compare.json").read_text())
    assert comparison["names"] == ["base", *ARMS] and [len(runs) for runs in comparison["runs"]] == [1, 2, 2]
    (texts,) = (row for row in comparison["rows"] if row["suite"] == "logprob")
    assert texts["run_scores"][1][0] != texts["run_scores"][1][1]  # two seeds
    heads = json.loads((whole / "compare/heads/compare.json").read_text())
    assert [pair["mask"]["masked"]["heads"] for pair in heads["pairs"]] == [2, 2, 2]
    tried = read_rows(whole / "tables/hyper_parameters_tried.jsonl")
    assert [row["arm"] for row in tried] == [arm for arm in ARMS for _ in range(2)]
    for arm in ARMS:
        assert [row["chosen"] for row in tried if row["arm"] == arm].count("yes") == 1
    times = {row["stage"]: row for row in read_rows(whole / "tables/stage_times.jsonl")}
    assert {stage: row["runs"] for stage, row in times.items()} == {
        "detect": 1, "mask": 1, "synthesize": 2, "train-dpo": 6, "tune": 4, "eval": 10, "detect-trained": 2, "compare": 3, "all": 29
    }  # fmt: skip
    page = (whole / "report/report.html").read_text()
    for text in ["Concentration and gain", "Hyper parameters tried", "Stage times", "Change of the mean score", "mean of 2 runs", "Gini"]:
        assert text in page
    # The plan comes first, and what is left out is said.
    assert stdout.index("about 0 minutes left besides the stages with ?") < stdout.index("samples")
    for notice in ["!! the arm win-lose is skipped: [synthesize] has no judge-endpoint", "!! the evaluation qa is skipped: none.jsonl",
                   "!! none.jsonl is not there: prompts are those of"]:  # fmt: skip
        assert notice in stderr
    # Afterwards everything is planned as done.
    planned, _ = reproduce(whole, "--plan")
    done = {words[0]: words[1:3] for words in map(str.split, planned.splitlines()) if words and words[0] in times}
    assert done == {stage: [str(row["runs"])] * 2 for stage, row in times.items() if stage not in ("mask", "compare", "all", "eval")} | {
        "eval": ["5", "5"]
    }


def test_mistakes(reproduce, config, tmp_path):
    def error(*flags):
        stdout, stderr = reproduce(tmp_path / "out", *flags, code=2)
        assert stdout == "" and stderr.count("\n") == 1 and not (tmp_path / "out").exists()
        return stderr

    assert 'unknown arm "masked"; expected retrieval-masked' in error("--arms", "masked")
    assert "--seeds is 0, expected at least 1" in error("--seeds", 0)
    assert "no arm is left" in error("--arms", "win-lose")
    assert "unknown argument --seed;" in error("--seed", 1)
    assert "--arms needs a value" in error("--arms")
    assert "none.toml cannot be read" in error("--config", "none.toml")
    for old, new, message in [
        ("seeds = 2", "seed = 2", 'unknown key "seed" in [script]'),
        ("tune =", "# tune =", "several learning-rates need tune"),
        ("prompts.jsonl", "none.jsonl", "there are no prompts"),
        ("arms =", 'launcher = "pbs"\narms =', 'launcher is "pbs", expected local or slurm'),
    ]:
        text = config.read_text()
        config.write_text(text.replace(old, new))
        assert message in error()
        config.write_text(text)
