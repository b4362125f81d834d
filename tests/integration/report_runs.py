"""Folders of runs as the commands write them, to build reports from: real scores, the rest made up."""

import json

import numpy as np
from helpers import write_rows


def write_json(path, value):
    path.write_text(json.dumps(value))


def make_run(folder, command, **options):
    folder.mkdir(parents=True)
    record = {"command": command, "version": "0", "git": "0", "status": "done", "started": "2026-01-01T00:00:00Z"}
    write_json(folder / "run.json", {**record, "seconds": 61.0, "device": "cpu", "threads": 2, "options": options, "inputs": {}})
    return folder


def bootstrap_intervals(scores, draws=80):
    """The 95 % interval of each head's mean."""
    table = np.array(list(scores.values()))
    drawn = np.random.default_rng(0).integers(table.shape[1], size=(draws, table.shape[1]))
    means = np.stack([table[:, draw].mean(axis=1) for draw in drawn])
    return dict(zip(scores, np.quantile(means, [0.025, 0.975], axis=0).T.tolist()))


def answer_steps(number):
    words = ["The", " best", " thing", " to", " do", " in", " San", " Francisco", " is", " <img src=http://127.0.0.1:9/x>", " a", " sandwich", "."]
    heads = [["18-6", "17-3"], [f"{layer}-{number % 8}" for layer in range(20)], ["23-2"]]
    return [{"text": word, "copied_by": heads[i % 3] if 1 < i < 12 else []} for i, word in enumerate(words)]


def make_detection(folder, scores, *, samples=600, threshold=0.1):
    """A run whose head_scores.json is `scores`, with intervals, verification and marked answers."""
    make_run(folder, "detect", model="models/Some-8B-Instruct", threshold=threshold, scorer="copy", lengths="0..5000", depths=10)
    write_json(folder / "head_scores.json", scores)
    intervals = bootstrap_intervals(scores)
    means = {head: sum(values) / len(values) for head, values in scores.items()}
    heads = [
        {"head": [int(part) for part in name.split("-")], "mean": means[name], "interval": intervals[name], "rank_interval": [1, 9]}
        for name in sorted(means, key=means.get, reverse=True)
    ]
    ordered = sorted(means.values(), reverse=True)
    share = {str(part): sum(ordered[: int(part * len(ordered))]) / sum(ordered) for part in [0.01, 0.05, 0.1]}
    counts = {str(t): sum(mean >= t for mean in ordered) for t in [0.05, 0.1, 0.2, 0.5]}
    summary = {"samples": samples, "right": len(next(iter(scores.values()))), "scorer": "copy", "heads_at_least": counts, "heads": heads}
    write_json(folder / "summary.json", {**summary, "gini": 0.91, "hoyer": 0.83, "top_share": share, "split_half": 0.97, "threshold": {"value": threshold, "undecided": 7}})
    rows = []
    for number in range(samples):
        length, depth = number // 30 % 20, number // 3 % 10
        row = {"needle": number % 3, "length": 263 * length, "depth": depth, "depth_fraction": round(depth / 9, 6)}
        row |= {"recall": 1.0, "right": number % 7 != 0, "answer": "", "scores": {"18-6": 1.0}, "steps": answer_steps(number)}
        rows.append(row)
    write_rows(folder / "samples.jsonl", rows)
    curve = []
    for k in [0, 5, 10, 20, 40]:
        for mask, fall, control in [("retrieval", 0.03, 0.002), ("random", 0.002, 0.001), ("bottom", 0.0, 0.0)]:
            rate = max(0.0, 0.82 - fall * k)
            interval = [max(0.0, rate - 0.08), min(1.0, rate + 0.08)]
            point = {"mask": mask, "k": k, "rate": rate, "rate_interval": interval, "needle_logprob": -0.3 - 4 * fall * k}
            curve.append({**point, "parametric_rate": 0.75 - control * k, "parametric_interval": [0.6, 0.9]})
    write_json(folder / "verify.json", {"curve": curve, "choice": {"k": 20, "threshold": 0.12}})
    return folder


def make_head_comparison(folder, lists):
    """`lists`: name -> {head: score}."""
    make_run(folder, "detect", compare=list(lists))
    pairs = []
    names = list(lists)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            rank = {name: {head: i + 1 for i, head in enumerate(sorted(lists[name], key=lists[name].get)[::-1])} for name in [a, b]}
            points = [
                {"head": [int(part) for part in head.split("-")], "a": lists[a][head], "b": lists[b][head],
                 "rank_a": rank[a][head], "rank_b": rank[b][head]}
                for head in lists[a] if head in lists[b]
            ]  # fmt: skip
            moved = sorted(points, key=lambda point: -abs(point["a"] - point["b"]))[:20]
            group = {"heads": 33, "a": 0.3, "b": 0.35, "change": 0.05, "interval": [0.01, 0.09]}
            mask = {"masked": group, "others": group, "difference": 0.0, "interval": [-0.04, 0.05]}
            overlap = [{"k_a": k, "k_b": k, "common": k // 3, "by_chance": k * k / 1024, "p_value": 1e-7} for k in [16, 33, 100]]
            pair = {"a": a, "b": b, "spearman": 0.61, "overlap": overlap, "moved": {"by_score": moved}, "mask": mask}
            pairs.append({**pair, "points": points})
    only_order = {"a": names[0], "b": "an order without scores", "spearman": None, "moved": None, "mask": None}
    unscored = [{**point, "b": None} for point in pairs[0]["points"][:16]]
    pairs.append({**only_order, "overlap": overlap[:1], "points": unscored})
    write_json(folder / "compare.json", {"pairs": pairs})
    return folder


def make_eval_comparison(folder):
    make_run(folder, "eval", compare=["before", "after", "masked"])
    rows = []
    for suite, tasks in {"ruler": ["niah_single_1", "niah_multikey_2", "vt", "cwe", "qa_1"], "choice": ["arc_easy", "hellaswag"]}.items():
        for number, task in enumerate(tasks):
            for length in [1024, 2048, 4096] if suite == "ruler" else [None]:
                before = 0.9 - 0.1 * number
                change, width = 0.02 * (number - 1), 0.03
                fall = -0.5 if suite == "ruler" else -0.005
                row = {"suite": suite, "task": task, "length": length, "scores": [before, before + change, before + fall]}
                row |= {"samples": 28, "missing": 2 if task == "cwe" else 0, "sign_test": [0.25, None]}
                row |= {"difference": [change, fall], "interval": [[change - width, change + width], [fall - width, fall + width]]}
                rows.append(row)
    rows[1] |= {"scores": [None, 0.5, 0.4], "difference": [None, None], "interval": [[None, None], [None, None]]}
    write_json(folder / "compare.json", {"names": ["before", "after", "masked"], "rows": rows})
    return folder


def make_benchmark(folder):
    make_run(folder, "eval", suite="ruler")
    tasks = [{"task": "vt", "length": length, "score": 0.5, "total": 30} for length in [1024, 2048]]
    write_json(folder / "results.json", {"suite": "ruler", "tasks": tasks, "errors": 0})
    return folder


def make_needle_test(folder, right):
    make_run(folder, "eval", suite="niah")
    cells = [{"length": 512, "depth_fraction": i / 4, "success": i < right} for i in range(5)]
    write_json(folder / "results.json", {"success": right, "total": 5, "rate": right / 5, "cells": cells})
    return folder


def make_mask(folder, select, heads):
    make_run(folder, "mask")
    write_json(folder / "mask.json", {"heads": heads, "select": select, "mean_scores": [0.5] * len(heads)})
    return folder


def make_training(folder):
    make_run(folder, "train-dpo")
    steps = [
        {"step": step, "loss": 0.69 - 0.01 * step, "rewards_chosen": 0.02 * step, "rewards_rejected": -0.03 * step, "accuracy": 0.8,
         "margin": 0.05 * step, "grad_norm": 3.0, "lr": 5e-7}
        for step in range(1, 25)
    ]  # fmt: skip
    write_rows(folder / "metrics.jsonl", steps)
    return folder
