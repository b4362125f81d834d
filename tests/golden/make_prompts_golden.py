#!/usr/bin/env python3
"""Makes tests/golden/prompts/*.parquet: a few rows with the published columns of LMSYS-Chat-1M, WildChat-1M and
Guru-RL-92k, including nested columns.

    .venv/bin/python tests/golden/make_prompts_golden.py
"""
import datetime
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

OUT = pathlib.Path(__file__).resolve().parent / "prompts"

MESSAGE = pa.struct([("content", pa.string()), ("role", pa.string())])
MODERATION = pa.list_(pa.struct([("categories", pa.struct([("hate", pa.bool_())])), ("flagged", pa.bool_())]))


def write(name, schema, rows, **options):
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(schema)), OUT / name, **options)


def talk(*texts):
    return [{"content": text, "role": ("user", "assistant")[i % 2]} for i, text in enumerate(texts)]


def lmsys():
    """Two row groups and a conversation that begins inside the second one's child arrays."""
    rows = [
        ("33f0", talk("Is the sky blue?", "Yes.", "Why?", "Rayleigh."), False),
        ("1e23", talk("Grüße an NAME_1 🙂", "Danke."), True),
        ("0f51", talk("", "I did not understand."), False),
        ("9b0c", talk("Name three\nprimes.", "2, 3, 5."), False),
    ]
    schema = [
        ("conversation_id", pa.string()),
        ("model", pa.string()),
        ("conversation", pa.list_(MESSAGE)),
        ("turn", pa.int64()),
        ("language", pa.string()),
        ("openai_moderation", MODERATION),
        ("redacted", pa.bool_()),
    ]
    def moderation(key):
        return [{"categories": {"hate": flagged}, "flagged": flagged} for flagged in (False, key == "9b0c")]

    write(
        "lmsys.parquet",
        schema,
        [
            dict(
                conversation_id=key,
                model="vicuna-13b",
                conversation=turns,
                turn=len(turns) // 2,
                language="English",
                openai_moderation=moderation(key),
                redacted=redacted,
            )
            for key, turns, redacted in rows
        ],
        row_group_size=2,
    )


def wildchat():
    """conversation_hash is not unique in WildChat, so it is no id; messages have more keys than role and content."""
    turn = pa.struct(
        [
            ("content", pa.large_string()),
            ("country", pa.string()),
            ("hashed_ip", pa.string()),
            ("header", pa.struct([("accept-language", pa.string()), ("user-agent", pa.string())])),
            ("language", pa.string()),
            ("redacted", pa.bool_()),
            ("role", pa.dictionary(pa.int32(), pa.string())),
            ("state", pa.string()),
            ("timestamp", pa.timestamp("us", tz="UTC")),
            ("toxic", pa.bool_()),
            ("turn_identifier", pa.int64()),
        ]
    )
    when = datetime.datetime(2023, 4, 9, tzinfo=datetime.timezone.utc)
    rows = []
    texts = [
        ("Write a haiku about rain.", "English", False, False),
        ("Write a haiku about snow.", "English", None, True),
        ("Écris un haïku.", "French", True, False),
    ]
    for text, language, redacted, toxic in texts:
        turns = [
            dict(
                m,
                country="Norway",
                hashed_ip="05a0",
                header={"accept-language": "en", "user-agent": "x"},
                language=language,
                redacted=False,
                state=None,
                timestamp=when,
                toxic=toxic,
                turn_identifier=1,
            )
            for m in talk(text, "...")
        ]
        rows.append(
            {
                "conversation_hash": "c9ec",
                "model": "gpt-4",
                "timestamp": when,
                "conversation": turns,
                "turn": 1,
                "language": language,
                "openai_moderation": [{"categories": {"hate": False}, "flagged": False}],
                "detoxify_moderation": [{"toxicity": 0.5}],
                "toxic": toxic,
                "redacted": redacted,
            }
        )
    schema = [
        ("conversation_hash", pa.string()),
        ("model", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("conversation", pa.list_(turn)),
        ("turn", pa.int64()),
        ("language", pa.string()),
        ("openai_moderation", MODERATION),
        ("detoxify_moderation", pa.list_(pa.struct([("toxicity", pa.float64())]))),
        ("toxic", pa.bool_()),
        ("redacted", pa.bool_()),
    ]
    write("wildchat.parquet", schema, rows)


def guru():
    rows = [
        {
            "data_source": "math__combined",
            "prompt": [{"content": "What is 2 + 2?", "role": "user"}],
            "reward_model": {"ground_truth": "4"},
            "extra_info": {"index": 7},
        },
        {
            "data_source": "codegen__taco",
            "prompt": [{"content": "Answer in C.", "role": "system"}, {"content": "Sort a list.", "role": "user"}],
            "reward_model": {"ground_truth": "[1]"},
            "extra_info": {"index": 8},
        },
    ]
    schema = [
        ("data_source", pa.string()),
        ("prompt", pa.large_list(MESSAGE)),
        ("reward_model", pa.struct([("ground_truth", pa.string())])),
        ("extra_info", pa.struct([("index", pa.int64())])),
    ]
    write("guru.parquet", schema, rows)


def no_prompt():
    write("no_prompt.parquet", [("answer", pa.string())], [{"answer": "42"}])


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for make in (lmsys, wildchat, guru, no_prompt):
        make()
    print({path.name: path.stat().st_size for path in sorted(OUT.iterdir())})
