#!/usr/bin/env python3
"""Makes tests/golden/rows/*.parquet: rows of every Parquet type, and what pyarrow reads from them.

    .venv/bin/python tests/golden/make_rows_golden.py
"""
import datetime
import decimal
import json
import pathlib
import uuid

import pyarrow as pa
import pyarrow.parquet as pq

OUT = pathlib.Path(__file__).resolve().parent / "rows"
MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
TALK = [{"role": "user", "content": "Grüße 🙂"}, {"role": "assistant", "content": None}]
KEY = uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")
WHEN = datetime.datetime(2024, 2, 29, 12)


def extended(kind, storage, values):
    return pa.ExtensionArray.from_storage(kind, pa.array(values, storage))


def texts(kind, storage=pa.string()):
    return extended(kind, storage, ['{"a": [1, null]}', None, '"text"'])


# name: (array of three values, the same in JSON)
READ = {
    "list": (pa.array([TALK, None, []], pa.list_(MESSAGE)), [TALK, None, []]),
    "large_list": (pa.array([TALK, None, []], pa.large_list(MESSAGE)), [TALK, None, []]),
    "list_view": (pa.array([TALK, None, []], pa.list_view(MESSAGE)), [TALK, None, []]),
    "large_list_view": (pa.array([TALK, None, []], pa.large_list_view(MESSAGE)), [TALK, None, []]),
    "fixed_size_list": (pa.array([[1, 2], None, [3, None]], pa.list_(pa.int8(), 2)), [[1, 2], None, [3, None]]),
    "map": (
        pa.array([[("role", "user"), ("content", "a")], None, []], pa.map_(pa.string(), pa.string())),
        [{"role": "user", "content": "a"}, None, {}],
    ),
    "maps": (
        pa.array([[[("role", "user")]], [], [[]]], pa.list_(pa.map_(pa.string(), pa.string()))),
        [[{"role": "user"}], [], [{}]],
    ),
    "json": (texts(pa.json_()), [{"a": [1, None]}, None, "text"]),
    "large_json": (texts(pa.json_(pa.large_string()), pa.large_string()), [{"a": [1, None]}, None, "text"]),
    "uuid": (extended(pa.uuid(), pa.binary(16), [KEY.bytes, None, KEY.bytes]), [str(KEY), None, str(KEY)]),
    "bool8": (extended(pa.bool8(), pa.int8(), [1, None, 0]), [True, None, False]),
    "dictionary": (pa.array(["b", None, "a"]).dictionary_encode(), ["b", None, "a"]),
    "large_string": (pa.array(["b", None, "ä"], pa.large_string()), ["b", None, "ä"]),
    "string_view": (pa.array(["b", None, "longer than twelve bytes"], pa.string_view()),
                    ["b", None, "longer than twelve bytes"]),
    "binary": (pa.array(["b".encode(), None, "ä".encode()], pa.binary()), ["b", None, "ä"]),
    "null": (pa.nulls(3), [None, None, None]),
    "numbers": (pa.array([1, None, -3], pa.int16()), [1, None, -3]),
    "floats": (pa.array([0.5, None, -2.25], pa.float32()), [0.5, None, -2.25]),
    "bools": (pa.array([True, None, False]), [True, None, False]),
    # WildChat's messages have a timestamp, which templates do not use.
    "extra_time": (
        pa.array([[{"role": "user", "when": WHEN, "times": [WHEN]}], [], None],
                 pa.list_(pa.struct([("role", pa.string()), ("when", pa.timestamp("us")),
                                     ("times", pa.list_(pa.timestamp("us")))]))),
        [[{"role": "user"}], [], None],
    ),
}

REFUSED = {
    "timestamp": pa.array([WHEN], pa.timestamp("us")),
    "date": pa.array([WHEN.date()]),
    "decimal": pa.array([decimal.Decimal("1.50")]),
    "fixed_binary": pa.array([b"0123"], pa.binary(4)),
    "half": pa.array([0.5], pa.float16()),
    "times": pa.array([[WHEN]], pa.list_(pa.timestamp("us"))),
    "content_time": pa.array([[{"role": "user", "content": WHEN}]],
                             pa.list_(pa.struct([("role", pa.string()), ("content", pa.timestamp("us"))]))),
    "number_map": pa.array([[(1, "a")]], pa.map_(pa.int32(), pa.string())),
}


def main():
    OUT.mkdir(exist_ok=True)
    table = pa.table({name: values for name, (values, _) in READ.items()})
    pq.write_table(table, OUT / "read.parquet", row_group_size=2)
    rows = [{name: expected[i] for name, (_, expected) in READ.items()} for i in range(3)]
    (OUT / "read.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    pq.write_table(pa.table(REFUSED), OUT / "refused.parquet")
    bad = pa.array([b"fine", b"caf\xe9"], pa.binary())
    pq.write_table(pa.table({"prompt": bad.view(pa.string())}), OUT / "invalid_utf8.parquet")
    pq.write_table(pa.table({"talk": extended(pa.json_(), pa.string(), ["[1]", "[1"])}), OUT / "invalid_json.parquet")
    print({path.name: path.stat().st_size for path in sorted(OUT.iterdir())})


if __name__ == "__main__":
    main()
