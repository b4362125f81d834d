"""Multiple workers of retmask synthesize: --shard, SLURM's variables and --merge."""

import json
import shutil

import pytest

from chat_server import ChatServer, sampled_text
from helpers import expect_one_line, read_rows, run_record
from synthesize_runs import Synthesize, final_bytes, summary_of, texts
from synthesize_runs import mask, prompts, synthesize  # noqa: F401: fixtures

WORKERS = 3


def part(out, shard, workers=WORKERS):
    return out / f"shard-{shard}-of-{workers}"


@pytest.fixture
def parts(synthesize, tmp_path):
    """The --out of three finished workers."""
    out = tmp_path / "parts"
    for shard in range(WORKERS):
        synthesize(out, shard=f"{shard}/{WORKERS}", samples=2)
    return out


def test_shards_make_up_the_whole(synthesize, parts, tmp_path):
    synthesize(tmp_path / "whole", samples=2)
    joined = {}
    for shard in range(WORKERS):
        answers = texts(part(parts, shard), "rejected")
        assert not joined.keys() & answers.keys()
        joined |= answers
    assert joined == texts(tmp_path / "whole", "rejected")
    run = run_record(part(parts, 1))
    assert run["options"]["shard"] == "1/3"
    left_out = summary_of(part(parts, 1))["prompts"]["left_out_by_reason"]
    assert left_out["other_shard"] == 7


def test_merged_files_are_those_of_a_single_worker(synthesize, parts, tmp_path):
    synthesize(tmp_path / "whole", samples=2)
    merged = synthesize.merge(parts)
    assert "pairs:" in merged.stdout and str(parts / "pairs.jsonl") in merged.stdout
    assert final_bytes(parts) == final_bytes(tmp_path / "whole")
    run = run_record(parts)
    assert run["status"] == "done" and run["options"]["merge"] is True and run["options"]["samples"] == 2
    assert run["inputs"] == run_record(tmp_path / "whole")["inputs"]
    before = final_bytes(parts)
    synthesize.merge(parts)
    assert final_bytes(parts) == before


def test_merge_with_a_choice_of_prompts_and_pairs(synthesize, prompts, tmp_path):
    """Also with the workers' flags repeated, and with other pair filters."""
    lines = prompts.read_text().splitlines(keepends=True)
    prompts.write_text("".join(lines + [line.replace('"id": "p', '"id": "again') for line in lines]))
    flags = dict(deduplicate=True, sample=8, skip=1, limit=6, max_new_tokens=120)
    synthesize(tmp_path / "whole", **flags)
    for shard in range(4):
        synthesize(tmp_path / "parts", shard=f"{shard}/4", **flags)
    synthesize(tmp_path / "parts", merge=True, **flags)
    assert final_bytes(tmp_path / "parts") == final_bytes(tmp_path / "whole")
    assert summary_of(tmp_path / "parts")["prompts"]["answered"] == 6
    synthesize(tmp_path / "whole", drop_unfinished=True, **flags)
    synthesize.merge(tmp_path / "parts", drop_unfinished=True)
    assert final_bytes(tmp_path / "parts") == final_bytes(tmp_path / "whole")


def test_merge_of_a_judged_run_asks_no_judge(retmask, prompts, tmp_path):
    """Each worker judges its own answers; merging reuses the verdicts with both servers stopped."""

    def reply(request):
        if request["model"] != "grader":
            return sampled_text(request)
        text = json.dumps(request["messages"])
        return "no grade" if "salt" in text else f"[[{1 + sum(text.encode()) % 9}]]"

    with ChatServer(reply).running() as server:
        synthesize = Synthesize(
            retmask, prompts=prompts, strategy="win-lose", samples=3, seed=7, threads=1, device="cpu", max_new_tokens=40,
            endpoint=server.url, endpoint_model="theta", judge_endpoint=server.url, judge_model="grader",
        )  # fmt: skip
        synthesize(tmp_path / "whole")
        judged = sum(request["model"] == "grader" for request in server.requests)
        for shard in range(2):
            synthesize(tmp_path / "parts", shard=f"{shard}/2")
        asked = len(server.requests)
        assert sum(request["model"] == "grader" for request in server.requests) == 2 * judged > 0
    done = synthesize.merge(tmp_path / "parts", code=0)
    assert len(server.requests) == asked and "pairs:" in done.stdout
    for name in ("chosen.jsonl.gz", "pairs.jsonl", "summary.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    verdicts = summary_of(tmp_path / "parts")["verdicts"]
    assert verdicts["judged"] > 0 and verdicts["unjudged"] > 0


def test_more_workers_than_prompts(synthesize, tmp_path):
    synthesize(tmp_path / "whole", limit=2)
    for shard in range(3):
        synthesize(tmp_path / "parts", shard=f"{shard}/3", limit=2)
    synthesize.merge(tmp_path / "parts")
    assert final_bytes(tmp_path / "parts") == final_bytes(tmp_path / "whole")


def test_parts_that_do_not_fit_are_refused(synthesize, parts, prompts, tmp_path):
    def expect(*said, **flags):
        expect_one_line(synthesize.merge(parts, code=2, **flags), ["--merge", *said])

    expect("--shard", shard="0/3")
    expect_one_line(synthesize.merge(parts, code=2, temperature=0.9), ["--temperature is 0.9", "0.6"])
    journal = part(parts, 1) / "answers.jsonl"
    whole = journal.read_text()
    journal.write_text("".join(whole.splitlines(keepends=True)[:-5]))
    expect("shard-1-of-3", "is missing 5 answers", "--shard 1/3")
    journal.write_text(whole + (part(parts, 0) / "answers.jsonl").read_text().splitlines(keepends=True)[0])
    expect("shard-0-of-3", "shard-1-of-3", "the answer p", "remove")
    journal.write_text(whole)

    shutil.move(part(parts, 2), tmp_path / "aside")
    expect("part 2/3 is missing", "--shard 2/3")
    shutil.copytree(part(parts, 0), part(parts, 2))
    expect("shard-2-of-3", "holds part 0/3", "--shard 2/3")
    shutil.rmtree(part(parts, 2))
    synthesize(parts, shard="2/3", samples=2, seed=8)
    expect("flag seed is 7", "shard-0-of-3", "8 in", "shard-2-of-3")
    shutil.rmtree(part(parts, 2))
    shutil.move(tmp_path / "aside", part(parts, 2))
    before = prompts.read_text()
    prompts.write_text(before + "\n")
    expect("--prompts", "changed")
    prompts.write_text(before)
    synthesize.merge(parts)
    expect_one_line(synthesize.merge(tmp_path / "none", code=2), ["none", "no parts"])


def test_folders_of_other_workers_are_refused(synthesize, parts, tmp_path):
    expect_one_line(synthesize(parts, code=2), ["parts of 3", "--shard i/3", "--merge"])
    expect_one_line(synthesize(parts, code=2, shard="0/2"), ["parts of 3", "part 0/2"])
    synthesize(tmp_path / "whole", limit=1)
    expect_one_line(synthesize(tmp_path / "whole", code=2, limit=1, shard="0/2"), ["single worker", "--out"])


def test_slurm_array(synthesize, parts, tmp_path):
    out = tmp_path / "array"
    for task in (5, 7, 9):
        env = {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in
               dict(ID=task, MIN=5, MAX=9, STEP=2, COUNT=3).items()}
        synthesize(out, samples=2, env=env)
    for shard in range(WORKERS):
        assert final_bytes(part(out, shard)) == final_bytes(part(parts, shard))
        assert run_record(part(out, shard))["options"]["shard"] == f"{shard}/3"


def test_slurm_step(synthesize, tmp_path):
    out = tmp_path / "out"
    step = {"SLURM_STEP_ID": "0", "SLURM_PROCID": "1", "SLURM_NTASKS": "2"}
    arguments = [argument for argument in synthesize.arguments(out, limit=2) if argument != "--quiet"]
    shown = synthesize.retmask(*arguments, env=step)
    assert "part 1/2" in shown.stderr and "SLURM" in shown.stderr
    assert list(texts(part(out, 1, 2), "chosen")) == ["p1"]
    synthesize(out, limit=2, shard="0/2", env=step)
    assert list(texts(part(out, 0, 2), "chosen")) == ["p0"], "--shard wins"


def test_a_batch_script_is_one_worker(synthesize, tmp_path):
    synthesize(tmp_path / "out", limit=2, env={"SLURM_PROCID": "0", "SLURM_NTASKS": "4"})
    assert len(read_rows(tmp_path / "out/chosen.jsonl.gz")) == 2
