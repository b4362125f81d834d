#!/usr/bin/env bash
# Brings the machine to where the project builds: Debian packages, and a Python environment in .venv with pinned versions
# (libtorch, libarrow and what the tests compare with all come from PyPI).
#
#   scripts/setup.sh                  both; as root it installs missing Debian packages, otherwise it prints the line to run
#   scripts/setup.sh --tests          and the Debian packages that only tests need; without root those tests are skipped
#   scripts/setup.sh --python-only    .venv alone, where the C++ libraries come from a prefix of your own (see README)
#
# PYTHON names the interpreter that .venv is made from (3.11 or newer). A second run with nothing to do ends at once; one that
# follows an interrupted run makes .venv anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

DEBIAN_PACKAGES=(
  g++ cmake ninja-build git python3-venv
  libcli11-dev nlohmann-json3-dev libspdlog-dev zlib1g-dev libssl-dev
  libpcre2-dev libicu-dev libsentencepiece-dev libcpp-httplib-dev
  libgtest-dev libgloo-dev
)
# For tests/integration/test_slurm.py.
TEST_PACKAGES=(slurm-wlm munge)
STAMP=.venv/setup.stamp

say() { echo "setup: $*" >&2; }

# Those of the arguments that are not installed.
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF "$package installed" <<<"$installed" || echo "$package"
  done
}

install_debian_packages() {
  local missing
  if ! command -v dpkg-query >/dev/null; then
    say "this is not Debian; give the C++ libraries by prefix and run scripts/setup.sh --python-only (see README)"
    exit 2
  fi
  missing=$(missing_packages "${DEBIAN_PACKAGES[@]}")
  # shellcheck disable=SC2086  # one word per package
  set -- $missing
  if [ $# = 0 ]; then return; fi
  if [ "$(id -u)" != 0 ]; then
    say "Debian packages are missing; run this as root, then start again:"
    echo "apt-get update && apt-get install -y --no-install-recommends $*"
    exit 2
  fi
  apt_install "$@"
}

apt_install() {
  say "installing Debian packages: $*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -y -q --no-install-recommends "$@"
}

install_test_packages() {
  local missing
  missing=$(missing_packages "${TEST_PACKAGES[@]}")
  # shellcheck disable=SC2086  # one word per package
  set -- $missing
  if [ $# = 0 ]; then return; fi
  if [ "$(id -u)" != 0 ]; then
    say "not installed: $*; the tests that need them will be skipped"
    return
  fi
  # munge's package makes its key as a user of its own, who may not enter every chroot. A key that is there is taken.
  if [ ! -e /etc/munge/munge.key ]; then
    install -d -m 700 /etc/munge
    (umask 077 && head -c 1024 /dev/urandom >/etc/munge/munge.key)
  fi
  apt_install "$@" || say "could not install $*; the tests that need them will be skipped"
}

# What .venv depends on. A different answer than the one in the stamp means that there is something to install.
python_fingerprint() {
  "$python" -c 'import sys; print(sys.implementation.cache_tag)'
  sha256sum scripts/requirements.txt
}

install_python_packages() {
  local python=${PYTHON:-python3} fingerprint
  command -v "$python" >/dev/null || { say "no interpreter '$python'; set PYTHON to a Python 3.11 or newer"; exit 2; }
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { say "'$python' is older than Python 3.11; set PYTHON to a newer one"; exit 2; }
  fingerprint=$(python_fingerprint)
  if [ "$(cat $STAMP 2>/dev/null)" = "$fingerprint" ]; then return; fi

  if [ ! -f $STAMP ]; then
    rm -rf .venv  # nothing, or what an interrupted run left
    say "making the Python environment .venv"
    "$python" -m venv .venv
  fi
  rm -f $STAMP
  say "installing $(grep -c == scripts/requirements.txt) pinned Python packages (about 5 GB on disk, mostly torch and its CUDA libraries)"
  # --use-pep517: what comes as source (rouge-score) is built apart from the half-installed environment.
  .venv/bin/python -m pip install --disable-pip-version-check --no-deps --use-pep517 -r scripts/requirements.txt
  printf '%s\n' "$fingerprint" >$STAMP
  say "done"
}

with_debian=1
with_tests=0
case "${1:-}" in
  "") ;;
  --tests) with_tests=1 ;;
  --python-only) with_debian=0 ;;
  *) say "unknown argument '$1'; known are --tests and --python-only"; exit 2 ;;
esac

[ $with_debian = 0 ] || install_debian_packages
[ $with_tests = 0 ] || install_test_packages
# One set-up at a time: scripts/demo.sh and scripts/test.sh may be started together.
exec 9>.setup.lock
flock 9
install_python_packages
