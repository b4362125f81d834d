#!/usr/bin/env bash
# The paper's experiment on one model: does training on pairs that differ only by the retrieval heads improve retrieval, more than
# the same training with other heads off, and does it leave the rest alone? Ends with OUT/report/report.html.
#
#   scripts/reproduce.sh [OUT] [--config FILE] [--seeds N] [--arms ARM,ARM,...] [--dtype DTYPE] [--plan]
#
#   OUT        folder for all runs (reproduce-out); run the same command again to resume
#   --config   configs/reproduce-smollm2.toml (the default: two cores, no GPU) or configs/reproduce-llama-3.1-8b.toml (SLURM); the
#              section [script] of the former explains its settings
#   --seeds    training seeds per arm; more can be added later in the same OUT
#   --arms     strategies of retmask synthesize: retrieval-masked, non-retrieval-masked, random-masked, sft, and where [synthesize]
#              names their model or servers, rejected-model and win-lose
#   --dtype    in place of the config's; bfloat16 took half of the time of float32 on a Zen 4, but longer on an Intel Xeon without AMX
#   --plan     print the plan of stages, time and memory, and exit
#
# RETMASK is the program, if it need not be built. Data that is not there is skipped with a notice.
#
# shellcheck disable=SC2154  # assigned from the config file
# shellcheck disable=SC2030,SC2031  # exported to the jobs only
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=reproduce-out config=configs/reproduce-smollm2.toml asked_seeds='' asked_arms='' dtype=() only_plan=''
while [ $# -gt 0 ]; do
  case $1 in
    --plan) only_plan=yes ;;
    --config | --seeds | --arms | --dtype)
      if [ $# -lt 2 ]; then echo "reproduce.sh: $1 needs a value" >&2; exit 2; fi
      case $1 in --config) config=$2 ;; --seeds) asked_seeds=$2 ;; --arms) asked_arms=$2 ;; --dtype) dtype=(--dtype "$2") ;; esac
      shift
      ;;
    -*) echo "reproduce.sh: unknown argument $1; expected [OUT] --config, --seeds, --arms, --dtype or --plan" >&2; exit 2 ;;
    *) out=$1 ;;
  esac
  shift
done

SECONDS=0
step() { printf '\n== %d:%02d  %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*" >&2; }
# Spinning threads would take cores from other processes: on a shared machine that halves the speed or worse.
export OMP_WAIT_POLICY=PASSIVE

if [ -z "${RETMASK:-}" ]; then
  scripts/setup.sh
  step "Build"
  scripts/build.sh release retmask
fi
export RETMASK=${RETMASK:-build/release/retmask}
tool() { .venv/bin/python scripts/reproduce_tool.py "$@"; }

# model, prompts, arms, seeds, rates, suites, suite_<name>, skipped and more: see `settings` of reproduce_tool.py.
settings=$(tool settings "$config" --seeds "$asked_seeds" --arms "$asked_arms")
eval "$settings"
if [ "$model" = build/models/SmolLM2-135M-Instruct ]; then
  step "Model"
  scripts/demo_model.sh
fi

step "Plan"
tool plan "$config" "$out" --seeds "$asked_seeds" --arms "$asked_arms"
for note in "${skipped[@]}"; do printf '\n!! %s\n' "$note" >&2; done
# shellcheck disable=SC2086  # a list of words
"$RETMASK" train-dpo --config "$config" --plan $plan_flags "${dtype[@]}"
if [ -n "$only_plan" ]; then exit; fi

# submit COMMAND MODEL DIR FLAGS: submits the jobs of a command and waits for their end.
submit() (
  export MODEL=$2 OUT=$3 CONFIG=$config FLAGS=$4 PROMPTS=${PROMPTS:-} PAIRS=${PAIRS:-}
  # shellcheck disable=SC2086  # lists of words
  if [ "$1" = train-dpo ]; then
    sbatch --wait $sbatch_train scripts/slurm/train.sh
  else
    MERGE="--wait $sbatch_merge" scripts/slurm/submit_parts.sh "$1" "$workers" $sbatch_workers
  fi
)

# run COMMAND MODEL DIR FLAGS...: runs a command with a model, here or as jobs. PROMPTS and PAIRS are its input files. A finished
# run is only checked here, and not submitted again.
run() {
  local command=$1 from=$2 dir=$3
  set -- "${@:4}" "${dtype[@]}"
  step "$command: $dir"
  if [ "$launcher" = local ]; then
    "$RETMASK" "$command" --config "$config" --model "$from" --out "$dir" \
      ${PROMPTS:+--prompts "$PROMPTS"} ${PAIRS:+--pairs "$PAIRS"} "$@"
  elif ! grep -q '"status": "done"' "$dir/run.json" 2>/dev/null; then
    submit "$command" "$from" "$dir" "$*"
  fi
}
# Commands that run no model.
retmask() { "$RETMASK" "$1" --config "$config" "${@:2}"; }

# shellcheck disable=SC2086  # a list of words
run detect "$model" "$out/detect" $detect_flags
# evaluate MODEL DIR: all suites, each in a folder of DIR.
evaluate() {
  local suite flags
  for suite in "${suites[@]}"; do
    flags=suite_${suite//-/_}
    # shellcheck disable=SC2086  # a list of words
    run eval "$1" "$2/$suite" ${!flags}
  done
}
# The longest way to learn of a wrong flag would be after all trainings, so the untrained model comes first.
evaluate "$model" "$out/eval/base"

step "mask"
retmask mask --scores "$out/detect/head_scores.json" --spec-only --out "$out/mask"

for arm in "${arms[@]}"; do
  heads=()
  case $arm in *-masked) heads=(--scores "$out/detect/head_scores.json") ;; esac
  PROMPTS=$prompts run synthesize "$model" "$out/pairs/$arm" --strategy "$arm" "${heads[@]}"
done

# train ARM RATE SEED
train() {
  local dir=$out/dpo/$1-$2-$3 first=$out/dpo/$1-${rates[0]}-1 loss=dpo rows=pairs
  if [ "$1" = sft ]; then loss=sft rows=sft; fi
  # The untrained model's log-probs are the same for every rate and seed; train-dpo takes only those of its own pairs.
  local reference=reference_logprobs.jsonl
  if [ -e "$first/$reference" ] && [ ! -e "$dir/$reference" ]; then
    mkdir -p "$dir"
    cp "$first/$reference" "$dir"
  fi
  PAIRS=$out/pairs/$1/$rows.jsonl run train-dpo "$model" "$dir" --loss $loss --seed "$3" \
    --learning-rate "$2" --min-learning-rate "$(tool tenth "$2")"
  rm -rf "$dir/checkpoints"  # states to resume from, 12 bytes per parameter
}

# Each arm has the learning rate with which its first seed has the highest mean recall of the development half.
declare -A rate_of
for arm in "${arms[@]}"; do
  for rate in "${rates[@]}"; do
    train "$arm" "$rate" 1
    if [ ${#rates[@]} -gt 1 ]; then
      # shellcheck disable=SC2086  # a list of words
      run eval "$out/dpo/$arm-$rate-1" "$out/tune/$arm-$rate" $tune_flags
    fi
  done
  rate_of[$arm]=$(tool choose "$out" "$arm" "${rates[@]}")
  for seed in $(seq 2 "$seeds"); do train "$arm" "${rate_of[$arm]}" "$seed"; done
done

groups=() from_detections=("$out/detect/head_scores.json") trainings=()
declare -A group_of
for arm in "${arms[@]}"; do
  dirs=''
  for seed in $(seq "$seeds"); do
    trained=$out/dpo/$arm-${rate_of[$arm]}-$seed
    evaluate "$trained" "$out/eval/$arm-$seed"
    dirs+=${dirs:+,}$out/eval/$arm-$seed
  done
  group_of[$arm]=$arm=$dirs
  groups+=("${group_of[$arm]}")
  first=$out/dpo/$arm-${rate_of[$arm]}-1
  trainings+=("$first")  # one curve per arm in the report
  run detect "$first" "$out/detect-trained/$arm"
  from_detections+=("$out/detect-trained/$arm/head_scores.json")
done

step "compare: every arm with the model before training, and with retrieval-masked"
rm -rf "$out/compare"  # cheap, and of the arms and seeds that there are now
comparisons=("$out/compare/from-base")
retmask eval --niah-score recall --compare "base=$out/eval/base" "${groups[@]}" --out "${comparisons[0]}"
for arm in "${arms[@]}"; do
  if [ "$arm" = retrieval-masked ] || [ -z "${group_of[retrieval-masked]:-}" ]; then continue; fi
  comparisons+=("$out/compare/from-$arm")
  retmask eval --niah-score recall --compare "${group_of[$arm]}" "${group_of[retrieval-masked]}" --out "$out/compare/from-$arm"
done
retmask detect --compare "${from_detections[@]}" --mask "$out/mask/mask.json" --out "$out/compare/heads"

step "report"
tool tables "$out" "$model" "${rates[@]}"
"$RETMASK" report --out "$out/report" \
  --runs "$out"/{detect,mask} "${arms[@]/#/$out/pairs/}" "${trainings[@]}" "${suites[@]/#/$out/eval/base/}" \
  "$out/compare/heads" "${comparisons[@]}" \
  --tables "$out"/tables/{concentration_and_gain,hyper_parameters_tried,stage_times}.jsonl
step "Done. See $out/report/report.html"
