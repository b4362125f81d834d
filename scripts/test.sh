#!/usr/bin/env bash
# Builds everything and runs all tests. The last lines list the slowest tests and the counts; the exit code is 0 only if no
# test failed.
#
#   scripts/test.sh            everything
#   scripts/test.sh --quick    most unit tests and the fastest integration tests: the inner loop, about three minutes
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unit=() integration=(tests/integration)
case ${1:-} in
  "") ;;
  --quick)
    unit=(--exclude-regex '^test_train\.')
    integration=()
    for name in cli configs layers mask rows same_inputs synthesize_prompts terminal train_stops; do
      integration+=("tests/integration/test_$name.py")
    done
    ;;
  *)
    echo "test.sh: unknown argument $1; expected nothing or --quick" >&2
    exit 2
    ;;
esac

scripts/setup.sh --tests
scripts/build.sh release
scripts/demo_model.sh

# Spinning threads would take cores from other tests.
export OMP_WAIT_POLICY=PASSIVE
export RETMASK_PUNKT
RETMASK_PUNKT=$(PYTHONPATH=tests/integration .venv/bin/python -c 'import helpers; print(helpers.punkt_folder())')
results=build/release/test-results
rm -rf $results
mkdir -p $results
# One thread per test program: ctest runs as many as there are cores. Failures are ignored here: the summary sets the exit code.
OMP_NUM_THREADS=1 ctest --preset release --parallel "$(nproc)" "${unit[@]}" --output-junit "$PWD/$results/ctest.xml" || true
# One test process per core; the tests of a file share a process, because they share expensive fixtures. conftest.py orders them.
distribution=(-n "$(nproc)" --dist loadfile --no-loadscope-reorder)
.venv/bin/python -m pytest "${integration[@]}" "${distribution[@]}" --junitxml=$results/pytest.xml || true
.venv/bin/python scripts/summarize_tests.py $results/ctest.xml $results/pytest.xml
