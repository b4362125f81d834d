#!/usr/bin/env python3
"""Checks on a GPU, in stages that each end within their time limit: gpu_check.sh has the command lines.

Needs Python and the libraries of the torch wheel 2.11.0 (cu130): those of the folder TORCH_LIB, otherwise the ones that
`import torch` finds. Writes into --out results.jsonl (a line per item: name, status, seconds, command, figures, reason) and
logs.tar.gz, and prints the tables last. Without a GPU the items that need one are skipped and the others run small, on the CPU.
A GPU that is there but cannot be used is a failure. Exit code: 0 if nothing failed or ran out of time, 1 otherwise, 2 for bad
arguments.
"""

import argparse
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/release"
ARCHIVE = ROOT / "build/gpu-check.tar.xz"
MOST_BYTES = 60 << 20
MOST_LOGPROB_DIFFERENCE = 1e-3  # of CPU and CUDA in float32
PROGRAMS = ["retmask", "tests/gpu_test", "tests/gpu_train_test", "bench/generate_bench", "bench/train_bench", "bench/random_checkpoint"]
KERNEL_CHECK = "tests/kernel_check"  # only in builds with CUDA kernels
DATA = ["scripts/gpu_check.sh", "scripts/gpu_check.py", "tests/golden/tiny", "tests/golden/model", "tests/golden/pairs32.jsonl",
        "tests/bench/shapes"]
SYSTEM_LIBRARIES = ("libc.so", "libm.so", "libdl.so", "librt.so", "libpthread.so", "libutil.so", "libgcc_s.so", "libstdc++.so")
STAGE_SECONDS = {"check": 480, "generation": 540, "training": 480}
PUBLISHED = "for comparison, one H100, Llama-3.1-8B, batch 256, 64 + 495 tokens: SGLang 16,215 tokens/s, vLLM 12,553 tokens/s"


class UsageError(Exception):
    pass


def library_path():
    """Value of LD_LIBRARY_PATH: the packed libraries, then libtorch and CUDA."""
    torch_lib = os.environ.get("TORCH_LIB")
    if not torch_lib:
        for python in (ROOT / ".venv/bin/python", "python3"):
            found = None
            if shutil.which(str(python)):
                code = "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
                found = subprocess.run([str(python), "-c", code], capture_output=True, text=True)
            if found and found.returncode == 0:
                torch_lib = found.stdout.strip() + "/lib"
                break
    if not torch_lib or not pathlib.Path(torch_lib, "libtorch_cpu.so").exists():
        raise UsageError(f"no libtorch in {torch_lib or 'python3'}; set TORCH_LIB to the lib folder of the torch wheel")
    nvidia = sorted(pathlib.Path(torch_lib).resolve().parent.parent.glob("nvidia/*/lib"))
    folders = [BUILD / "lib", torch_lib, *nvidia, os.environ.get("LD_LIBRARY_PATH")]
    return ":".join(str(folder) for folder in folders if folder)


def ldd(program, environment):
    """Libraries of a program by name: path, or None for a missing one."""
    output = subprocess.run(["ldd", program], env=environment, capture_output=True, text=True, check=True).stdout
    pairs = [line.split("=>") for line in output.splitlines() if "=>" in line]
    return {name.strip(): None if "not found" in path else path.split()[0] for name, path in pairs}


def has_cuda_kernels():
    """Only a build with CUDA kernels links the CUDA runtime itself."""
    return b"libcudart.so" in (BUILD / "retmask").read_bytes()


def programs():
    return [BUILD / name for name in PROGRAMS + [KERNEL_CHECK] * (BUILD / KERNEL_CHECK).exists()]


def pack(environment):
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        stage = pathlib.Path(folder)
        libraries = {}
        for program in programs():
            libraries |= ldd(program, environment)
            target = stage / program.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["strip", "-o", target, program], check=True)
        lib = stage / "build/release/lib"
        lib.mkdir()
        for name, path in sorted(libraries.items()):
            if path and "/torch/" not in path and "/nvidia/" not in path and not name.startswith(SYSTEM_LIBRARIES):
                subprocess.run(["strip", "-o", lib / name, os.path.realpath(path)], check=True)
        for name in DATA:
            target = stage / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(ROOT / name, target) if (ROOT / name).is_dir() else shutil.copy2(ROOT / name, target)
        subprocess.run(["tar", "-C", stage, "-cJf", ARCHIVE, "."], check=True, env={**os.environ, "XZ_OPT": "-T0"})
    size = ARCHIVE.stat().st_size
    print(f"{ARCHIVE}: {size / (1 << 20):.1f} MiB")
    if size > MOST_BYTES:
        raise UsageError(f"{ARCHIVE} has {size} bytes; expected at most {MOST_BYTES}")


class Stage:
    """Runs the items of a stage; a failure or timeout of one does not stop the others."""

    def __init__(self, name, out, environment):
        self.out, self.environment = out, environment
        self.end = time.monotonic() + STAGE_SECONDS[name]
        self.logs = out / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="gpu-check-"))
        self.results = []
        # nvidia-smi may be absent in a container; the device file is there.
        self.gpu = pathlib.Path("/dev/nvidiactl").exists() or bool(shutil.which("nvidia-smi"))
        self.device = "cuda" if self.gpu else "cpu"

    def record(self, name, status, seconds=0.0, command=(), figures=None, reason=""):
        row = {"name": name, "status": status, "seconds": round(seconds, 2), "command": shlex.join(map(str, command)),
               "figures": figures or [], "reason": reason}
        self.results.append(row)
        with (self.out / "results.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{name:32} {status:8} {seconds:7.1f} s  {reason}", flush=True)
        return status == "ok"

    def run(self, name, limit, program, *arguments, gpu=False):
        """Runs a program of the build, or of PATH; its JSON lines are the figures. Returns whether it succeeded."""
        command = [BUILD / program if (BUILD / program).exists() else program, *arguments]
        if gpu and not self.gpu:
            return self.record(name, "skipped", command=command, reason="no usable GPU")
        limit = min(limit, self.end - time.monotonic())
        if limit <= 0:
            return self.record(name, "timeout", command=command, reason="the stage's time is used up")
        log = self.logs / f"{name}.log"
        begin = time.monotonic()
        status, reason = "ok", ""
        with log.open("w") as file:
            try:
                process = subprocess.Popen(list(map(str, command)), stdout=file, stderr=subprocess.STDOUT, cwd=ROOT,
                                           env=self.environment, start_new_session=True)
                code = process.wait(limit)
                if code:
                    status, reason = "failed", f"exit code {code}"
            except OSError as error:
                status, reason = "failed", str(error)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                status, reason = "timeout", f"stopped after {limit:.0f} s"
        text = log.read_text(errors="replace")
        if gpu and status == "ok" and "[  SKIPPED ]" in text:
            status, reason = "failed", "a GPU is there, but tests were skipped"
        if status != "ok" and text:
            reason += ": " + text.strip().splitlines()[-1][:200]
        figures = [json.loads(line) for line in text.splitlines() if line.startswith('{"')]
        return self.record(name, status, time.monotonic() - begin, command, figures, reason)

    def checkpoint(self, shape, limit=120):
        """A random checkpoint of this shape, or None."""
        path = self.work / shape
        done = self.run(f"checkpoint-{shape}", limit, "bench/random_checkpoint", "--shape", f"tests/bench/shapes/{shape}",
                        "--tokenizer", "tests/golden/tiny/llama", "--out", path)
        return path if done else None

    def finish(self):
        with tarfile.open(self.out / "logs.tar.gz", "w:gz") as archive:
            archive.add(self.logs, "logs")
        shutil.rmtree(self.logs)
        shutil.rmtree(self.work)


def first_difference(left, right):
    """Of two answers.jsonl, in words; empty if texts are equal and log-probs agree up to rounding in float32."""
    pairs = [[json.loads(line) for line in path.read_text().splitlines()] for path in (left, right)]
    if len(pairs[0]) != len(pairs[1]) or not pairs[0]:
        return f"{len(pairs[0])} and {len(pairs[1])} answers"
    for one, other in zip(*(sorted(rows, key=lambda row: (row["id"], row["policy"])) for rows in pairs)):
        if one["text"] != other["text"]:
            return f"{one['id']} {one['policy']}: {one['text'][:40]!r} and {other['text'][:40]!r}"
        if abs(one["mean_logprob"] - other["mean_logprob"]) > MOST_LOGPROB_DIFFERENCE:
            return f"{one['id']} {one['policy']}: mean log-probs {one['mean_logprob']} and {other['mean_logprob']}"
    return ""


def check(stage):
    if not has_cuda_kernels():
        stage.record("kernel_check", "skipped", reason="this build has no CUDA kernels")
    else:
        stage.run("kernel_check", 60, KERNEL_CHECK, gpu=True)
        sanitizer = shutil.which("compute-sanitizer")
        for tool in ("memcheck", "racecheck", "synccheck"):
            if sanitizer:
                stage.run(f"kernel_check-{tool}", 60, sanitizer, "--tool", tool, "--error-exitcode", "1", BUILD / KERNEL_CHECK,
                          gpu=True)
            else:
                stage.record(f"kernel_check-{tool}", "skipped", reason="no compute-sanitizer")
    stage.run("gpu_test", 150, "tests/gpu_test", gpu=True)
    stage.run("gpu_train_test", 60, "tests/gpu_train_test", gpu=True)
    # Heads of 64 and 128, the widths that our CUDA kernels take.
    for shape in ("tiny-64", "tiny-128"):
        model = stage.checkpoint(shape)
        if model is None:
            continue
        done = []
        for device in ("cpu", "cuda"):
            # Greedy answers with and without heads: a random model answers no needle, so detection would compare zeros.
            done.append(stage.run(f"synthesize-{shape}-{device}", 60, "retmask", "synthesize", "--model", model, "--prompts",
                                  "tests/golden/pairs32.jsonl", "--heads", "0-1,2-3", "--temperature", "0", "--max-new-tokens",
                                  "32", "--device", device, "--dtype", "float32", "--quiet",
                                  "--out", stage.work / f"{shape}-{device}", gpu=device == "cuda"))
        if all(done) and stage.gpu:
            paths = [stage.work / f"{shape}-{device}/answers.jsonl" for device in ("cpu", "cuda")]
            reason = first_difference(*paths)
            stage.record(f"synthesize-{shape}-equal", "failed" if reason else "ok", reason=reason)


def generation(stage):
    shapes = (("llama-1b", 60), ("llama-8b", 120)) if stage.gpu else (("tiny-64", 60),)
    sizes = ["--batch-sizes", "1,16,64,256", "--prompt-tokens", "64", "--new-tokens", "495", "--dtype", "bfloat16"]
    if not stage.gpu:
        sizes = ["--batch-sizes", "1,4", "--prompt-tokens", "16", "--new-tokens", "16", "--dtype", "float32"]
    for shape, limit in shapes:
        for name, extra in (("", []), ("-masked", ["--masked-heads", "4" if not stage.gpu else "32"]), ("-probe", ["--probe"])):
            stage.run(f"generate-{shape}{name}", limit, "bench/generate_bench", "--model", f"tests/bench/shapes/{shape}",
                      "--device", stage.device, "--runs", "1", *sizes, *extra)


def training(stage):
    shapes = (("llama-1b", "512,2048"), ("llama-8b", "512,2048")) if stage.gpu else (("tiny-64", "32"),)
    for shape, tokens in shapes:
        stage.run(f"train-{shape}", 100, "bench/train_bench", "--model", f"tests/bench/shapes/{shape}", "--device", stage.device,
                  "--tokens", tokens, "--pairs", "8" if stage.gpu else "2", "--steps", "2")
    model = stage.checkpoint(shapes[0][0])
    if model is None:
        return
    common = ["--model", model, "--device", stage.device, "--quiet"]
    needles = ["--lengths", "1k" if stage.gpu else "256", "--depths", "3", "--max-new-tokens", "8"]
    pairs = "tests/golden/pairs32.jsonl"
    stage.run("detect", 60, "retmask", "detect", *common, *needles, "--out", stage.work / "detect")
    stage.run("eval", 60, "retmask", "eval", "--suite", "niah", *common, *needles, "--out", stage.work / "eval")
    stage.run("synthesize", 60, "retmask", "synthesize", *common, "--prompts", pairs, "--heads", "0-1,2-3", "--limit", "4",
              "--max-new-tokens", "16", "--out", stage.work / "synthesize")
    stage.run("train-dpo", 100, "retmask", "train-dpo", *common, "--pairs", pairs, "--global-batch-size", "8", "--max-steps", "2",
              "--out", stage.work / "dpo")


def print_tables(results):
    rows = [row for result in results for row in result["figures"]]
    generated = [row for row in rows if row.get("bench") == "generate"]
    if generated:
        print("\n| model | batch | masked heads | probe | tokens/s | prefill tokens/s | ms a step | of bandwidth | of the limit |")
        print("|" + "---|" * 9)
        for row in generated:
            print(f"| {row['model']} | {row['batch_size']} | {row['masked_heads']} | {'yes' if row['probe'] else 'no'} "
                  f"| {row['tokens_per_second']:,.0f} | {row['prefill_tokens_per_second']:,.0f} "
                  f"| {row['milliseconds_per_step']['total']:.2f} | {100 * row['share_of_bandwidth']:.0f} % "
                  f"| {100 * row['share_of_limit']:.0f} % |")
        print("\n" + PUBLISHED)
    trained = [row for row in rows if row.get("bench") == "train"]
    if trained:
        print("\n| model | pairs x tokens | checkpointing | tokens/s | FLOP utilization | planned GiB | peak GiB |")
        print("|" + "---|" * 7)
        for row in trained:
            print(f"| {row['model']} | {row['pairs']} x {row['tokens_per_sequence']} | {row['activation_checkpointing']} "
                  f"| {row['tokens_per_second']:,.0f} | {100 * row['model_flops_utilization']:.0f} % "
                  f"| {row['planned_bytes'] / 2**30:.1f} | {row['peak_bytes'] / 2**30:.1f} |")


def run_stage(name, out, environment):
    # Before the first item: a missing library would fail each of them with a less clear message.
    absent = [str(BUILD / program) for program in PROGRAMS if not (BUILD / program).exists()]
    if absent:
        raise UsageError(f"missing programs: {', '.join(absent)}; run scripts/build.sh release or unpack the archive")
    missing = {library for program in programs() for library, path in ldd(program, environment).items() if path is None}
    if missing:
        raise UsageError(f"missing libraries: {', '.join(sorted(missing))}")
    stage = Stage(name, out, environment)
    try:
        {"check": check, "generation": generation, "training": training}[name](stage)
    finally:
        stage.finish()
    print_tables(stage.results)
    return int(any(row["status"] in ("failed", "timeout") for row in stage.results))


def main():
    parser = argparse.ArgumentParser(prog="gpu_check.sh", description="Checks and measures the program on a GPU.")
    parser.add_argument("stage", choices=["pack", *STAGE_SECONDS])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("gpu-check-out"), help="folder of the results")
    parser.add_argument("--archive", type=pathlib.Path, help="unpack this archive first and run from there")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    try:
        if arguments.archive:
            folder = ROOT / "build/gpu-check"
            folder.mkdir(parents=True, exist_ok=True)
            if not arguments.archive.exists():
                raise UsageError(f"--archive {arguments.archive}: no such file; gpu_check.sh pack writes it")
            with tarfile.open(arguments.archive) as archive:
                archive.extractall(folder)
            script = folder / "scripts/gpu_check.py"
            os.execv(sys.executable, [sys.executable, str(script), arguments.stage, "--out", str(out)])
        environment = {**os.environ, "LD_LIBRARY_PATH": library_path(), "RETMASK_GOLDEN_DIR": str(ROOT / "tests/golden")}
        if arguments.stage == "pack":
            pack(environment)
            return 0
        out.mkdir(parents=True, exist_ok=True)
        (out / "results.jsonl").unlink(missing_ok=True)
        return run_stage(arguments.stage, out, environment)
    except UsageError as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
