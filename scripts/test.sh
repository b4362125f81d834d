#!/usr/bin/env bash
# Builds everything and runs every test. The last lines name the slowest tests and count all; the exit code is 0 only if none
# failed.
#
#   scripts/test.sh            everything
#   scripts/test.sh --quick    the unit tests, and the integration tests that are not marked slow
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-} in
  "") chosen=() ;;
  --quick) chosen=(-m "not slow") ;;
  *)
    echo "test.sh: unknown argument $1; expected nothing or --quick" >&2
    exit 2
    ;;
esac

scripts/setup.sh --tests
scripts/build.sh release
scripts/demo_model.sh

# Threads that wait must not take a core from the test beside them.
export OMP_WAIT_POLICY=PASSIVE
results=build/release/test-results
rm -rf $results
mkdir -p $results
# One thread per test program: ctest runs as many of them as there are cores. The summary decides, so failures do not end it here.
OMP_NUM_THREADS=1 ctest --preset release --parallel "$(nproc)" --output-junit "$PWD/$results/ctest.xml" || true
# One test process per core, a file's tests in one of them: they share what is expensive.
.venv/bin/python -m pytest tests/integration -n "$(nproc)" --dist loadfile "${chosen[@]}" --junitxml=$results/pytest.xml || true
.venv/bin/python scripts/summarize_tests.py $results/ctest.xml $results/pytest.xml
