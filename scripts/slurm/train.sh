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
# Trains on the GPUs of one or more nodes, one task per GPU, and resumes automatically after time limits and preemptions.
# Submit it from the project's folder:
#
#   CONFIG=configs/llama-3.1-8b-instruct.toml MODEL=models/Llama-3.1-8B-Instruct PAIRS=runs/pairs/pairs.jsonl \
#     OUT=runs/dpo sbatch scripts/slurm/train.sh
#   ... sbatch --nodes=4 scripts/slurm/train.sh                       # 32 GPUs
#   ... sbatch --ntasks-per-node=4 --gpus-per-node=4 scripts/slurm/train.sh
#
#   MODEL         checkpoint folder to start from
#   PAIRS         pairs.jsonl of retmask synthesize
#   OUT           folder for the trained model, on a file system shared by all nodes; submit with the same OUT to resume
#   CONFIG        TOML file with flags (optional)
#   FLAGS         more flags, separated by spaces (optional)
#   RETMASK       the program (default: build/release/retmask)
#   MAX_RESTARTS  see requeue.sh (default: 100)
#
# --signal: seconds before the time limit at which SIGUSR1 is sent. A state of an 8B model is about 100 GB: allow enough time
# to finish the current step and to write the state to disk.
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?this is a job script: sbatch scripts/slurm/train.sh}"
# shellcheck source=scripts/slurm/requeue.sh
. scripts/slurm/requeue.sh
need MODEL PAIRS OUT

# Tasks take their rank and the address of rank 0 from SLURM's variables. --kill-on-bad-exit=0: a task that exits with 75 must
# not kill the others while they are still writing their part of the state.
# shellcheck disable=SC2086  # FLAGS is a list of words
run_or_requeue srun --kill-on-bad-exit=0 --cpus-per-task="$SLURM_CPUS_PER_TASK" \
  "${RETMASK:-build/release/retmask}" train-dpo ${CONFIG:+--config "$CONFIG"} \
  --model "$MODEL" --pairs "$PAIRS" --out "$OUT" --threads "$SLURM_CPUS_PER_TASK" ${FLAGS:-}
