#!/usr/bin/env python3
"""Makes tests/golden/rouge.json: what rouge_score and nltk compute for words and pairs of texts.

    .venv/bin/python tests/golden/make_rouge_golden.py

The words combine stems of every measure with every suffix of the Porter rules; the pairs are sentences of the built-in
haystack with modified copies, and texts that are difficult to tokenize.
"""
import json
import pathlib
import random

from nltk.stem import porter
from rouge_score import rouge_scorer

HERE = pathlib.Path(__file__).resolve().parent
BUILTIN = HERE.parent.parent / "src" / "niah" / "builtin"

IRREGULAR = (
    "sky skies dying lying tying news inning innings outing outings canning cannings howe proceed exceed succeed"
)
ODD = (
    "died tied lied spied ties dies cries flies feed agreed bleed freed sing king ring bring going being hoping hopping "
    "falling hissed fizzed tanned filing failing sized siz enjoy happy fly try spy say employ geology theology "
    "archaeology biology apology vitally radically totally logically fully hopefully roll controll control cease rate "
    "probate eed aed oed yyyy yyyyy syzygy toy yes yearly eyes ayes 1990s 2nds 42ing x2ing 7up ab abs abed as us ies "
    "ion ions nation station motions adoption tension onion opinion replacement element cement moment"
)
STEMS = (
    "tr spr ease act form oper communic hop hopp relat condition valen digit conform radic differ vil analog vietnam "
    "predic feudal decis callous sensit tripl electr good reviv allow infer airlin gyroscop adjust defens irrit homolog "
    "angular bowdler play enjoy tox box snow syllab"
).split()
SUFFIXES = (
    "s es ies ss sses ed eed ing ated bled ized y ly ational tional enci anci izer bli alli entli eli ousli ization "
    "ation ator alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al "
    "ance ence er ic able ible ant ement ment ent sion tion ou ism ate iti ous ive ize e ll ally ability fully"
).split()


def words() -> list[str]:
    rng = random.Random(1)
    made = [stem + suffix for stem in STEMS for suffix in SUFFIXES]
    noise = ["".join(rng.choices("aeiouybcdlmnst2", k=rng.randint(1, 12))) for _ in range(250)]
    return sorted(set(IRREGULAR.split() + ODD.split() + rng.sample(made, 1250) + noise))


def changed(sentence: str, rng: random.Random) -> str:
    tokens = sentence.split()
    keep = [t for t in tokens if rng.random() < 0.7] + rng.choices(tokens, k=rng.randint(0, 4))
    if rng.random() < 0.5:
        rng.shuffle(keep)
    return " ".join(t + rng.choice(["", "", "", "s", "ing", ",", "!"]) for t in keep)


def pairs() -> list[tuple[str, str]]:
    rng = random.Random(2)
    text = " ".join(path.read_text(encoding="utf-8") for path in sorted(BUILTIN.glob("haystack*.txt")))
    sentences = [s + "." for s in " ".join(text.split()).split(". ") if len(s) < 200]
    odd = [
        ("", ""),
        ("", "word"),
        ("word", ""),
        ("...", "?!"),
        ("The cat sat on the mat.", "the the the the cat"),
        ("caf\u00e9 na\u00efve \u00fcber", "CAF\u00c9 naive uber caf na ve"),
        ("300 \u212a and \u0130stanbul", "300 k and i stanbul istanbul"),
        ("snake_case and kebab-case don't", "snake case and kebab case don t"),
        ("tabs\tand\nnew lines\r\n here\u00a0too", "tabs and new lines here too"),
        ("\u6771\u4eac tower 333m", "tower 333 m \u6771\u4eac"),
    ]
    return odd + [(s, changed(s, rng)) for s in rng.sample(sentences, 190)]


def rouge1(target: str, prediction: str, use_stemmer: bool) -> list[float]:
    return list(rouge_scorer.RougeScorer(["rouge1"], use_stemmer=use_stemmer).score(target, prediction)["rouge1"])


def main() -> None:
    stem = porter.PorterStemmer().stem
    golden = {
        "stems": [[word, stem(word)] for word in words()],
        "pairs": [
            {
                "target": target,
                "prediction": prediction,
                "plain": rouge1(target, prediction, use_stemmer=False),
                "stemmed": rouge1(target, prediction, use_stemmer=True),
            }
            for target, prediction in pairs()
        ],
    }
    lines = ['{"stems": ' + json.dumps(golden["stems"]) + ',\n"pairs": [']
    lines.append(",\n".join(json.dumps(pair) for pair in golden["pairs"]) + "]}")
    (HERE / "rouge.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(len(golden["stems"]), "stems,", len(golden["pairs"]), "pairs")


if __name__ == "__main__":
    main()
