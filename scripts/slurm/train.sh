#!/usr/bin/env bash
#SBATCH --job-name=retmask-train
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
# Trains on the GPUs of one node or several, one task per GPU, and goes on by itself behind time limits and preemptions.
# Submit it from the project's folder:
#
#   CONFIG=configs/llama-3.1-8b-instruct.toml MODEL=models/Llama-3.1-8B-Instruct PAIRS=runs/pairs/pairs.jsonl \
#     OUT=runs/dpo sbatch scripts/slurm/train.sh
#   ... sbatch --nodes=4 scripts/slurm/train.sh                       # 32 GPUs
#   ... sbatch --ntasks-per-node=4 --gpus-per-node=4 scripts/slurm/train.sh
#
#   MODEL         checkpoint folder to start from
#   PAIRS         pairs.jsonl of retmask synthesize
#   OUT           folder for the trained model, on a disk that all nodes see; the same again to go on
#   CONFIG        TOML file with flags (none)
#   FLAGS         more flags, separated by spaces (none)
#   RETMASK       the program (build/release/retmask)
#   MAX_RESTARTS  see requeue.sh (100)
#
# --signal: how many seconds before the time limit the warning comes. A state of an 8B model is about 100 GB: leave enough
# time for the step that is running and for writing the state to your disk.
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?this is a job script: sbatch scripts/slurm/train.sh}"
# shellcheck source=scripts/slurm/requeue.sh
. scripts/slurm/requeue.sh
need MODEL PAIRS OUT

# Tasks take their rank and the address of the first from SLURM's variables. One that ends with 75 must not take the others
# down while they are still writing their part of the state: hence --kill-on-bad-exit=0.
# shellcheck disable=SC2086  # FLAGS is a list of words
run_or_requeue srun --kill-on-bad-exit=0 --cpus-per-task="$SLURM_CPUS_PER_TASK" \
  "${RETMASK:-build/release/retmask}" train-dpo ${CONFIG:+--config "$CONFIG"} \
  --model "$MODEL" --pairs "$PAIRS" --out "$OUT" --threads "$SLURM_CPUS_PER_TASK" ${FLAGS:-}
