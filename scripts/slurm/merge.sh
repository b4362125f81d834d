#!/usr/bin/env bash
#SBATCH --job-name=retmask-merge
#SBATCH --ntasks=1
#SBATCH --time=01:00:00
#SBATCH --output=%x-%j.log
# Merges the parts that the workers of synthesize.sh or parts.sh wrote into OUT; fails if an answer is missing or duplicated.
#
#   COMMAND  the workers' command (synthesize)
#   OUT      the workers' folder
#   RETMASK  the program (build/release/retmask)
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?this is a job script: sbatch scripts/slurm/merge.sh}"
# shellcheck source=scripts/slurm/requeue.sh
. scripts/slurm/requeue.sh
need OUT

srun "${RETMASK:-build/release/retmask}" "${COMMAND:-synthesize}" --merge --out "$OUT"
