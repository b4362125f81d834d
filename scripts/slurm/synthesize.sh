#!/usr/bin/env bash
#SBATCH --job-name=retmask-synthesize
#SBATCH --array=0-7
#SBATCH --ntasks=1
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@60
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A-%a.log
# Generates pairs with one worker per array task. Each worker processes its part of the prompts and resumes automatically after
# time limits and preemptions. submit_synthesis.sh submits it together with the job that merges the parts.
#
#   MODEL         checkpoint folder
#   PROMPTS       files with prompts, separated by spaces
#   OUT           folder for the parts and the merged files, on a file system shared by all nodes
#   MASK          mask.json with the heads to mask (optional; otherwise FLAGS must select the source of the rejected answers)
#   CONFIG        TOML file with flags (optional)
#   FLAGS         more flags, separated by spaces (optional)
#   RETMASK       the program (default: build/release/retmask)
#   MAX_RESTARTS  see requeue.sh (default: 100)
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?this is a job script: sbatch scripts/slurm/synthesize.sh}"
# shellcheck source=scripts/slurm/requeue.sh
. scripts/slurm/requeue.sh
need MODEL PROMPTS OUT

# The worker reads its part from SLURM_ARRAY_TASK_ID and related variables.
# shellcheck disable=SC2086  # PROMPTS and FLAGS are lists of words
run_or_requeue srun --cpus-per-task="$SLURM_CPUS_PER_TASK" \
  "${RETMASK:-build/release/retmask}" synthesize ${CONFIG:+--config "$CONFIG"} ${MASK:+--mask "$MASK"} \
  --model "$MODEL" --prompts $PROMPTS --out "$OUT" --threads "$SLURM_CPUS_PER_TASK" ${FLAGS:-}
