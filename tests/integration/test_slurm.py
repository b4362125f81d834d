"""scripts/slurm/ on a real one-node SLURM cluster, started for these tests (see slurm_cluster.py)."""

import json
import re
import subprocess
import time
from types import SimpleNamespace

import pytest

from conftest import ROOT
from helpers import count_lines, read_rows, run_record, write_rows
from slurm_cluster import CannotStart, SlurmCluster
from synthesize_runs import final_bytes
from synthesize_runs import mask, prompts, synthesize  # noqa: F401: fixtures
from test_reproduce import CONFIG
from test_train import PAIRS, without_timing

# The scripts request GPUs, which this cluster does not have.
CPU_TRAINING = ["--gpus-per-node=0", "--cpus-per-task=1"]
CPU_SYNTHESIS = ["--gpus-per-task=0", "--cpus-per-task=1"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    try:
        cluster = SlurmCluster(tmp_path_factory.mktemp("slurm"))
    except CannotStart as reason:
        pytest.skip(f"SLURM cannot be started here: {reason}")
    yield cluster
    cluster.stop()


def wait_until(is_time, slurm, job_id, log, seconds=120):
    """Also skips the two-minute delay of requeued jobs, except for the two seconds in which slurmd would confuse the job with the
    one that has just ended."""
    deadline = time.monotonic() + seconds
    waiting_since = None
    while not is_time():
        facts = slurm.job(job_id)
        assert time.monotonic() < deadline, f"{facts}\n{log()}"
        assert facts["JobState"] not in ("FAILED", "TIMEOUT", "NODE_FAIL"), f"{facts}\n{log()}"
        if facts["JobState"] != "PENDING":
            waiting_since = None
        elif waiting_since is None:
            waiting_since = time.monotonic()
        elif time.monotonic() - waiting_since > 2:
            slurm.run("scontrol", "update", f"JobId={job_id}", "StartTime=now", check=False)
        time.sleep(0.1)


class Job:
    """Submits a job script from the project's folder."""

    def __init__(self, slurm, script, *flags, log, **environment):
        self.slurm = slurm
        self.log = log
        command = ["sbatch", "--parsable", f"--output={log}", *flags, f"scripts/slurm/{script}.sh"]
        self.id = slurm.run(*command, cwd=ROOT, environment={k: str(v) for k, v in environment.items()}).stdout.strip()

    def facts(self):
        return self.slurm.job(self.id)

    def wait_until(self, is_time):
        wait_until(is_time, self.slurm, self.id, self.log_text)

    def wait_until_done(self):
        self.wait_until(lambda: self.facts()["JobState"] == "COMPLETED")

    def restarts(self):
        return int(self.facts()["Restarts"])

    def log_text(self):
        return self.log.read_text() if self.log.exists() else ""


def training_job(slurm, retmask, model, out, *flags, tasks, steps):
    training = f"--max-steps {steps} --global-batch-size 4 --micro-batch-tokens 300 --save-every 0 --learning-rate 1e-3 "
    training += "--min-learning-rate 1e-4 --dtype float32 --device cpu"
    return Job(slurm, "train", *CPU_TRAINING, f"--ntasks-per-node={tasks}", *flags, log=out.with_suffix(".log"),
               RETMASK=retmask.binary, MODEL=model, PAIRS=PAIRS, OUT=out, FLAGS=training)  # fmt: skip


@pytest.mark.parametrize("tasks", [1, 2])
def test_training_goes_on_behind_preemptions(slurm, retmask, tiny_llama, tmp_path, tasks):
    """First the program is warned and the script requeues the job, then SLURM preempts the job itself."""
    calm = training_job(slurm, retmask, tiny_llama, tmp_path / "calm", tasks=tasks, steps=120)
    calm.wait_until_done()
    out = tmp_path / "out"
    job = training_job(slurm, retmask, tiny_llama, out, tasks=tasks, steps=120)
    metrics = out / "metrics.jsonl"

    job.wait_until(lambda: count_lines(metrics) >= 5)
    slurm.run("scancel", "--signal=USR1", job.id)
    job.wait_until(lambda: job.restarts() == 1)
    warned = count_lines(metrics)
    assert 5 <= warned < 120
    assert "stopped by SIGUSR1 after step" in job.log_text() and "requeueing the job" in job.log_text()
    assert [path.name for path in (out / "checkpoints").iterdir()] == [f"step-{warned}"]

    job.wait_until(lambda: count_lines(metrics) >= warned + 5)
    slurm.run("scontrol", "requeue", job.id)
    job.wait_until(lambda: job.restarts() == 2 and job.facts()["JobState"] == "RUNNING")
    job.wait_until_done()
    assert job.restarts() == 2
    assert "stopped by SIGTERM after step" in job.log_text()
    assert without_timing(read_rows(metrics)) == without_timing(read_rows(tmp_path / "calm/metrics.jsonl"))
    assert (out / "model.safetensors").read_bytes() == (tmp_path / "calm/model.safetensors").read_bytes()


def test_a_time_limit_requeues_and_a_cancelled_job_stays_away(slurm, retmask, tiny_llama, tmp_path):
    """The warning comes from --signal; the run would not end otherwise. Every 30 seconds SLURM checks what is due in the next 30:
    with a limit of a minute and 20 seconds' warning that is 10 to 40 seconds after the start."""
    out = tmp_path / "out"
    job = training_job(slurm, retmask, tiny_llama, out, "--time=1", "--signal=USR1@20", tasks=1, steps=10**6)
    job.wait_until(lambda: job.restarts() == 1)
    saved = count_lines(out / "metrics.jsonl")
    assert "stopped by SIGUSR1 after step" in job.log_text()
    job.wait_until(lambda: count_lines(out / "metrics.jsonl") > saved)
    slurm.run("scancel", job.id)
    job.wait_until(lambda: job.facts()["JobState"] == "CANCELLED" and "stopped by SIGTERM" in job.log_text())
    assert job.restarts() == 1
    assert run_record(out)["status"] == "stopped"


def test_a_warning_before_the_program_listens_requeues(slurm, retmask, tiny_llama, tmp_path):
    """The signal sent by --signal kills the program while it is being loaded."""
    early = tmp_path / "retmask"
    early.write_text(f'#!/bin/sh\n[ $SLURM_RESTART_COUNT ] || kill -USR1 $$\nexec {retmask.binary} "$@"\n')
    early.chmod(0o755)
    job = training_job(slurm, SimpleNamespace(binary=early), tiny_llama, tmp_path / "out", tasks=2, steps=4)
    job.wait_until_done()
    assert job.restarts() == 1
    assert "signalled before it had started" in job.log_text()
    assert count_lines(tmp_path / "out/metrics.jsonl") == 4


def test_a_job_that_gets_nowhere_is_given_up(slurm, retmask, tiny_llama, tmp_path):
    out = tmp_path / "out"
    job = training_job(slurm, retmask, tiny_llama, out, "--export=ALL,MAX_RESTARTS=0", tasks=1, steps=10**6)
    job.wait_until(lambda: count_lines(out / "metrics.jsonl") >= 1)
    slurm.run("scancel", "--signal=USR1", job.id)
    with pytest.raises(AssertionError, match="FAILED"):
        job.wait_until_done()
    assert "MAX_RESTARTS is 0: not requeued" in job.log_text()


def test_a_missing_variable_ends_the_job_with_its_name(slurm, retmask, tmp_path):
    job = Job(slurm, "train", *CPU_TRAINING, "--ntasks-per-node=1", log=tmp_path / "log", RETMASK=retmask.binary, MODEL="m")
    with pytest.raises(AssertionError, match="FAILED"):
        job.wait_until_done()
    assert "set PAIRS" in job.log_text()


def test_the_experiment_runs_as_jobs(slurm, retmask, tiny_llama, tmp_path):
    """scripts/reproduce.sh with launcher = "slurm"; started again, it submits nothing."""
    prompts = write_rows(tmp_path / "prompts.jsonl", [{"prompt": f"Say something about number {number}."} for number in range(8)])
    cpu = f"--cpus-per-task=1 --output={tmp_path}/%x-%A.log"
    script = f'launcher = "slurm"\nworkers = 2\nsbatch-workers = "--gpus-per-task=0 {cpu}"\n'
    script += f'sbatch-train = "--gpus-per-node=0 --ntasks-per-node=2 {cpu}"\nlearning-rates = ["1e-3"]\n'
    config = tmp_path / "reproduce.toml"
    text = CONFIG.format(model=tiny_llama, prompts=prompts).replace('learning-rates = ["1e-3", "1e-5"]', script)
    config.write_text("".join(line + "\n" for line in text.splitlines() if not line.startswith("eval-niah")))
    command = [ROOT / "scripts/reproduce.sh", tmp_path / "out", "--config", config, "--seeds", "1", "--arms", "retrieval-masked"]

    def reproduce():
        environment = slurm.environment | {"RETMASK": str(retmask.binary), "LOGS": str(tmp_path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        logs = "".join(log.read_text() for log in sorted(tmp_path.glob("*.log")))
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
        return done.stdout

    # detect (before and after training), synthesize, and eval of two models as arrays; the training as a job of its own.
    assert reproduce().count("merge: ") == 5
    comparison = json.loads((tmp_path / "out/compare/from-base/compare.json").read_text())
    assert comparison["names"] == ["base", "retrieval-masked"] and comparison["rows"][0]["difference"] != [0]
    assert (tmp_path / "out/report/report.html").exists()
    assert "merge: " not in reproduce()


def test_an_array_with_its_merge_equals_one_run(slurm, retmask, tiny_llama, prompts, mask, synthesize, tmp_path):  # noqa: F811
    """submit_synthesis.sh; the workers are warned in between and resume by themselves."""
    calm, out = tmp_path / "calm", tmp_path / "out"
    # Several seconds of work each, so that the warning comes before the end.
    synthesize(calm, samples=100, batch_size=2)
    flags = "--device cpu --dtype float32 --seed 7 --max-new-tokens 40 --samples 100 --batch-size 2"
    variables = dict(RETMASK=retmask.binary, MODEL=tiny_llama, PROMPTS=prompts, MASK=mask, OUT=out, FLAGS=flags)
    done = slurm.run(ROOT / "scripts/slurm/submit_synthesis.sh", 2, *CPU_SYNTHESIS, cwd=tmp_path,
                     environment={name: str(value) for name, value in variables.items()} | {"LOGS": str(tmp_path)})  # fmt: skip
    workers, merge = re.fullmatch(r"workers: (\d+), merge: (\d+)\n", done.stdout).groups()

    def logs():
        return "".join(log.read_text() for log in sorted(tmp_path.glob("*.log")))

    # Either may start seconds before the other.
    waiting = {0, 1}

    def all_are_warned():
        for i in [i for i in waiting if count_lines(out / f"shard-{i}-of-2/answers.jsonl") > 10]:
            slurm.run("scancel", "--signal=USR1", f"{workers}_{i}")
            waiting.remove(i)
        return not waiting

    wait_until(all_are_warned, slurm, workers, logs)
    wait_until(lambda: slurm.job(merge)["JobState"] == "COMPLETED", slurm, workers, logs)
    assert logs().count("requeueing the job") == 2, "both were in the middle of it"
    assert "forcing job termination" not in logs(), "a requeued task took another one with it"
    assert final_bytes(out) == final_bytes(calm)
