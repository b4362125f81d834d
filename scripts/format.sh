#!/usr/bin/env bash
# Formats the C++ files with clang-format 14; --check only reports files that differ, and fails if there are any.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
  echo "format: needs clang-format 14 (Debian 12: apt-get install clang-format)" >&2
  exit 2
fi
case "${1:-}" in
  "") mode=(-i) ;;
  --check) mode=(--dry-run -Werror) ;;
  *) echo "format: unknown argument '$1'; expected nothing or --check" >&2; exit 2 ;;
esac
git ls-files -z '*.h' '*.cpp' '*.cu' '*.cuh' | xargs -0 --no-run-if-empty clang-format "${mode[@]}"
