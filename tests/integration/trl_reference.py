#!/usr/bin/env python3
"""TRL reference: DPOTrainer or SFTTrainer on the CPU, in file order, without truncation.

Writes one JSON with the metrics of each step; --final-model also saves the trained weights.

    .venv/bin/python tests/integration/trl_reference.py --model DIR --pairs FILE --out steps.json --loss dpo
"""
import argparse
import json
import os
import pathlib
import resource
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer


class Recorder(TrainerCallback):
    """Records the trainer's logs of each step under the names of our metrics.jsonl."""

    NAMES = {
        "loss": "loss",
        "rewards/chosen": "rewards_chosen",
        "rewards/rejected": "rewards_rejected",
        "rewards/accuracies": "accuracy",
        "rewards/margins": "margin",
        "grad_norm": "grad_norm",
        "learning_rate": "lr",
    }

    def __init__(self) -> None:
        self.steps: list[dict] = []

    def on_log(self, args, state, control, logs=None, **kwargs) -> None:
        if "grad_norm" not in logs:
            return  # the summary at the end
        values = {ours: logs[theirs] for theirs, ours in self.NAMES.items() if theirs in logs}
        self.steps.append({"step": state.global_step, **values, "time": time.time()})


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--final-model", help="folder for the trained weights")
    parser.add_argument("--loss", choices=["dpo", "dpo_norm", "ipo", "sft"], default="dpo")
    parser.add_argument("--beta", type=float, default=0.1)
    parser.add_argument("--max-steps", type=int, default=10)
    parser.add_argument("--global-batch-size", type=int, default=4)
    parser.add_argument("--micro-batch-size", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=1e-5)
    parser.add_argument("--min-learning-rate", type=float, default=1e-6)
    parser.add_argument("--warmup-ratio", type=float, default=0.1)
    parser.add_argument("--max-grad-norm", type=float, default=1.0)
    parser.add_argument("--precision", choices=["float32", "mixed", "bfloat16"], default="float32",
                        help="the last two are for timing, with what TRL does by itself (checkpointing, the reference at "
                        "every step): mixed is TRL's default, float32 weights and bfloat16 products; bfloat16 has no "
                        "float32 at all")  # fmt: skip
    return parser.parse_args(argv)


def trainer_options(args: argparse.Namespace, scratch: str) -> dict:
    return dict(
        output_dir=scratch,
        max_steps=args.max_steps,
        per_device_train_batch_size=args.micro_batch_size,
        gradient_accumulation_steps=args.global_batch_size // args.micro_batch_size,
        train_sampling_strategy="sequential",
        max_length=None,
        learning_rate=args.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr": args.min_learning_rate},
        warmup_steps=args.warmup_ratio,  # a fraction of all steps if below 1
        optim="adamw_torch",
        weight_decay=0.1,
        adam_beta1=0.9,
        adam_beta2=0.95,
        adam_epsilon=1e-8,
        max_grad_norm=args.max_grad_norm,
        gradient_checkpointing=args.precision != "float32",
        bf16=args.precision != "float32",
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )


def make_trainer(args: argparse.Namespace, model, tokenizer, rows: list[dict], scratch: str):
    common = trainer_options(args, scratch)
    if args.loss == "sft":
        data = Dataset.from_list([{"prompt": r["prompt"], "completion": r["chosen"]} for r in rows])
        return SFTTrainer(model, args=SFTConfig(**common), train_dataset=data, processing_class=tokenizer)
    data = Dataset.from_list([{k: r[k] for k in ("prompt", "chosen", "rejected")} for r in rows])
    config = DPOConfig(
        **common,
        beta=args.beta,
        loss_type=[{"dpo": "sigmoid", "dpo_norm": "sigmoid_norm", "ipo": "ipo"}[args.loss]],
        precompute_ref_log_probs=args.precision == "float32",
    )
    return DPOTrainer(model, args=config, train_dataset=data, processing_class=tokenizer)


def token_ids(row: dict) -> dict:
    """TRL's training input: the prompt and the completions of one row."""
    if "labels" not in row:
        return {name: row[name + "_ids"] for name in ("prompt", "chosen", "rejected")}
    start = next(i for i, label in enumerate(row["labels"]) if label != -100)
    return {"prompt": row["input_ids"][:start], "chosen": row["input_ids"][start:]}


def run(args: argparse.Namespace) -> dict:
    rows = [json.loads(line) for line in pathlib.Path(args.pairs).read_text(encoding="utf-8").splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.bfloat16 if args.precision == "bfloat16" else torch.float32)
    # Transformers gives the pad token's embedding no gradient, even if the pad token occurs in every text (SmolLM2's
    # <|im_end|>). That is a side effect of padding, which we do not use, and not part of the loss.
    model.get_input_embeddings().padding_idx = None
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = make_trainer(args, model, tokenizer, rows, scratch)
        trainer.add_callback(recorder)
        start = time.time()
        trainer.train()
        seconds = time.time() - start
    if args.final_model:
        model.save_pretrained(args.final_model)
    return {
        "options": {k: v for k, v in vars(args).items() if k not in ("model", "pairs", "out", "final_model")},
        "tokens": [token_ids(row) for row in trainer.train_dataset],
        "decayed": sorted(trainer.get_decay_parameter_names(model)),
        "steps": recorder.steps,
        "seconds": seconds,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    pathlib.Path(args.out).write_text(json.dumps(run(args)) + "\n")


if __name__ == "__main__":
    main()
