#!/usr/bin/env bash
# Creates build/models/SmolLM2-135M-Instruct, the small real model of the demo and the tests, unless it exists. Prints its path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
model=build/models/SmolLM2-135M-Instruct
if [ ! -d $model ]; then .venv/bin/python scripts/convert_gguf.py --smollm2 $model; fi
echo $model
