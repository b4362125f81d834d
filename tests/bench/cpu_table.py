#!/usr/bin/env python3
"""The tables of RESULTS.md: generation, training, detection and evaluation on this CPU against OpenVINO GenAI, llama.cpp,
transformers and TRL, in one run.

    .venv/bin/python tests/bench/cpu_table.py [--model DIR] [--reference niah_reference.py] \
        [--gguf FILE [--openvino-python PYTHON] [--llama-batched-bench PROGRAM]] [--runs N] \
        [--pairs FILE] [--training DTYPE:PAIRS...] [--lengths 512,1024] [--depths N] [--benchmarks DIR] [--questions N] \
        [--dtypes DTYPE...] [--no-transformers] [--only PART...]

Each of our figures is followed by the peer's, measured right after it with the same number of threads. Prints Markdown.
The source of llama.cpp is in PyPI's source archive of llama-cpp-python (vendor/llama.cpp): build its target llama-batched-bench
with -DGGML_NATIVE=ON, and make a bfloat16 GGUF of the model with its convert_hf_to_gguf.py. Its figure counts decoding only,
ours includes prefill. PYTHON is that of an environment with openvino-genai, see openvino_peer.py. The default training pairs are
short; `retmask synthesize` makes longer ones. TRL runs with its defaults, activation checkpointing and the reference model at
every step: "mixed" has float32 weights (its default), "bfloat16" uses no float32 anywhere.
"""
import argparse
import gzip
import itertools
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing

import torch
from transformers import AutoModelForCausalLM

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"
PROMPT_TOKENS, NEW_TOKENS = 32, 128
BATCH_SIZES = [1, 16, 64]
# With longer prompts attention counts: prompt tokens, new tokens, batch sizes.
LONG_CASES = [(512, 256, [16, 64]), (2048, 256, [16])]
FIRST_TOKEN_PROMPTS = [2048, 8000]  # tokens
TRAIN_STEPS, TRL_MICRO_BATCH = 4, 8
DTYPES = ["float32", "bfloat16"]
CHOICE_FILES = "olmes_*.jsonl.gz"
RULER_TASKS = "niah_single_2,niah_multikey_2,vt"
HELMET_TASKS = "icl_trec_coarse,icl_trec_fine,icl_banking77,icl_clinic150"
EVAL_LENGTH = 4096


def run(*command, **options) -> str:
    return subprocess.run([str(c) for c in command], check=True, text=True, **{"stdout": subprocess.PIPE, **options}).stdout


def transformers_rates(model: str) -> dict[int, float]:
    peer = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16).eval()
    rates = {}
    for batch_size in BATCH_SIZES:
        ids = torch.randint(100, 1000, (batch_size, PROMPT_TOKENS))
        options = dict(attention_mask=torch.ones_like(ids), do_sample=True, temperature=0.6, top_k=0, eos_token_id=None, pad_token_id=0)
        peer.generate(ids, max_new_tokens=4, **options)
        start = time.time()
        peer.generate(ids, max_new_tokens=NEW_TOKENS, **options)
        rates[batch_size] = batch_size * NEW_TOKENS / (time.time() - start)
    return rates


def llama_cpp_rates(program: str, gguf: str) -> dict[int, float]:
    output = run(
        program, "-m", gguf, "-c", max(BATCH_SIZES) * (PROMPT_TOKENS + NEW_TOKENS), "-npp", PROMPT_TOKENS, "-ntg", NEW_TOKENS,
        "-npl", ",".join(map(str, BATCH_SIZES)), "-t", os.cpu_count(), "--output-format", "jsonl", stderr=subprocess.DEVNULL,
    )
    rows = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {row["pl"]: row["speed_tg"] for row in rows}


def bench_rates(command: list, prompt_tokens: int, new_tokens: int, batch_sizes: list[int], runs: int) -> dict[int, float]:
    """Tokens/s by batch size, of generate_bench or openvino_peer.py. Their rows go to stderr."""
    output = run(
        *command, "--runs", runs, "--prompt-tokens", prompt_tokens, "--new-tokens", new_tokens,
        "--batch-sizes", ",".join(map(str, batch_sizes)),
    )
    print(output, end="", file=sys.stderr, flush=True)
    rows = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {row["batch_size"]: row["tokens_per_second"] for row in rows}


def engines(arguments: argparse.Namespace) -> tuple[list, list]:
    """The commands of our bench and of OpenVINO's."""
    ours = [BUILD / "bench/generate_bench", "--model", arguments.model, "--dtype", "bfloat16", "--device", "cpu"]
    return ours, [arguments.openvino_python, ROOT / "tests/bench/openvino_peer.py", "--gguf", arguments.gguf]


def generation(arguments: argparse.Namespace, _: pathlib.Path) -> list[tuple]:
    model, runs = arguments.model, arguments.runs
    ours, openvino = engines(arguments)
    rows = []
    for prompt_tokens, new_tokens, batch_sizes in [(PROMPT_TOKENS, NEW_TOKENS, BATCH_SIZES), *LONG_CASES]:
        case = prompt_tokens, new_tokens, batch_sizes
        own_rates = bench_rates(ours, *case, runs)
        peers = {}
        if arguments.openvino_python:
            peers["OpenVINO GenAI"] = bench_rates(openvino, *case, runs)
        if prompt_tokens == PROMPT_TOKENS:
            if not arguments.no_transformers:
                peers["transformers"] = transformers_rates(model)
            if arguments.llama_batched_bench:
                peers["llama.cpp"] = llama_cpp_rates(arguments.llama_batched_bench, arguments.gguf)
        what = f"generation, bf16, batch {{}}, {prompt_tokens} + {new_tokens} tokens"
        for peer, rates in peers.items():
            for batch_size in batch_sizes:
                rows.append((what.format(batch_size), "tokens/s", own_rates[batch_size], rates[batch_size], peer))
    return rows


def first_token(arguments: argparse.Namespace, _: pathlib.Path) -> list[tuple]:
    rows = []
    for prompt_tokens in FIRST_TOKEN_PROMPTS:
        rates = [bench_rates(command, prompt_tokens, 1, [1], arguments.runs)[1] for command in engines(arguments)]
        rows.append((f"time to first token, bf16, {prompt_tokens} tokens", "s", *(1 / rate for rate in rates), "OpenVINO GenAI"))
    return rows


def mean_tokens(steps: list[dict], pairs_a_step: int) -> float:
    return sum(step["tokens"] for step in steps) / len(steps) / pairs_a_step


def train_ours(model: str, pairs: pathlib.Path, dtype: str, pairs_a_step: int, out: pathlib.Path, *more) -> tuple[list[dict], int]:
    """Returns the metrics of each step and the peak memory in bytes."""
    run(
        BUILD / "retmask", "train-dpo", "--model", model, "--pairs", pairs, "--out", out, "--device", "cpu", "--dtype", dtype,
        "--no-shuffle", "--max-steps", TRAIN_STEPS, "--global-batch-size", pairs_a_step, "--save-every", 0, "--quiet", *more,
    )
    steps = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return steps, json.loads((out / "training.json").read_text())["memory"]["peak"]


def train_trl(model: str, pairs: pathlib.Path, precision: str, pairs_a_step: int, out: pathlib.Path) -> dict:
    run(
        sys.executable, ROOT / "tests/integration/trl_reference.py", "--model", model, "--pairs", pairs, "--out", out / "trl.json",
        "--max-steps", TRAIN_STEPS, "--global-batch-size", pairs_a_step, "--micro-batch-size", TRL_MICRO_BATCH,
        "--precision", precision, stderr=subprocess.DEVNULL,
    )
    return json.loads((out / "trl.json").read_text())


def trl_speed(trl: dict, tokens: list[int]) -> float:
    """Tokens/s of the median step, counted like ours; the first step is a warm-up."""
    times = [step["time"] for step in trl["steps"]]
    seconds = [after - before for before, after in zip(times, times[1:])]
    return statistics.median(count / s for count, s in zip(tokens[1:], seconds, strict=True))


def train(model: str, pairs: pathlib.Path, dtype: str, pairs_a_step: int, scratch: pathlib.Path) -> list[tuple]:
    """Both with their defaults; in bfloat16 ours also with full activation checkpointing, TRL's default."""
    out = scratch / f"{dtype}-{pairs_a_step}"
    ours = {"": train_ours(model, pairs, dtype, pairs_a_step, out)}
    if dtype == "bfloat16":
        full = ", checkpointing"
        ours[full] = train_ours(model, pairs, dtype, pairs_a_step, scratch / "full", "--activation-checkpointing", "full")
        shutil.rmtree(scratch / "full")
    tokens = [step["tokens"] for step in ours[""][0]]
    rows = []
    for precision in ("float32",) if dtype == "float32" else ("mixed", "bfloat16"):
        trl = train_trl(model, pairs, precision, pairs_a_step, out)
        for how, (steps, peak) in ours.items():
            what = f"{dtype}, {pairs_a_step} pairs of {mean_tokens(steps, pairs_a_step):.0f} tokens{how}"
            speed = statistics.median(step["tokens_per_second"] for step in steps[1:])
            rows += [
                (what, "tokens/s", speed, trl_speed(trl, tokens), f"TRL, {precision}"),
                (what, "GiB", peak / 2**30, trl["peak_bytes"] / 2**30, f"TRL, {precision}"),
            ]
    return rows


def training(arguments: argparse.Namespace, scratch: pathlib.Path) -> list[tuple]:
    rows = []
    for case in arguments.training:
        dtype, pairs_a_step = case.split(":")
        rows += train(arguments.model, arguments.pairs, dtype, int(pairs_a_step), scratch)
    return rows


def timed(*command, **options) -> tuple[float, str]:
    """Seconds and output of a whole command."""
    start = time.time()
    output = run(*command, **options)
    return time.time() - start, output


def head_means(scores: dict[str, list[float]]) -> dict[str, float]:
    return {head: statistics.mean(of_samples) if of_samples else 0.0 for head, of_samples in scores.items()}


def detection(arguments: argparse.Namespace, dtype: str, scratch: pathlib.Path) -> list[tuple]:
    model, reference, lengths, depths = arguments.model, arguments.reference, arguments.lengths, arguments.depths
    data, out = reference.parent / "haystack_for_detect", scratch / f"detect-{dtype}"
    seconds, _ = timed(
        BUILD / "retmask", "detect", "--model", model, "--needles", data / "needles.jsonl", "--haystack", data, "--lengths", lengths,
        "--depths", depths, "--device", "cpu", "--dtype", dtype, "--out", out, "--quiet",
    )  # fmt: skip
    samples = len((out / "samples.jsonl").read_text().splitlines())
    peer_seconds, output = timed(
        sys.executable, ROOT / "tests/bench/transformers_peer.py", "detect", model, "--reference", reference, "--lengths", lengths,
        "--depths", depths, "--dtype", dtype, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    theirs = json.loads(output)
    own, peers = head_means(json.loads((out / "head_scores.json").read_text())), head_means(theirs["scores"])
    worst = max(abs(own[head] - peers[head]) for head in peers)
    right = json.loads((out / "summary.json").read_text())["right"]
    print(f"detection, {dtype}: {right} right, {sum(row['right'] for row in theirs['rows'])} with transformers; heads of at least 0.1: "
          f"{sum(score >= 0.1 for score in own.values())}, {sum(score >= 0.1 for score in peers.values())}; largest difference of a "
          f"score {worst:.2g}", file=sys.stderr, flush=True)  # fmt: skip
    what = f"detection, {dtype}, lengths {lengths}, {samples} samples, whole command"
    return [(what, "s/sample", seconds / samples, peer_seconds / samples, "transformers, eager")]


def accuracies(questions: list[list[dict]]) -> tuple[float, float]:
    """By the sum of log-probs and by the sum per character of the continuation; ties go to the first."""
    hits = [0, 0]
    for choices in questions:
        for i, key in enumerate((lambda c: c["sum"], lambda c: c["sum"] / c["chars"])):
            hits[i] += max(range(len(choices)), key=lambda n: key(choices[n])) == choices[0]["gold"]
    return hits[0] / len(questions), hits[1] / len(questions)


def choice(arguments: argparse.Namespace, scratch: pathlib.Path) -> list[tuple]:
    model, questions = arguments.model, arguments.questions
    files, seconds, ours = [], 0.0, {}
    for source in sorted(arguments.benchmarks.glob(CHOICE_FILES)):
        file = scratch / source.name
        rows = [line for line in gzip.open(source, "rt", encoding="utf-8") if json.loads(line)["doc_id"] < questions]
        with gzip.open(file, "wt", encoding="utf-8") as copy:
            copy.writelines(rows)
        out = scratch / f"choice-{source.name}"
        seconds += timed(
            BUILD / "retmask", "eval", "--suite", "choice", "--model", model, "--data", file, "--device", "cpu", "--dtype", "float32",
            "--out", out, "--quiet",
        )[0]  # fmt: skip
        files.append(file)
        ours[source.name] = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    peer_seconds, output = timed(
        sys.executable, ROOT / "tests/bench/transformers_peer.py", "choice", model, *files, "--questions", questions, stderr=subprocess.DEVNULL,
    )
    for name, choices in json.loads(output).items():
        theirs = [list(group) for _, group in itertools.groupby(choices, key=lambda row: row["doc_id"])]
        own = [[{**row, "gold": question["gold"]} for row in question["choices"]] for question in ours[name]]
        worst = max(abs(a["sum"] - b["sum"]) for x, y in zip(own, theirs, strict=True) for a, b in zip(x, y, strict=True))
        print(f"{name}: largest difference of a log-prob {worst:.2g}; acc and acc_per_char {accuracies(own)}, transformers' "
              f"{accuracies(theirs)}", file=sys.stderr, flush=True)  # fmt: skip
    what = f"eval choice, float32, {len(files)} files of {questions} questions, whole commands"
    return [(what, "s", seconds, peer_seconds, "transformers, batches of 16")]


def generative(model: str, dtype: str, scratch: pathlib.Path, suite: str, what: str, flags: list) -> list[tuple]:
    """A suite whose prompts transformers answers one by one."""
    out = scratch / f"{suite}-{dtype}"
    seconds, _ = timed(
        BUILD / "retmask", "eval", "--suite", suite, "--model", model, *flags, "--save-prompts", "--device", "cpu", "--dtype", dtype,
        "--out", out, "--quiet", stdout=subprocess.DEVNULL,
    )  # fmt: skip
    peer_seconds, output = timed(
        sys.executable, ROOT / "tests/bench/transformers_peer.py", "generate", model, out / "prompts.jsonl", "--dtype", dtype,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    theirs = json.loads(output)
    own = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    same = sum(theirs[row["id"]].strip() == row["answer"].strip() for row in own)
    print(f"{suite}, {dtype}: {same} of {len(own)} answers are those of transformers", file=sys.stderr, flush=True)
    return [(f"eval {suite}, {dtype}, {len(own)} samples of {what}, whole command", "s", seconds, peer_seconds, "transformers, generate")]


def ruler(arguments: argparse.Namespace, dtype: str, scratch: pathlib.Path) -> list[tuple]:
    flags = ["--tasks", RULER_TASKS, "--lengths", EVAL_LENGTH, "--max-samples", 10]
    return generative(arguments.model, dtype, scratch, "ruler", f"{EVAL_LENGTH} tokens", flags)


def helmet(arguments: argparse.Namespace, dtype: str, scratch: pathlib.Path) -> list[tuple]:
    data = scratch / "helmet"
    run(sys.executable, ROOT / "tests/bench/helmet_icl_data.py", arguments.benchmarks, data)
    flags = ["--data", data, "--tasks", HELMET_TASKS, "--lengths", EVAL_LENGTH, "--max-samples", 3]
    return generative(arguments.model, dtype, scratch, "helmet", f"ICL, {EVAL_LENGTH} tokens", flags)


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class Part(typing.NamedTuple):
    rows: typing.Callable[[argparse.Namespace, pathlib.Path], list[tuple]]
    needs: typing.Callable[[argparse.Namespace], str] = lambda _: ""  # what is missing


def each_dtype(rows: typing.Callable) -> typing.Callable:
    return lambda args, scratch: [row for dtype in args.dtypes for row in rows(args, dtype, scratch)]


def needs_path(name: str) -> typing.Callable:
    def needs(args: argparse.Namespace) -> str:
        path = getattr(args, name)
        return "" if path.exists() else f"{path} not found"

    return needs


PARTS = {
    "generation": Part(generation),
    "first-token": Part(first_token, lambda args: "" if args.openvino_python else "no --openvino-python"),
    "training": Part(training),
    "detection": Part(each_dtype(detection), needs_path("reference")),
    "choice": Part(choice, needs_path("benchmarks")),
    "ruler": Part(each_dtype(ruler)),
    "helmet": Part(each_dtype(helmet), needs_path("benchmarks")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=str(ROOT / "build/models/SmolLM2-135M-Instruct"))
    parser.add_argument("--reference", type=pathlib.Path, default=ROOT.parent / "shared/reference/niah_reference.py")
    parser.add_argument("--gguf", help="the same model for the peers that read GGUF files")
    parser.add_argument("--openvino-python", help="a Python with openvino-genai; needs --gguf")
    parser.add_argument("--llama-batched-bench", help="llama.cpp's program; needs --gguf")
    parser.add_argument("--no-transformers", action="store_true",
                        help="leave it out of generation: without AVX-512 it had not finished after nine minutes")  # fmt: skip
    parser.add_argument("--runs", type=int, default=3, help="generation runs, of which the median counts")
    parser.add_argument("--pairs", type=pathlib.Path, default=ROOT / "tests/golden/pairs32.jsonl", help="training pairs")
    parser.add_argument("--training", nargs="+", metavar="DTYPE:PAIRS", default=["float32:8", "bfloat16:8", "bfloat16:32"],
                        help="training runs: dtype and pairs per step")  # fmt: skip
    parser.add_argument("--lengths", default="512,1024", help="lengths of detection")
    parser.add_argument("--depths", type=int, default=2, help="depths of detection")
    parser.add_argument("--benchmarks", type=pathlib.Path, default=ROOT.parent / "shared/data/benchmarks")
    parser.add_argument("--questions", type=int, default=60, help="questions of each multiple-choice file")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES, help="of detection, ruler and helmet")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART",
                        help="parts of the table: " + ", ".join(PARTS))  # fmt: skip
    args = parser.parse_args()
    if (args.openvino_python or args.llama_batched_bench) and not args.gguf:
        parser.error("--openvino-python and --llama-batched-bench need --gguf")
    torch.manual_seed(0)
    threads = os.cpu_count()
    torch.set_num_threads(threads)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for part in args.only:
            missing = PARTS[part].needs(args)
            if missing:
                print(f"{part} skipped: {missing}", file=sys.stderr, flush=True)
            else:
                rows += PARTS[part].rows(args, pathlib.Path(scratch))
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    print(f"{pathlib.Path(args.model).name}, {threads} threads of {cpu}, {time.strftime('%Y-%m-%d')}\n")
    print("| what | unit | retmask | peer | ratio |\n|---|---|---|---|---|")
    for what, unit, ours, theirs, peer in rows:
        ratio = ours / theirs if unit == "tokens/s" else theirs / ours
        print(f"| {what} | {unit} | {figure(ours)} | {figure(theirs)} ({peer}) | {ratio:.2f} |")


if __name__ == "__main__":
    main()
