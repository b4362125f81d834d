#!/usr/bin/env python3
"""Writes newer_code_points.inc: code points that have a general category in Hugging Face's regular expressions
(Oniguruma, Unicode 16) but are unassigned in Unicode 14 (PCRE2 10.42, Python 3.11).

Requires a Python with unicodedata version 14 and the `tokenizers` package:
    .venv/bin/python src/tokenizer/make_newer_code_points.py > src/tokenizer/newer_code_points.inc
"""

import unicodedata

from tokenizers import Regex, pre_tokenizers

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Cf".split()


def matched(pattern: str, characters: str) -> set[str]:
    """The subset of `characters` that the pattern matches individually."""
    kept = pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(characters)
    return set(characters) - {c for piece, _ in kept for c in piece}


def ranges(characters: set[str]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for code_point in sorted(map(ord, characters)):
        if found and found[-1][1] == code_point - 1:
            found[-1] = (found[-1][0], code_point)
        else:
            found.append((code_point, code_point))
    return found


def main() -> None:
    assert unicodedata.unidata_version.startswith("14."), unicodedata.unidata_version
    unknown = "".join(
        chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) == "Cn"
    )
    rows = []
    for category in CATEGORIES:
        found = matched(rf"\p{{{category}}}", unknown)
        han = matched(r"\p{Han}", "".join(sorted(found))) if category == "Lo" and found else set()
        rows += [(first, last, category) for first, last in ranges(found - han)]
        rows += [(first, last, "Han") for first, last in ranges(han)]
    for first, last, category in sorted(rows):
        print(f"{{0x{first:04X}, 0x{last:04X}, Category::k{category}}},")


if __name__ == "__main__":
    main()
