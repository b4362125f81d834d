#!/usr/bin/env python3
"""Makes tests/golden/heads.json: rank correlations and overlap probabilities of SciPy.

    python3 -m venv NEW && NEW/bin/pip install scipy && NEW/bin/python tests/golden/make_heads_golden.py

  spearman  pairs of score lists, many with ties and negative values: their average ranks (rankdata of the negated scores, so
            that 1 is the best) and scipy.stats.spearmanr, null where it is undefined
  overlap   {"total", "k_a", "k_b", "common", "p"}: scipy.stats.hypergeom.sf(common - 1, total, k_a, k_b)
"""
import json
import pathlib
import warnings

import numpy as np
from scipy import stats

HERE = pathlib.Path(__file__).resolve().parent


def spearman_case(a, b):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a constant side
        rho = float(stats.spearmanr(a, b).statistic)
    ranks = [stats.rankdata(-np.asarray(side)).tolist() for side in (a, b)]
    return {"a": list(a), "b": list(b), "rank_a": ranks[0], "rank_b": ranks[1], "rho": None if np.isnan(rho) else rho}


def main() -> None:
    random = np.random.default_rng(7)
    cases = [([1.0, 2.0], [5.0, 3.0]), ([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]), ([0.5, 0.5, 0.25], [0.1, 0.2, 0.1])]
    for size in (3, 10, 40):
        a = random.normal(size=size)
        b = a + random.normal(size=size)
        cases.append((np.round(a, 6).tolist(), np.round(b, 6).tolist()))
        # Like copy scores: most are 0.
        sparse = np.round(np.maximum(0, a), 1), np.round(np.maximum(0, b), 1)
        cases.append(tuple(side.tolist() for side in sparse))
    overlaps = [(1024, 16, 40, 4), (1152, 16, 16, 0), (256, 10, 10, 10), (16, 10, 12, 6), (16, 10, 12, 7), (1024, 33, 98, 0)]
    for total in random.integers(2, 5120, size=20):
        k_a, k_b = random.integers(1, total + 1, size=2)
        common = random.integers(max(0, k_a + k_b - total), min(k_a, k_b) + 1)
        overlaps.append((int(total), int(k_a), int(k_b), int(common)))
    golden = {
        "spearman": [spearman_case(a, b) for a, b in cases],
        "overlap": [
            {"total": n, "k_a": k_a, "k_b": k_b, "common": x, "p": float(stats.hypergeom.sf(x - 1, n, k_a, k_b))}
            for n, k_a, k_b, x in overlaps
        ],
    }
    (HERE / "heads.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
