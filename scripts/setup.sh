#!/usr/bin/env bash
# Installs what the build needs: Debian packages, and a Python environment in .venv with pinned versions (libtorch, libarrow
# and the tests' reference implementations come from PyPI).
#
#   scripts/setup.sh                  both; as root it installs missing Debian packages, otherwise it prints the command to run
#   scripts/setup.sh --tests          also the Debian packages that only tests need; without root those tests are skipped
#   scripts/setup.sh --python-only    only .venv, if the C++ libraries come from your own prefix
#
# Without root: load g++ 12, CMake 3.25, Ninja and Python 3.11 (or newer) as modules and run PYTHON=python3.11 scripts/setup.sh
# --python-only. Install CLI11, nlohmann/json 3.11, spdlog, PCRE2, ICU, sentencepiece, cpp-httplib 0.11, zlib, OpenSSL, Gloo's
# headers and GoogleTest under any prefix (conda-forge, Spack, dpkg -x), which cmake --preset release -DCMAKE_PREFIX_PATH=... gets.
#
# PYTHON is the interpreter for .venv (3.11 or newer). A run with nothing to do ends at once; after an interrupted run .venv is
# created again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

DEBIAN_PACKAGES=(
  g++ cmake ninja-build git python3-venv
  libcli11-dev nlohmann-json3-dev libspdlog-dev zlib1g-dev libssl-dev
  libpcre2-dev libicu-dev libsentencepiece-dev libcpp-httplib-dev
  libgtest-dev libgloo-dev
)
# For tests/integration/test_slurm.py, test_avx2.py and test_report.py (98 MB).
TEST_PACKAGES=(slurm-wlm munge qemu-user chromium-headless-shell)
STAMP=.venv/setup.stamp

say() { echo "setup: $*" >&2; }

# Prints the arguments that are not installed.
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
    say "this is not Debian; provide the C++ libraries by prefix and run scripts/setup.sh --python-only (see its head)"
    exit 2
  fi
  missing=$(missing_packages "${DEBIAN_PACKAGES[@]}")
  # shellcheck disable=SC2086  # one word per package
  set -- $missing
  if [ $# = 0 ]; then return; fi
  if [ "$(id -u)" != 0 ]; then
    say "Debian packages are missing; run this as root, then run scripts/setup.sh again:"
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
  # The munge package creates its key as its own user, which may lack access in a chroot. It keeps an existing key.
  if [ ! -e /etc/munge/munge.key ]; then
    install -d -m 700 /etc/munge
    (umask 077 && head -c 1024 /dev/urandom >/etc/munge/munge.key)
  fi
  apt_install "$@" || say "could not install $*; the tests that need them will be skipped"
}

# Fingerprint of what .venv depends on. If it differs from the stamp, packages must be installed.
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
    rm -rf .venv  # absent, or left by an interrupted run
    say "creating the Python environment .venv"
    "$python" -m venv .venv
  fi
  rm -f $STAMP
  say "installing $(grep -c == scripts/requirements.txt) pinned Python packages (about 5 GB on disk, mostly torch and its CUDA libraries)"
  # --use-pep517: source packages (rouge-score) are built in isolation from the half-installed environment.
  # --no-compile: Python compiles a module when it is first imported; most of these 12,000 never are, and all take a minute.
  .venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-compile --use-pep517 -r scripts/requirements.txt
  printf '%s\n' "$fingerprint" >$STAMP
  say "done"
}

with_debian=1
with_tests=0
case "${1:-}" in
  "") ;;
  --tests) with_tests=1 ;;
  --python-only) with_debian=0 ;;
  *) say "unknown argument '$1'; expected nothing, --tests or --python-only"; exit 2 ;;
esac

[ $with_debian = 0 ] || install_debian_packages
# Beside Python's packages: either takes minutes, mostly of waiting for the network.
[ $with_tests = 0 ] || install_test_packages &
test_packages=$!
# One setup at a time: scripts/demo.sh and scripts/test.sh may run at the same time.
exec 9>.setup.lock
flock 9
install_python_packages
wait $test_packages
