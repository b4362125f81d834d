#!/usr/bin/env bash
# The whole method on a small real model: from a bare Debian 12 machine to demo-out/report.html.
#
#   scripts/demo.sh [OUT_DIR]
#
# Finds the retrieval heads of SmolLM2-135M-Instruct, shows what switching them off does, lets the model with and without
# them write preference pairs, trains on the pairs and compares before and after. Needs two cores, 8 GB of memory and no GPU.
# When it is stopped, start it again: it goes on where it was.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-demo-out}

scripts/setup.sh

SECONDS=0
step() { printf '\n== %d:%02d  %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*" >&2; }

step "Build"
scripts/build.sh release retmask
step "Model"
model=$(scripts/demo_model.sh)
retmask=build/release/retmask

# 3 needles x 2 lengths x 5 depths = 30 samples.
grid=(--lengths 256,512 --depths 5)
heads=20
# float32: these steps are compared with each other, and CPUs are no faster in bfloat16.
common=(--device cpu --dtype float32)

step "detect: which heads copy facts out of the context?"
$retmask detect --model "$model" "${grid[@]}" "${common[@]}" --out "$out/detect"

step "mask: the $heads heads with the highest scores, and $heads random other ones"
$retmask mask --model "$model" --scores "$out/detect/head_scores.json" --top-k $heads --spec-only --out "$out/mask"
$retmask mask --model "$model" --scores "$out/detect/head_scores.json" --top-k $heads --select non-retrieval --seed 1 \
  --spec-only --out "$out/mask-random"

step "eval: the needle test with all heads, without the retrieval heads, without the random ones"
$retmask eval --model "$model" --suite niah "${grid[@]}" "${common[@]}" --out "$out/niah"
$retmask eval --model "$model" --suite niah "${grid[@]}" "${common[@]}" --mask "$out/mask/mask.json" --out "$out/niah-masked"
$retmask eval --model "$model" --suite niah "${grid[@]}" "${common[@]}" --mask "$out/mask-random/mask.json" --out "$out/niah-random"

step "synthesize: answers with and without the retrieval heads"
$retmask synthesize --model "$model" --prompts configs/demo_prompts.jsonl --mask "$out/mask/mask.json" \
  --max-new-tokens 96 "${common[@]}" --out "$out/pairs"

step "train-dpo: learn to prefer the answers that used them"
$retmask train-dpo --model "$model" --pairs "$out/pairs/pairs.jsonl" --global-batch-size 4 --epochs 1 --learning-rate 5e-6 \
  --save-every 6 "${common[@]}" --out "$out/dpo"

step "eval: before and after"
$retmask eval --model "$out/dpo" --suite niah "${grid[@]}" "${common[@]}" --out "$out/niah-trained"
for run in "$model:logprob" "$out/dpo:logprob-trained"; do
  $retmask eval --model "${run%%:*}" --suite logprob --data configs/demo_texts.jsonl "${common[@]}" --out "$out/${run##*:}"
done

step "report"
$retmask report --runs "$out"/{detect,mask,mask-random,niah,niah-masked,niah-random,pairs,dpo,niah-trained,logprob,logprob-trained} \
  --out "$out/report"

step "done: $out/report/report.html"
