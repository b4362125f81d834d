"""Command line: help, flags, config files, run.json, exit codes and the report's pages."""

import json
import os
import re
import resource
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from helpers import error_line, run_record, write_rows


COMMANDS = ["detect", "mask", "synthesize", "train-dpo", "eval", "report"]
COMMON_FLAGS = ["--config", "--out", "--device", "--dtype", "--seed", "--threads", "--quiet"]


@pytest.fixture
def run_folder(tmp_path):
    """Folder of a finished mask run, the smallest input of a report."""
    folder = tmp_path / "mask-run"
    folder.mkdir()
    record = {"command": "mask", "status": "done", "seconds": 1.0, "options": {"top-k": 1}}
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "mask.json").write_text(json.dumps({"heads": [[0, 1]], "select": "retrieval", "mean_scores": [0.5]}))
    return folder


def test_version(retmask):
    assert re.fullmatch(r"retmask \d+\.\d+\.\d+ \(\w+\)\n", retmask("--version").stdout)


def test_help_lists_the_commands(retmask):
    listed = retmask("--help").stdout
    assert [c for c in COMMANDS if re.search(rf"^  {c} ", listed, re.M)] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_shows_flags_and_defaults(retmask, command):
    text = retmask(command, "--help").stdout
    for flag in COMMON_FLAGS:
        assert flag in text
    assert "--dtype TEXT=auto" in text
    assert text.rstrip("\n").splitlines()[-1].startswith(f"  retmask {command} --"), "the help ends with an example"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no command given; known: detect, mask,"),
        (["detct"], "unknown command detct; did you mean detect?"),
        (["--detect"], "unknown flag --detect"),
        (["--seed", "7", "report", "--runs", "r"], '"--seed 7" comes before the command'),
        (["--bogus", "report"], "flags come after it: retmask report --bogus ..."),
        (["stray", "report"], '"stray" comes before the command'),
        (["train"], "unknown command train; did you mean train-dpo?"),
        (["generate"], "unknown command generate; did you mean synthesize?"),
        (["synthesize", "--max_tokens", "5"], "unknown flag --max_tokens for synthesize; did you mean --max-new-tokens?"),
        (["train-dpo", "--lr=1e-6"], "unknown flag --lr for train-dpo; did you mean --learning-rate?"),
        (["detect", "--max-length", "8q"], '"8q", expected a whole number such as 4096 or 4k'),
        (["report", "--rnus", "x"], "unknown flag --rnus for report; did you mean --runs?"),
        (["report", "--temperature=1"], "unknown flag --temperature for report; see retmask report --help"),
        (["report", "stray"], 'unexpected argument "stray" for report'),
        (["report", "--out"], "--out"),
        (["report", "--out", "a", "--out", "b"], "--out"),
        (["report", "--out", "o"], "--runs is required"),
        (["report", "--runs", "r"], "--out is required"),
        (["report", "--runs", "r", "--out", "o", "--threads", "two"], "--threads"),
        (["report", "--runs", "r", "--out", "o", "--threads", "0"], "--threads is 0, expected at least 1"),
        (["report", "--runs", "r", "--out", "o", "--seed", "-1"], "--seed is -1, expected a number of at least 0"),
        (["report", "--runs", "r", "--out", "o", "--device", "tpu"], '--device is "tpu", expected one of: cpu, cuda, auto'),
        (["report", "--runs", "r", "--out", "o", "--config", "none.toml"], 'config file "none.toml" does not exist'),
    ],
)
def test_mistakes_on_the_command_line(retmask, tmp_path, arguments, message):
    assert message in error_line(retmask(*arguments, code=2, cwd=tmp_path))


def test_config_file_gives_flags_and_the_command_line_wins(retmask, tmp_path, run_folder):
    config = tmp_path / "run.toml"
    config.write_text(f'out = "{tmp_path}/from-file"\nthreads = 1\n[report]\nruns = ["{run_folder}"]\nseed = 7\n')
    retmask("report", "--config", config, "--out", tmp_path / "from-flag")
    options = run_record(tmp_path / "from-flag")["options"]
    assert options["seed"] == 7
    assert options["threads"] == 1
    assert options["runs"] == [str(run_folder)]
    assert not (tmp_path / "from-file").exists()


# Each: config file, command line, resulting options.
OVERRIDDEN = [
    ("mask", "threshold = 0.1", ["--top-k", 5], {"threshold": None, "top-k": 5}),
    ("mask", "top-k = 20", ["--heads", "0-1"], {"top-k": None, "heads": ["0-1"]}),
    ("detect", "lengths = [512]", ["--max-length", "2k"], {"lengths": [], "max-length": 2048}),
    ("detect", "min-length = 9", ["--lengths", "1k,600"], {"min-length": 250, "lengths": [1024, 600]}),
    ("eval", 'suite = "niah"\nmask = "m.json"', ["--heads", "1-1"], {"mask": "", "heads": ["1-1"]}),
    ("synthesize", 'mask = "m.json"', ["--rejected-model", "r"], {"mask": "", "rejected-model": "r"}),
    ("synthesize", 'scores = "s.json"\nmask-threshold = 0.1', ["--mask-top-k", 5], {"mask-threshold": None, "scores": "s.json"}),
    ("synthesize", 'strategy = "rejected-model"\nrejected-model = "r"', ["--mask", "m"], {"strategy": "auto", "rejected-model": ""}),
    ("synthesize", 'mask = "m.json"', ["--strategy", "sft"], {"mask": "", "strategy": "sft"}),
    ("train-dpo", "max-steps = 100", ["--epochs", 3], {"max-steps": 0, "epochs": 3}),
    ("train-dpo", "reference-truncation = true", ["--max-length", 99], {"reference-truncation": False, "max-length": 99}),
]


@pytest.mark.parametrize(("command", "text", "flags", "left"), OVERRIDDEN)
def test_the_command_line_overrides_alternatives_in_the_config_file(retmask, tmp_path, command, text, flags, left):
    """The run fails because there is no model, but run.json already has its options."""
    (tmp_path / "run.toml").write_text(text)
    inputs = {"mask": [] if "heads" in left else ["--scores", "s.json"], "detect": [], "eval": [],
              "synthesize": ["--prompts", "p.jsonl"], "train-dpo": ["--pairs", "p.jsonl"]}
    done = retmask(command, "--model", "none", *inputs[command], *flags, "--config", "run.toml", "--out", "o", code=2, cwd=tmp_path)
    record = tmp_path / "o/run.json"
    assert record.is_file(), done.stderr
    options = run_record(tmp_path / "o")["options"]
    assert {name: options[name] or None for name in left} == {name: value or None for name, value in left.items()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeed = 1", ':1: unknown key "seeed" for the command report; did you mean seed?'),
        ("\n[maks]\ntop-k = 1", ":3: unknown section [maks]; did you mean mask?"),
        ("[mask]\ntopk = 1", ':2: unknown key "topk" for the command mask; did you mean top-k?'),
        ('threads = "two"', ':1: "threads" takes a number'),
        ("seed = [1]", ':1: "seed" takes one value'),
        ("quiet = 1", ':1: "quiet" takes true or false'),
        ("seed = 1\nseed = 2", ':2: "seed" is given twice'),
        ("seed: 1", ':1: expected = after "seed"'),
    ],
)
def test_mistakes_in_the_config_file(retmask, tmp_path, run_folder, text, message):
    config = tmp_path / "run.toml"
    config.write_text(text)
    done = retmask("report", "--runs", run_folder, "--out", tmp_path / "o", "--config", config, code=2)
    assert error_line(done).startswith(str(config) + message)


def test_the_section_of_scripts_is_theirs(retmask, tmp_path, run_folder):
    (tmp_path / "run.toml").write_text('quiet = true\n[script]\narms = ["sft"]\nany-key = 1\n')
    retmask("report", "--runs", run_folder, "--out", tmp_path / "o", "--config", tmp_path / "run.toml")
    assert run_record(tmp_path / "o")["options"]["quiet"] is True


def test_tables_in_a_report(retmask, tmp_path, run_folder):
    table = tmp_path / "stage_times.jsonl"
    write_rows(table, [{"stage": "detect", "minutes": 1.5}, {"stage": "<eval>"}])
    retmask("report", "--runs", run_folder, "--tables", table, "--out", tmp_path / "o")
    page = (tmp_path / "o/report.html").read_text()
    assert "Stage times" in page and "minutes" in page and "1.5" in page and "&lt;eval&gt;" in page
    for text, message in (("", "is empty"), ("[1]\n", "stage_times.jsonl:1: expected an object")):
        table.write_text(text)
        done = retmask("report", "--runs", run_folder, "--tables", table, "--out", tmp_path / "o", code=2)
        assert message in error_line(done).replace('"', "")


def test_reports_among_the_runs_are_passed_over(retmask, tmp_path, run_folder):
    retmask("report", "--runs", run_folder, "--out", tmp_path / "report")
    done = retmask("report", "--runs", tmp_path / "report", run_folder, "--out", tmp_path / "report")
    assert "is a report itself" in done.stderr
    assert "is a report itself" in retmask("report", "--runs", tmp_path / "report", "--out", tmp_path / "o", code=2).stderr


def test_run_json_says_what_was_done(retmask, tmp_path, run_folder):
    retmask("report", "--runs", run_folder, "--out", tmp_path / "o")
    record = run_record(tmp_path / "o")
    assert record["command"] == "report"
    assert record["status"] == "done"
    assert record["seconds"] > 0
    assert record["options"]["runs"] == [str(run_folder)]
    assert set(record) >= {"version", "git", "started", "finished", "device", "threads", "inputs", "throughput"}


def test_a_failed_run_is_recorded_and_its_empty_folder_can_be_used_again(retmask, tmp_path, run_folder):
    out = tmp_path / "o"
    retmask("report", "--runs", tmp_path / "none", "--out", out, code=2)
    assert run_record(out)["status"] == "failed"
    retmask("report", "--runs", run_folder, "--out", out, "--seed", "5")


def test_a_folder_with_other_results_is_refused(retmask, tmp_path, run_folder):
    out = tmp_path / "o"
    retmask("report", "--runs", run_folder, "--out", out)
    retmask("report", "--runs", run_folder, "--out", out, "--threads", "1", "--quiet")
    assert "seed 0 -> 1" in error_line(retmask("report", "--runs", run_folder, "--out", out, "--seed", "1", code=2))
    done = retmask("report", "--runs", run_folder, "--out", run_folder, code=2)
    assert "holds the results of retmask mask, not of report" in error_line(done)


def test_a_folder_may_have_the_name_of_a_command(retmask, tmp_path, run_folder):
    run_folder.rename(tmp_path / "mask")
    retmask("report", "--runs", "mask", "--out", "o", cwd=tmp_path)


def test_a_closed_stdout_is_no_crash(retmask, tmp_path, run_folder):
    for arguments in (["--help"], ["report", "--runs", run_folder, "--out", tmp_path / "o"]):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([retmask.binary, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, "")


def limit_memory(mebibytes):
    limit = mebibytes << 20
    return lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def test_what_is_not_the_users_mistake_has_exit_code_1(retmask, tmp_path, demo_model):
    """Enough memory to start, but not for 540 MB of weights."""
    low, high = 0, 8192
    while high - low > 32:
        middle = (low + high) // 2
        starts = retmask("--version", code=None, preexec_fn=limit_memory(middle)).returncode == 0
        low, high = (low, middle) if starts else (middle, high)
    done = retmask("detect", "--model", demo_model, "--dtype", "float32", "--lengths", "512", "--out", tmp_path / "o",
                   code=1, preexec_fn=limit_memory(high + 200))
    assert done.stderr.splitlines()[-1].startswith("retmask: error: ")
    assert run_record(tmp_path / "o")["status"] == "failed"


def test_the_report_is_one_well_formed_file(retmask, tmp_path, run_folder):
    spec = {"heads": [[0, 1]], "select": "<i>&\"' \u00e9\u0007", "mean_scores": []}
    (run_folder / "mask.json").write_text(json.dumps(spec))
    evaluation = tmp_path / "a & <b>"
    evaluation.mkdir()
    (evaluation / "run.json").write_text(json.dumps({"command": "eval", "options": {"suite": "niah"}}))
    cell = {"length": 512, "depth_fraction": 0.5, "success": True}
    (evaluation / "results.json").write_text(json.dumps({"success": 1, "total": 1, "rate": 1, "cells": [cell]}))
    done = retmask("report", "--runs", run_folder, evaluation, "--out", tmp_path / "o")
    page = (tmp_path / "o/report.html").read_text()
    assert done.stdout == f"report: {tmp_path}/o/report.html\n"

    root = ElementTree.fromstring(page.removeprefix("<!doctype html>\n"))
    text = "".join(root.itertext())
    assert "<i>&\"' \u00e9\ufffd" in text
    assert "a & <b>" in text
    assert len(root.findall(".//svg")) == 2
    assert not re.search(r'(src|href)=|url\(|@import', page)
