#!/usr/bin/env python3
"""Makes tests/golden/certainty.json: concentration, rank correlation, quantiles and Wilson's interval by numpy and statistics.

    .venv/bin/python tests/golden/make_certainty_golden.py [folder of the published head scores]

The worked examples are the score files published with RetMask (../shared/reference/head_score).
"""
import json
import math
import pathlib
import statistics
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
PUBLISHED = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[2] / "shared/reference/head_score"
THRESHOLDS = {"Llama-3.1-8B-Instruct": 0.1, "Qwen3-8B": 0.05, "Olmo-3-7B-Think": 0.05}


def top_share(scores, fraction):
    count = math.ceil(round(fraction * len(scores), 9))
    return np.sort(scores)[::-1][:count].sum() / scores.sum()


def gini(scores):
    """As half the relative mean absolute difference."""
    return np.abs(scores[:, None] - scores[None, :]).mean() / scores.mean() / 2


def hoyer(scores):
    root = math.sqrt(len(scores))
    return (root - np.linalg.norm(scores, 1) / np.linalg.norm(scores, 2)) / (root - 1)


def concentration(scores):
    scores = np.maximum(np.asarray(scores, dtype=float), 0)
    shares = {str(fraction): top_share(scores, fraction) for fraction in (0.01, 0.05, 0.1)}
    return {"top_share": shares, "gini": gini(scores), "hoyer": hoyer(scores)}


def ranks(values):
    values = np.asarray(values)
    return [1 + (values > value).sum() + ((values == value).sum() - 1) / 2 for value in values]


def wilson(successes, total, confidence):
    """The two rates p with |successes / total - p| = z sqrt(p (1 - p) / total)."""
    z, rate = statistics.NormalDist().inv_cdf(0.5 + confidence / 2), successes / total
    return sorted(np.roots([1 + z * z / total, -2 * rate - z * z / total, rate * rate]).real.tolist())


def main():
    random = np.random.default_rng(7)
    vectors = [
        np.round(random.exponential(size=30), 3),
        np.round(random.normal(size=41), 3),
        np.where(random.random(270) < 0.8, 0, np.round(random.random(270), 2)),
        np.ones(20),
        np.eye(1, 12)[0],
    ]
    pairs = [(np.round(random.normal(size=n), 1), np.round(random.normal(size=n), 1)) for n in (5, 40, 200)]
    golden = {
        "concentration": [{"scores": vector.tolist(), **concentration(vector)} for vector in vectors],
        "spearman": [
            {"a": a.tolist(), "b": b.tolist(), "spearman": np.corrcoef(ranks(a), ranks(b))[0, 1]} for a, b in pairs
        ],
        "percentiles": [
            {"values": a.tolist(), "confidence": c, "interval": np.percentile(a, [50 - 50 * c, 50 + 50 * c]).tolist()}
            for a, _ in pairs
            for c in (0.95, 0.5)
        ],
        "wilson": [
            {"successes": s, "total": n, "confidence": c, "interval": wilson(s, n, c)}
            for s, n, c in [(0, 30, 0.95), (17, 30, 0.95), (30, 30, 0.9), (12.5, 24, 0.95), (1, 1, 0.99)]
        ],
        "published": {},
    }
    for name, threshold in THRESHOLDS.items():
        table = json.loads((PUBLISHED / f"{name}.json").read_text())
        means = np.array([np.mean(scores) for scores in table.values()])
        over = int((means >= threshold).sum())
        golden["published"][name] = {"threshold": threshold, "heads": len(means), "over": over, **concentration(means)}
    (HERE / "certainty.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
