#!/usr/bin/env bash
# The whole method on a small real model: from a bare Debian 12 machine to demo-out/report/report.html.
#
#   scripts/demo.sh [OUT_DIR]
#
# Detects the retrieval heads of SmolLM2-135M-Instruct, measures the effect of masking them, generates preference pairs with
# and without them, trains on the pairs, and evaluates before and after. Needs two cores, 8 GB of memory and no GPU. If it is
# stopped, run it again to resume. configs/demo.toml sets the sizes.
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
# Spinning threads would take cores from other processes: on a shared machine that halves the speed or worse.
export OMP_WAIT_POLICY=PASSIVE

step "Build"
scripts/build.sh release retmask
step "Model"
scripts/demo_model.sh

step "detect: find the heads that copy facts out of the context"
retmask detect --out "$out/detect"

step "mask: the heads with the highest scores, and as many random others"
retmask mask --scores "$out/detect/head_scores.json" --out "$out/mask"
retmask mask --scores "$out/detect/head_scores.json" --select non-retrieval --seed 1 --out "$out/mask-random"

step "eval: the needle test with all heads, without the retrieval heads, and without the random heads"
retmask eval --suite niah --out "$out/niah"
retmask eval --suite niah --mask "$out/mask/mask.json" --out "$out/niah-masked"
retmask eval --suite niah --mask "$out/mask-random/mask.json" --out "$out/niah-random"

step "synthesize: answers with and without the retrieval heads"
retmask synthesize --mask "$out/mask/mask.json" --out "$out/pairs"

step "train-dpo: prefer the answers generated with them"
retmask train-dpo --pairs "$out/pairs/pairs.jsonl" --out "$out/dpo"

step "eval: the needle test after training, and perplexity of ordinary texts before and after"
retmask eval --suite niah --model "$out/dpo" --out "$out/niah-trained"
retmask eval --suite logprob --data configs/demo_texts.jsonl --out "$out/logprob"
retmask eval --suite logprob --data configs/demo_texts.jsonl --model "$out/dpo" --out "$out/logprob-trained"

step "report"
build/release/retmask report --out "$out/report" \
  --runs "$out"/{detect,mask,mask-random,niah,niah-masked,niah-random,niah-trained,pairs,dpo,logprob,logprob-trained}
step "Done. See $out/report/report.html"
