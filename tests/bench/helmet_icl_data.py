#!/usr/bin/env python3
"""Writes the data of HELMET's ICL tasks as `retmask eval --suite helmet --data OUT` reads them.

    tests/bench/helmet_icl_data.py SOURCE OUT

SOURCE holds the files as their authors publish them: banking77_{train,test}.csv (text,category), clinc150_data_full.json[.gz] and
trec_train_5500.label, trec_TREC_10.label. Class ids number the sorted names, which may differ from the Hugging Face hub's.
"""
import csv
import gzip
import json
import pathlib
import sys


def write(path: pathlib.Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def numbers(names: list[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(sorted(set(names)))}


def banking77(source: pathlib.Path, out: pathlib.Path) -> None:
    splits = {name: list(csv.DictReader(open(source / f"banking77_{name}.csv", encoding="utf-8"))) for name in ("train", "test")}
    ids = numbers([row["category"] for row in splits["train"]])
    for name, rows in splits.items():
        write(out / f"banking77_{name}.jsonl", [{"text": row["text"], "label": ids[row["category"]]} for row in rows])


def clinc150(source: pathlib.Path, out: pathlib.Path) -> None:
    file = next(source.glob("clinc150_data_full.json*"))
    data = json.load((gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8"))
    ids = numbers([intent for _, intent in data["train"]] + ["oos"])
    for name, split in (("train", "train"), ("test", "val")):  # HELMET tests on the validation split
        rows = data[split] + data[f"oos_{split}"]
        write(out / f"clinic150_{name}.jsonl", [{"text": text, "intent": ids[intent]} for text, intent in rows])


def trec(source: pathlib.Path, out: pathlib.Path) -> None:
    files = {"train": "trec_train_5500.label", "test": "trec_TREC_10.label"}
    splits = {name: [line.strip().split(" ", 1) for line in open(source / file, encoding="latin-1")] for name, file in files.items()}
    fine = numbers([label for rows in splits.values() for label, _ in rows])
    coarse = numbers([label.split(":")[0] for label in fine])
    for name, lines in splits.items():
        rows = [{"text": text, "coarse_label": coarse[label.split(":")[0]], "fine_label": fine[label]} for label, text in lines]
        for kind in ("coarse", "fine"):
            write(out / f"trec_{kind}_{name}.jsonl", rows)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) / "data/icl"
    out.mkdir(parents=True, exist_ok=True)
    for make in (banking77, clinc150, trec):
        make(source, out)


if __name__ == "__main__":
    main()
