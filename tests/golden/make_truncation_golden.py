#!/usr/bin/env python3
"""Makes tests/golden/dpo/truncation.json: the tokens of long rows that TRL 0.24.0, the version pinned by the published code,
passes to the model and scores under its default truncation ("keep_end"), with small limits instead of 512 and 1,024.

    pip download --no-deps -d DIR trl==0.24.0 && unzip -d DIR/trl DIR/trl-0.24.0-*.whl
    PYTHONPATH=DIR/trl .venv/bin/python tests/golden/make_truncation_golden.py

It runs TRL's own tokenize_row and concatenated_forward with a tokenizer that reads numbers and a model that records its input.
"""

import json
import pathlib
import types
from unittest import mock

import torch
import trl
from trl import import_utils

# Newer versions of transformers return a pair, which is truthy.
for name, found in vars(import_utils).items():
    if name.endswith("_available") and isinstance(found, tuple):
        setattr(import_utils, name, found[0])

from trl.trainer.dpo_trainer import DataCollatorForPreference, DPOTrainer  # noqa: E402

assert trl.__version__ == "0.24.0", trl.__version__
OUT = pathlib.Path(__file__).resolve().parent / "dpo/truncation.json"
PAD = 0
MAX_PROMPT, MAX_LENGTH = 5, 9
# Lengths of prompt, chosen and rejected; TRL adds an end token to both answers.
LENGTHS = [
    (3, 4, 2), (5, 3, 3), (6, 3, 3), (12, 3, 2), (4, 4, 5), (4, 5, 4), (2, 6, 9), (5, 8, 3), (5, 9, 4), (7, 20, 1), (1, 30, 30),
]  # fmt: skip


class Numbers:
    """A tokenizer for texts like "3 4 5"."""

    eos_token_id = 99
    bos_token_id = None

    def __call__(self, text, add_special_tokens):
        return {"input_ids": [int(word) for word in text.split()]}


class Recorder:
    """A model with meaningless logits that records its input."""

    def __call__(self, input_ids, attention_mask, **_):
        self.input_ids, self.attention_mask = input_ids, attention_mask
        return types.SimpleNamespace(logits=torch.zeros(*input_ids.shape, 100))


def make_rows():
    rows, draw = [], iter(range(1, 10**6))
    for lengths in LENGTHS:
        rows.append({
            name: " ".join(str(next(draw) % 98 + 1) for _ in range(length))
            for name, length in zip(("prompt", "chosen", "rejected"), lengths)
        })  # fmt: skip
    return rows


def run_trl(features):
    """For one row and each answer: the model's input tokens and how many of them are scored."""
    trainer = mock.MagicMock()
    trainer.configure_mock(
        pad_token_id=PAD, aux_loss_enabled=False, is_encoder_decoder=False, max_length=MAX_LENGTH,
        truncation_mode="keep_end", use_logits_to_keep=False, padding_free=False, use_weighting=False,
        loss_type=["sigmoid"], args=types.SimpleNamespace(rpo_alpha=None, ld_alpha=None),
    )  # fmt: skip
    trainer.concatenated_inputs = DPOTrainer.concatenated_inputs
    batch = DataCollatorForPreference(pad_token_id=PAD)([features])
    model = Recorder()
    with mock.patch("trl.trainer.dpo_trainer.selective_log_softmax", lambda logits, labels: torch.ones(labels.shape)):
        output = DPOTrainer.concatenated_forward(trainer, model, batch)
    seen = [ids[mask.bool()].tolist() for ids, mask in zip(model.input_ids, model.attention_mask)]
    scored = [int(output[name].item()) for name in ("chosen_logps", "rejected_logps")]  # each log-prob is 1
    return [{"sequence": ids, "scored": count} for ids, count in zip(seen, scored)]


def main():
    cases = []
    for row in make_rows():
        whole = DPOTrainer.tokenize_row(row, Numbers(), None, None, add_special_tokens=False)
        cut = DPOTrainer.tokenize_row(row, Numbers(), MAX_PROMPT, None, add_special_tokens=False)
        chosen, rejected = run_trl(cut)
        tokens = {name: whole[f"{name}_input_ids"] for name in ("prompt", "chosen", "rejected")}
        cases.append({**tokens, "trl_chosen": chosen, "trl_rejected": rejected})
    OUT.write_text(json.dumps({"max_prompt": MAX_PROMPT, "max_length": MAX_LENGTH, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
