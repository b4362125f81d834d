"""What scripts/reproduce.sh needs besides the commands: settings of the config file, the plan, and tables for the report.

    settings CONFIG --seeds N --arms A,B     assignments for bash
    plan CONFIG OUT --seeds N --arms A,B     stages, runs and minutes
    choose OUT ARM RATE...                   the learning rate with the highest mean recall of the development half
    tables OUT MODEL RATE...                 OUT/tables/*.jsonl
    tenth RATE                               the rate at the end of the schedule
"""

import argparse
import decimal
import json
import pathlib
import shlex
import statistics
import sys
import tomllib

# Keys of [script] and their defaults; "eval-NAME" and "minutes-STAGE" may be any.
DEFAULTS = {
    "arms": ["retrieval-masked", "non-retrieval-masked", "random-masked", "sft"],
    "seeds": 3,
    "learning-rates": ["5e-7"],
    "prompts": ["configs/demo_prompts.jsonl"],
    "detect": "",
    "tune": "",
    "plan": "",
    "measured": "",
    "launcher": "local",
    "workers": 1,
    "sbatch-workers": "",
    "sbatch-merge": "",
    "sbatch-train": "",
}
# What [synthesize] must name for an arm.
SOURCES = {"rejected-model": ["rejected-model", "rejected-endpoint"], "win-lose": ["judge-endpoint"]}
ARMS = [*DEFAULTS["arms"], *SOURCES]


def fail(message):
    print(f"reproduce.sh: {message}", file=sys.stderr)
    sys.exit(2)


class Settings:
    """[script] of a config file, with the command line's seeds and arms."""

    def __init__(self, path, seeds, arms):
        try:
            config = tomllib.loads(pathlib.Path(path).read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            fail(f"the config file {path} cannot be read: {error}")
        script = config.get("script", {})
        for key in script:
            if key not in DEFAULTS and not key.startswith(("eval-", "minutes-")):
                fail(f'{path}: unknown key "{key}" in [script]; expected {", ".join(DEFAULTS)}, eval-NAME or minutes-STAGE')
        self.values = DEFAULTS | script
        if "model" not in config:
            fail(f"{path}: model is missing, the checkpoint folder to train")
        self.model = config["model"]
        self.skipped = []
        self.seeds = self.check_seeds(seeds or self.values["seeds"])
        self.rates = [str(rate) for rate in self.values["learning-rates"]]
        self.arms = self.check_arms(arms.split(",") if arms else self.values["arms"], config.get("synthesize", {}))
        self.prompts = self.find_prompts()
        self.suites = self.find_suites()
        if len(self.rates) > 1 and not self.values["tune"]:
            fail(f"{path}: several learning-rates need tune, the flags of an evaluation to choose by")
        if self.values["launcher"] not in ("local", "slurm"):
            fail(f'{path}: launcher is "{self.values["launcher"]}", expected local or slurm')

    def check_seeds(self, seeds):
        if not str(seeds).isdecimal() or int(seeds) < 1:
            fail(f"--seeds is {seeds}, expected at least 1")
        return int(seeds)

    def check_arms(self, arms, synthesize):
        here = []
        for arm in arms:
            if arm not in ARMS:
                fail(f'unknown arm "{arm}"; expected {", ".join(ARMS)}')
            if arm in SOURCES and not any(synthesize.get(key) for key in SOURCES[arm]):
                self.skipped.append(f"the arm {arm} is skipped: [synthesize] has no {' or '.join(SOURCES[arm])}")
            elif arm not in here:
                here.append(arm)
        if not here:
            fail("no arm is left to train")
        return here

    def find_prompts(self):
        for number, path in enumerate(self.values["prompts"]):
            if pathlib.Path(path).exists():
                if number > 0:
                    self.skipped.append(f"{self.values['prompts'][0]} is not there: prompts are those of {path}")
                return path
        return fail(f"there are no prompts: none of {', '.join(self.values['prompts'])} exists")

    def find_suites(self):
        suites = {}
        for key, flags in self.values.items():
            if not key.startswith("eval-"):
                continue
            words = flags.split()
            data = words[words.index("--data") + 1] if "--data" in words[:-1] else None
            if data and not pathlib.Path(data).exists():
                self.skipped.append(f"the evaluation {key.removeprefix('eval-')} is skipped: {data} is not there")
            else:
                suites[key.removeprefix("eval-")] = flags
        if not suites:
            fail("no evaluation is left: [script] needs eval-NAME = \"--suite ...\"")
        return suites


def print_settings(settings):
    def assign(name, value):
        print(f"{name}={shlex.quote(str(value))}")

    def assign_list(name, values):
        print(f"{name}=({' '.join(shlex.quote(value) for value in values)})")

    assign("model", settings.model)
    assign("prompts", settings.prompts)
    assign("seeds", settings.seeds)
    assign_list("arms", settings.arms)
    assign_list("rates", settings.rates)
    assign_list("skipped", settings.skipped)
    assign_list("suites", settings.suites)
    for name, flags in settings.suites.items():
        assign(f"suite_{name.replace('-', '_')}", flags)
    for key in ("detect", "tune", "plan"):
        assign(f"{key}_flags", settings.values[key])
    for key in ("launcher", "workers", "sbatch-workers", "sbatch-merge", "sbatch-train"):
        assign(key.replace("-", "_"), settings.values[key])


def record_of(folder):
    try:
        return json.loads((folder / "run.json").read_text())
    except FileNotFoundError:
        return {}


def is_done(folder):
    return record_of(folder).get("status") == "done"


def print_plan(settings, out):
    """Minutes are those of one run of the stage, as measured on the machine that `measured` names."""
    arms, suites = settings.arms, settings.suites
    tuned = arms if len(settings.rates) > 1 else []
    models = ["base", *(f"{arm}-{seed}" for arm in arms for seed in range(1, settings.seeds + 1))]
    trainings = len(arms) * (len(settings.rates) + settings.seeds - 1)
    stages = [  # name, runs, finished runs
        ("detect", 1, is_done(out / "detect")),
        ("synthesize", len(arms), sum(is_done(out / "pairs" / arm) for arm in arms)),
        ("train-dpo", trainings, sum(is_done(folder) for folder in out.glob("dpo/*"))),
        ("tune", len(tuned) * len(settings.rates), sum(is_done(folder) for folder in out.glob("tune/*")) if tuned else 0),
        ("eval", len(models), sum(all(is_done(out / "eval" / model / suite) for suite in suites) for model in models)),
        ("detect-trained", len(arms), sum(is_done(out / "detect-trained" / arm) for arm in arms)),
    ]
    print(f"{'stage':<16}{'runs':>6}{'done':>6}{'minutes each':>14}{'minutes left':>14}")
    total, known = 0.0, True
    for name, runs, done in stages:
        if runs == 0:
            continue
        minutes = settings.values.get(f"minutes-{name}")
        left = max(0, runs - done)
        known = known and (minutes is not None or left == 0)
        total += left * (minutes or 0)
        each, remaining = ("?", "?") if minutes is None else (f"{minutes:g}", f"{left * minutes:.0f}")
        print(f"{name:<16}{runs:>6}{int(done):>6}{each:>14}{remaining:>14}")
    print(f"about {total:.0f} minutes left{'' if known else ' besides the stages with ?'}; a run of eval is all suites of one model")
    if settings.values["measured"]:
        print(f"minutes: {settings.values['measured']}")
    print(f"evaluations: {', '.join(suites)}")
    print("memory of training:")


def dev_recall(out, arm, rate):
    results = out / "tune" / f"{arm}-{rate}" / "results.json"
    return statistics.fmean(cell["recall"] for cell in json.loads(results.read_text())["cells"]) if results.exists() else None


def chosen_rate(out, arm, rates):
    """The first of the best."""
    return max(rates, key=lambda rate: dev_recall(out, arm, rate) or 0.0)


def write_table(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def tried_rows(out, arms, rates):
    return [
        {"arm": arm, "learning rate": rate, "mean recall of needles, development half": dev_recall(out, arm, rate),
         "chosen": ("yes" if rate == chosen_rate(out, arm, rates) else "no") if len(rates) > 1 else "the only one tried"}
        for arm in arms for rate in rates
    ]  # fmt: skip


def concentration_rows(out, model):
    """Concentration of the scores before training, and what the first needle suite gained (Ma & Okazaki, section 5.2)."""
    summary = json.loads((out / "detect/summary.json").read_text())
    comparison = json.loads((out / "compare/from-base/compare.json").read_text())
    needles = [row for row in [*comparison["overall"], *comparison["rows"]] if row["suite"] == "niah"]
    rows = []
    for number, arm in enumerate(comparison["names"][1:]):
        row = {"model": model, "heads": len(summary["heads"])}
        row |= {f"heads with at least {threshold}": count for threshold, count in summary["heads_at_least"].items()}
        row |= {"Gini": summary["gini"], "share of the top 1 %": summary["top_share"]["0.01"], "arm": arm}
        gain, interval = (needles[0]["difference"][number], needles[0]["interval"][number]) if needles else (None, None)
        rows.append(row | {"gain in mean recall of needles": gain, "95 % interval": interval})
    return rows


def minutes_of(folder):
    record = record_of(folder)
    return sum(start.get("seconds") or 0 for start in [*record.get("earlier", []), record]) / 60


def time_rows(out):
    """Over all starts of every run; a start that was killed recorded no time."""
    stages = {"detect": "detect", "mask": "mask", "synthesize": "pairs/*", "train-dpo": "dpo/*", "tune": "tune/*",
              "eval": "eval/*/*", "detect-trained": "detect-trained/*", "compare": "compare/*"}  # fmt: skip
    rows = []
    for stage, pattern in stages.items():
        folders = [folder for folder in out.glob(pattern) if (folder / "run.json").exists()]
        if folders:
            rows.append({"stage": stage, "runs": len(folders), "minutes": round(sum(map(minutes_of, folders)), 2)})
    return [*rows, {"stage": "all", "runs": sum(row["runs"] for row in rows), "minutes": round(sum(row["minutes"] for row in rows), 2)}]


def write_tables(out, model, rates):
    arms = json.loads((out / "compare/from-base/compare.json").read_text())["names"][1:]
    write_table(out / "tables/concentration_and_gain.jsonl", concentration_rows(out, model))
    write_table(out / "tables/hyper_parameters_tried.jsonl", tried_rows(out, arms, rates))
    write_table(out / "tables/stage_times.jsonl", time_rows(out))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("settings", "plan"):
        command = commands.add_parser(name)
        command.add_argument("config")
        if name == "plan":
            command.add_argument("out", type=pathlib.Path)
        command.add_argument("--seeds", default="")
        command.add_argument("--arms", default="")
    for name, argument in (("choose", "arm"), ("tables", "model")):
        command = commands.add_parser(name)
        command.add_argument("out", type=pathlib.Path)
        command.add_argument(argument)
        command.add_argument("rates", nargs="+")
    commands.add_parser("tenth").add_argument("rate")
    given = parser.parse_args()
    if given.command == "settings":
        print_settings(Settings(given.config, given.seeds, given.arms))
    elif given.command == "plan":
        print_plan(Settings(given.config, given.seeds, given.arms), given.out)
    elif given.command == "choose":
        print(chosen_rate(given.out, given.arm, given.rates))
    elif given.command == "tables":
        write_tables(given.out, given.model, given.rates)
    else:
        print(decimal.Decimal(given.rate) / 10)


if __name__ == "__main__":
    main()
