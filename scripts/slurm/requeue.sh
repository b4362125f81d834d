# Sourced by the job scripts beside it.
# shellcheck shell=bash

# run_or_requeue COMMAND...
#
# Runs the command and ends the job script. retmask answers SIGUSR1 (which SLURM sends before the time limit, see --signal in
# the scripts), SIGTERM (preemption) and SIGINT with a saved state and exit code 75; the job is then put back into the queue
# under its own number and goes on where it was. So is one whose program was killed by SIGUSR1 (128 + 10): the warning came
# while it was still being loaded, which SLURM, early by up to a minute, does to jobs with a short time limit. Any other code
# ends the job with it.
#
# When SLURM itself takes the job off its node (scancel, preemption, scontrol requeue), this script ends together with it, and
# nothing is requeued here: SLURM has decided already.
#
# MAX_RESTARTS (100): a job that is stopped more often than that ends in failure, so that one whose time limit is shorter than
# what it needs to get anywhere does not return for ever.
run_or_requeue() {
  local code=0 restarts=${SLURM_RESTART_COUNT:-0}  # not set at the first start
  "$@" || code=$?
  case $code in
    75) echo "stopped with its state saved" >&2 ;;
    138) echo "warned before it had started" >&2 ;;
    *) exit $code ;;
  esac
  if [ "$restarts" -ge "${MAX_RESTARTS:-100}" ]; then
    echo "stopped after $restarts restarts, MAX_RESTARTS is ${MAX_RESTARTS:-100}: not requeued" >&2
    exit 1
  fi
  echo "back into the queue" >&2
  # The last task of an array has the array's own number, which would requeue all of its tasks.
  scontrol requeue "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"
  # SLURM ends this script; its exit code no longer matters, but the lines behind the call must not run.
  sleep 60
  exit 75
}

# need NAME...: ends the job when one of these environment variables is not set.
need() {
  local name
  for name in "$@"; do
    if [ -z "${!name:-}" ]; then
      echo "set $name; the head of the script says what it is" >&2
      exit 2
    fi
  done
}
