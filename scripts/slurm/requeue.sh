# Sourced by the job scripts in this folder.
# shellcheck shell=bash

# run_or_requeue COMMAND...
#
# Runs the command and ends the job script. On SIGUSR1 (which SLURM sends before the time limit, see --signal in the scripts),
# SIGTERM (preemption) and SIGINT, retmask saves its state and exits with code 75; the job is then requeued under its own id
# and resumes. The same happens if SIGUSR1 killed the program (128 + 10) while it was still loading: SLURM may send the signal
# up to a minute early, which hits jobs with a short time limit. Any other exit code ends the job with that code.
#
# When SLURM itself removes the job from its node (scancel, preemption, scontrol requeue), this script is killed too and
# requeues nothing: SLURM decides.
#
# MAX_RESTARTS (100): a job that is stopped more often fails, so that a job whose time limit is too short to make progress is
# not requeued forever.
run_or_requeue() {
  local code=0 restarts=${SLURM_RESTART_COUNT:-0}  # not set at the first start
  "$@" || code=$?
  case $code in
    75) echo "stopped with its state saved" >&2 ;;
    138) echo "signalled before it had started" >&2 ;;
    *) exit $code ;;
  esac
  if [ "$restarts" -ge "${MAX_RESTARTS:-100}" ]; then
    echo "stopped after $restarts restarts, MAX_RESTARTS is ${MAX_RESTARTS:-100}: not requeued" >&2
    exit 1
  fi
  echo "requeueing the job" >&2
  # The job id of an array's last task equals the array's id, which would requeue all of its tasks.
  scontrol requeue "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"
  # SLURM kills this script; its exit code no longer matters, but the lines after the call must not run.
  sleep 60
  exit 75
}

# need NAME...: ends the job if one of these environment variables is not set.
need() {
  local name
  for name in "$@"; do
    if [ -z "${!name:-}" ]; then
      echo "set $name; see the comment at the top of the script" >&2
      exit 2
    fi
  done
}
