#!/usr/bin/env bash
# The whole method on a small real model: from a bare Debian 12 machine to demo-out/report/report.html.
#
#   scripts/demo.sh [OUT_DIR]
#
# Finds the retrieval heads of SmolLM2-135M-Instruct, shows what switching them off does, lets the model with and without
# them write preference pairs, trains on the pairs and compares before and after. Needs two cores, 8 GB of memory and no GPU.
# When it is stopped, start it again: it goes on where it was. configs/demo.toml holds the sizes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-demo-out}

scripts/setup.sh

SECONDS=0
step() { printf '\n== %d:%02d  %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*" >&2; }
retmask() {
  local command=$1
  shift
  build/release/retmask "$command" --config configs/demo.toml "$@"
}
# Threads that wait must not take a core from a neighbour: half the speed or less on a machine that is not ours alone.
export OMP_WAIT_POLICY=PASSIVE

step "Build"
scripts/build.sh release retmask
step "Model"
scripts/demo_model.sh

step "detect: which heads copy facts out of the context?"
retmask detect --out "$out/detect"

step "mask: the heads with the highest scores, and as many random other ones"
retmask mask --scores "$out/detect/head_scores.json" --out "$out/mask"
retmask mask --scores "$out/detect/head_scores.json" --select non-retrieval --seed 1 --out "$out/mask-random"

step "eval: the needle test with all heads, without the retrieval heads, without the random ones"
retmask eval --suite niah --out "$out/niah"
retmask eval --suite niah --mask "$out/mask/mask.json" --out "$out/niah-masked"
retmask eval --suite niah --mask "$out/mask-random/mask.json" --out "$out/niah-random"

step "synthesize: answers with and without the retrieval heads"
retmask synthesize --mask "$out/mask/mask.json" --out "$out/pairs"

step "train-dpo: learn to prefer the answers that used them"
retmask train-dpo --pairs "$out/pairs/pairs.jsonl" --out "$out/dpo"

step "eval: after the training, and ordinary texts before and after"
retmask eval --suite niah --model "$out/dpo" --out "$out/niah-trained"
retmask eval --suite logprob --data configs/demo_texts.jsonl --out "$out/logprob"
retmask eval --suite logprob --data configs/demo_texts.jsonl --model "$out/dpo" --out "$out/logprob-trained"

step "report"
build/release/retmask report --out "$out/report" \
  --runs "$out"/{detect,mask,mask-random,niah,niah-masked,niah-random,niah-trained,pairs,dpo,logprob,logprob-trained}
step "Done. The pictures are in $out/report/report.html"
