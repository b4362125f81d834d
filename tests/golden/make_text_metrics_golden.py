#!/usr/bin/env python3
"""Makes tests/golden/text_metrics.json: ROUGE-2, ROUGE-L and ROUGE-Lsum of rouge_score, and the ratio of difflib.

    .venv/bin/python tests/golden/make_text_metrics_golden.py

The pairs of texts are drawn from a small vocabulary, so that they have many common subsequences, with line breaks and
Unicode; some are longer than the 200 characters from which difflib ignores popular characters.
"""
import difflib
import json
import pathlib
import random

from rouge_score import rouge_scorer

HERE = pathlib.Path(__file__).resolve().parent
WORDS = "the cat cats running ran x1 Ünïted naïve 日本 it's a-b Running, flies. 12% …".split()


def text(rng: random.Random, most: int) -> str:
    pieces = [rng.choice(WORDS) + rng.choice([" ", " ", " ", "\n", "\n \n", ". "]) for _ in range(rng.randint(0, most))]
    return "".join(pieces)


def changed(rng: random.Random, original: str) -> str:
    out = [c for c in original if rng.random() < 0.93]
    for _ in range(rng.randint(0, 4)):
        at = rng.randint(0, len(out))
        out[at:at] = rng.choice(["cat ", "\n", "z", "日本", "  "])
    return "".join(out)


def main() -> None:
    rng = random.Random(3)
    rouge = []
    for _ in range(150):
        target = text(rng, 25)
        prediction = changed(rng, target) if rng.random() < 0.5 else text(rng, 25)
        row = {"target": target, "prediction": prediction}
        for stem in (False, True):
            scorer = rouge_scorer.RougeScorer(["rouge2", "rougeL", "rougeLsum"], use_stemmer=stem)
            scores = scorer.score(target=target, prediction=prediction)
            row["stemmed" if stem else "plain"] = [[s.precision, s.recall, s.fmeasure] for s in scores.values()]
        rouge.append(row)
    ratios = []
    for i in range(120):
        a = text(rng, 60 if i % 4 == 0 else 12)
        b = changed(rng, a) if rng.random() < 0.6 else text(rng, 60 if i % 4 == 0 else 12)
        ratios.append([a, b, difflib.SequenceMatcher(None, a, b).ratio()])
    assert sum(len(b) >= 200 for _, b, _ in ratios) > 10
    path = HERE / "text_metrics.json"
    path.write_text(json.dumps({"rouge": rouge, "ratios": ratios}, ensure_ascii=False), encoding="utf-8")
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
