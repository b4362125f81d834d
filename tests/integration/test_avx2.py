"""Processors without AVX-512 and AMX, emulated by QEMU: every command gives the results that it gives on this machine.

An AVX-512 or AMX instruction would end the emulated program: QEMU's processors here do not have them.
"""

import re
import shutil
import subprocess

import pytest

from conftest import Retmask
from helpers import read_rows, run_record, write_rows
from synthesize_runs import prompts  # noqa: F401 (fixture)
from test_detect import HAYSTACK, tiny_needles

AVX2 = "Haswell-v4"  # with AVX2 and FMA; selects the clones arch=x86-64-v3 (src/kernels/simd.h)
SSE = "Nehalem"  # without AVX; selects the clones "default"
COMMON = ["--device", "cpu", "--threads", 1, "--quiet"]

# QEMU 7.2 reads 16 bytes for the 4 of a scalar fused multiply-add (vfmadd231ss) and so runs into the page behind an array.
READ_TOO_FAR_BY_QEMU = [
    "AdamW.OneStepEqualsTheFormula",
    "RowsTest/0.RotateTurnsThePairsOfHalves",
    "SequenceAttentionTest/0.IsTheFormulaAtAnyHeadDim",
]
# QEMU emulates fused multiply-adds in software: these would take two minutes. The others run the same code on fewer sizes.
SLOW_WITH_FMA = [
    "AttentionTiles.EmulatedAmx",
    "AttentionTiles.ChoosesOneOfThem",
    "MatmulTest/BFloat16*.EqualsPlainLoops",
    "*.ARowDoesNotDependOnTheOthers",
    "*.ResultsDoNotDependOnTheOtherTokens",
    "*.IsTheFormulaAtAnyLength",
]


@pytest.fixture(scope="module")
def emulate(tmp_path_factory):
    """Returns `make(program, processor)`, which writes a program that runs `program` on that processor."""
    qemu = shutil.which("qemu-x86_64")
    if qemu is None:
        pytest.skip("qemu-x86_64 is not installed (Debian's qemu-user; scripts/setup.sh --tests)")
    folder = tmp_path_factory.mktemp("emulated")

    def make(program, processor):
        script = folder / f"{program.name}-{processor}"
        script.write_text(f'#!/bin/sh\nexec "{qemu}" -cpu {processor} "{program}" "$@"\n')
        script.chmod(0o755)
        return script

    return make


@pytest.fixture
def both(retmask, emulate, tmp_path):
    """Runs a command here and on an AVX2 processor; returns both output folders."""

    def run(*arguments, processor=AVX2):
        retmask(*arguments, "--out", tmp_path / "here")
        Retmask(emulate(retmask.binary, processor))(*arguments, "--out", tmp_path / "emulated")
        return tmp_path / "here", tmp_path / "emulated"

    return run


@pytest.fixture
def one_needle(tmp_path):
    """Flags of a needle of which the tiny Llama copies a word."""
    write_rows(tmp_path / "needles.jsonl", tiny_needles()[:1])
    (tmp_path / "hay").mkdir()
    (tmp_path / "hay/text.txt").write_text(HAYSTACK * 8)
    return ["--needles", tmp_path / "needles.jsonl", "--haystack", tmp_path / "hay"]


@pytest.fixture
def text_rows(tmp_path):
    texts = ["The boat left the harbour in the morning, and nobody minded the rain.", "Later the wind came round. " * 4]
    return write_rows(tmp_path / "rows.jsonl", [{"text": text} for text in texts])


def test_detect(both, tiny_llama, one_needle):
    small = ["--lengths", 140, "--depths", 2, "--max-new-tokens", 20, "--dtype", "float32"]
    here, there = (
        read_rows(out / "samples.jsonl") for out in both("detect", "--model", tiny_llama, *one_needle, *small, *COMMON)
    )
    assert len(here) == len(there) == 2 and any(row["scores"] for row in here)
    for mine, theirs in zip(here, there):
        assert theirs["answer"] == mine["answer"]
        assert theirs["scores"] == pytest.approx(mine["scores"], abs=1e-6)


def test_mask(both, tiny_llama):
    here, there = both("mask", "--model", tiny_llama, "--heads", "0-1,3-2", *COMMON)
    for name in ("mask.json", "model.safetensors"):
        assert (there / name).read_bytes() == (here / name).read_bytes(), name


def test_synthesize(both, tiny_llama, prompts, tmp_path):  # noqa: F811
    heads = tmp_path / "heads.json"
    heads.write_text('{"heads": [[0, 1], [3, 2]]}')
    small = ["--limit", 4, "--max-new-tokens", 12, "--temperature", 0, "--dtype", "float32"]
    flags = ["--model", tiny_llama, "--prompts", prompts, "--mask", heads, *small]
    here, there = (read_rows(out / "pairs.jsonl") for out in both("synthesize", *flags, *COMMON))
    assert len(here) == len(there) > 0
    for mine, theirs in zip(here, there):
        for answer in ("chosen", "rejected"):
            assert theirs[answer] == mine[answer]
            assert theirs["meta"][answer]["mean_logprob"] == pytest.approx(mine["meta"][answer]["mean_logprob"], abs=1e-4)


@pytest.mark.parametrize(("dtype", "processor"), [("bfloat16", AVX2), ("float32", SSE)])
def test_train_dpo(both, tiny_llama, tmp_path, dtype, processor):
    texts = [("a?", "b.", "c, d."), ("e?", "f, g.", "h.")]
    rows = [{"prompt": prompt, "chosen": chosen, "rejected": rejected} for prompt, chosen, rejected in texts]
    for row in rows:
        for name, role in [("prompt", "user"), ("chosen", "assistant"), ("rejected", "assistant")]:
            row[name] = [{"role": role, "content": row[name]}]
    small = ["--global-batch-size", 2, "--max-steps", 2, "--warmup-ratio", 0, "--learning-rate", 1e-4, "--dtype", dtype]
    flags = ["--model", tiny_llama, "--pairs", write_rows(tmp_path / "pairs.jsonl", rows), *small]
    here, there = (
        read_rows(out / "metrics.jsonl") for out in both("train-dpo", *flags, *COMMON, processor=processor)
    )
    assert len(here) == len(there) == 2 and here[1]["loss"] < here[0]["loss"] - 0.01
    for mine, theirs in zip(here, there):
        assert theirs["loss"] == pytest.approx(mine["loss"], rel=1e-3)
        assert theirs["grad_norm"] == pytest.approx(mine["grad_norm"], rel=1e-3)


def test_eval_niah(both, tiny_llama, one_needle):
    small = ["--suite", "niah", "--lengths", 140, "--depths", 1, "--max-new-tokens", 12, "--dtype", "float32"]
    here, there = (read_rows(out / "predictions.jsonl") for out in both("eval", "--model", tiny_llama, *one_needle, *small, *COMMON))
    assert len(here) == 1 and there == here


def assert_logprobs_agree(folders, absolute):
    assert all(run_record(folder)["compute"] == "cpu: own kernels" for folder in folders)
    here, there = (read_rows(folder / "predictions.jsonl") for folder in folders)
    for mine, theirs in zip(here, there, strict=True):
        assert theirs["tokens"] == mine["tokens"]
        assert theirs["logprobs"][1:] == pytest.approx(mine["logprobs"][1:], abs=absolute)


@pytest.mark.parametrize(
    ("dtype", "processor", "absolute"), [("float32", AVX2, 1e-4), ("bfloat16", AVX2, 0.1), ("float32", SSE, 1e-4)]
)
def test_eval_logprob(both, tiny_llama, text_rows, dtype, processor, absolute):
    flags = ["--model", tiny_llama, "--suite", "logprob", "--data", text_rows, "--dtype", dtype]
    assert_logprobs_agree(both("eval", *flags, *COMMON, processor=processor), absolute)


def test_report(retmask, both, tiny_llama, tmp_path):
    retmask("mask", "--model", tiny_llama, "--heads", "0-1", "--out", tmp_path / "masked", *COMMON)
    here, there = both("report", "--runs", tmp_path / "masked", *COMMON)
    assert (there / "report.html").read_text() == (here / "report.html").read_text()


@pytest.mark.parametrize(("processor", "left_out"), [(AVX2, READ_TOO_FAR_BY_QEMU + SLOW_WITH_FMA), (SSE, [])])
def test_kernels(retmask, emulate, processor, left_out):
    """The unit tests of the kernels: the code for AVX2 and for SSE that this machine does not select."""
    program = emulate(retmask.binary.parent / "tests/kernels_test", processor)
    command = [program, f"--gtest_filter=-{':'.join(left_out)}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:]
    assert int(re.search(r"\[  PASSED  \] (\d+) tests", done.stdout)[1]) > 25
    assert "no AVX-512" in done.stdout, "the tests of AVX-512 skip"
