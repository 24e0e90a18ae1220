#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Trains translators of digits without and with the structure consistency constraint, over several seeds, and writes a table
# like table 1 of Guo et al. (CVPR 2022), with the paper's figures beside it.
set -euo pipefail

help='compare.sh [--quick|--full] [options]: builds scc_translate, runs it, writes OUT/table.md.

  --quick            small networks, gan and cyclegan, 3 seeds: within 15 minutes on two CPU cores (this if nothing is said)
  --full             the six methods of table 1, 5 seeds, the sizes of scc_translate: for a GPU
  --methods "NAME.." of gan, cyclegan, gcgan-rot, gcgan-vf, cycle-rot, cycle-vf, cut, fastcut
  --direction NAME   m-mm, mm-m, s-m, m-s, f-fm or fm-f (m-mm)
  --seeds "N.."      (1 2 3; with --full 1 2 3 4 5)
  --scc WEIGHT       of the runs with the constraint (50)
  --kernel NAME      gaussian or reciprocal_gaussian (gaussian)
  --jobs N           runs at a time, each with one thread (the number of cores; 1 with --device cuda)
  --device NAME      cpu or cuda (cpu)
  --data DIR         the folder that holds mnist/ and bsds500/ (../shared/data beside the checkout)
  --out DIR          (build/translate/runs in the checkout)
  --program PATH     an scc_translate that is built already
  -- ...             further options for every run, for example: -- --iterations 500

Runs that OUT holds already are not repeated, and those that were stopped go on. A LibTorch of your own is found if the
environment variable CMAKE_PREFIX_PATH names its folder.'

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
complain() {
  echo "compare.sh: $1" >&2
  exit "${2:-1}"
}

size=quick methods='' seeds='' scc=50 kernel=gaussian direction=m-mm jobs='' device=cpu program=''
data=$root/../shared/data
out=$root/build/translate/runs
more=()
while (($# > 0)); do
  case $1 in
    --help | -h) echo "$help"; exit 0 ;;
    --quick | --full) size=${1#--}; shift; continue ;;
    --) shift; more=("$@"); break ;;
    --methods | --seeds | --scc | --kernel | --direction | --jobs | --device | --data | --out | --program)
      (($# > 1)) || complain "$1 needs a value" 2
      printf -v "${1#--}" '%s' "$2"
      shift 2 ;;
    *) complain "unknown option '$1' (see --help)" 2 ;;
  esac
done
if [[ $size == quick ]]; then
  sizes=(--quick)
  methods=${methods:-gan cyclegan} seeds=${seeds:-1 2 3}
else
  sizes=()
  methods=${methods:-gan cyclegan gcgan-rot gcgan-vf cycle-rot cycle-vf} seeds=${seeds:-1 2 3 4 5}
fi
if [[ -z $jobs ]]; then
  jobs=$([[ $device == cuda ]] && echo 1 || nproc)
fi
[[ $jobs =~ ^[1-9][0-9]*$ ]] || complain "--jobs is '$jobs', must be a whole number, at least 1" 2
for method in $methods; do
  [[ $method =~ ^(gan|cyclegan|(gcgan|cycle)-(rot|vf)|cut|fastcut)$ ]] ||
    complain "--methods has '$method', must be of: gan, cyclegan, gcgan-rot, gcgan-vf, cycle-rot, cycle-vf, cut, fastcut" 2
done
for seed in $seeds; do
  [[ $seed =~ ^[0-9]+$ ]] || complain "--seeds has '$seed', must be whole numbers" 2
done
for list in "$methods" "$seeds"; do
  # Two runs would write to one folder.
  twice=$(echo "$list" | tr ' ' '\n' | sort | uniq -d | head -n 1)
  [[ -z $twice ]] || complain "'$twice' is given twice" 2
done
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)) || complain "bash is version $BASH_VERSION, must be at least 5.1"
if [[ $device == cuda && -z $program && -z ${CMAKE_PREFIX_PATH:-} ]]; then
  complain "--device cuda needs a LibTorch with CUDA: set the environment variable CMAKE_PREFIX_PATH to its folder" 2
fi
awk -v w="$scc" 'BEGIN { exit !(w ~ /^[0-9.]+$/ && w > 0) }' || complain "--scc is '$scc', must be a number above 0" 2

if [[ -z $program ]]; then
  source "$root/.ci/packages.sh"
  source "$root/examples/build_program.sh"
  libtorch=("${libtorch_packages[@]}")
  if [[ -n ${CMAKE_PREFIX_PATH:-} ]]; then
    libtorch=("${libtorch_packages[@]/libtorch-dev/zlib1g-dev}")
  fi
  require_packages "${build_packages[@]}" "${example_packages[@]}" "${libtorch[@]}"
  build_program translate scc_translate \
    -DSCC_BUILD_CUDA="$([[ $device == cuda ]] && echo ON || echo OFF)"
  program=$root/build/translate/examples/translate/scc_translate
fi

# Each run has one thread: several runs are the better use of several cores.
export OMP_NUM_THREADS=1
mkdir -p "$out"
common=(--data "$data" --classifier "$out/classifiers" --direction "$direction" --device "$device" --kernel "$kernel"
  "${sizes[@]}" "${more[@]}")

# place <method> <weight> <seed>: the folder of a run.
place() { echo "$out/$size-$direction-$1-scc$2${kernel_suffix}-seed$3"; }
kernel_suffix=$([[ $kernel == gaussian ]] && echo '' || echo "-$kernel")

# show_log <file> <what>: the last lines of a run that failed.
show_log() {
  tail -n 5 "$1" | sed 's/^/  /' >&2
  echo "compare.sh: $2 failed; all it wrote is in $1" >&2
}

train() {
  local folder arguments
  folder=$(place "$@")
  arguments="${common[*]:4} --method $1 --scc $2 --seed $3"
  if [[ -e $folder/arguments.txt && $(< "$folder/arguments.txt") != "$arguments" ]]; then
    complain "$folder holds a run with other options; choose another --out"
  fi
  if [[ -e $folder/result.txt ]]; then
    echo "have $(basename "$folder")"
    return 0
  fi
  local resume=()
  if [[ -e $folder/checkpoint.pt ]]; then
    resume=(--resume)
  fi
  mkdir -p "$folder"
  echo "$arguments" > "$folder/arguments.txt"
  "$program" "${common[@]}" --method "$1" --scc "$2" --seed "$3" --out "$folder" "${resume[@]}" \
    > "$folder/log.txt" 2>&1 &
  local trainer=$!
  trap 'kill "$trainer"' TERM
  if ! wait "$trainer"; then
    show_log "$folder/log.txt" "$(basename "$folder")"
    return 1
  fi
  echo "done $(basename "$folder"): $(sed -n 's/^test-score //p' "$folder/result.txt") %"
}

# The classifier is shared, so it is there before several runs need it.
if ! OMP_NUM_THREADS=$jobs "$program" "${common[@]}" --out "$out" --classifier-only > "$out/classifier.log" 2>&1; then
  show_log "$out/classifier.log" "the classifier"
  exit 1
fi
tail -n 1 "$out/classifier.log"

running=()
trap 'kill "${running[@]}" 2> /dev/null || true; wait' EXIT
trap 'exit 130' INT TERM
finish_one() {
  local ended
  wait -n -p ended "${running[@]}" || exit 1
  local left=() process
  for process in "${running[@]}"; do
    [[ $process == "$ended" ]] || left+=("$process")
  done
  running=("${left[@]}")
}
for seed in $seeds; do
  for method in $methods; do
    for weight in 0 "$scc"; do
      if ((${#running[@]} == jobs)); then
        finish_one
      fi
      train "$method" "$weight" "$seed" &
      running+=($!)
    done
  done
done
while ((${#running[@]} > 0)); do
  finish_one
done

# The paper's table 1: translated images as test set.
paper() {
  case "$direction $1 $2" in
    'm-mm gan without') echo '54.6 ± 40.5' ;;
    'm-mm gan with') echo '96.3 ± 0.2' ;;
    'm-mm cyclegan without') echo '95.3 ± 0.4' ;;
    'm-mm cyclegan with') echo '96.7 ± 0.1' ;;
    'm-mm gcgan-rot without') echo '95.0 ± 0.6' ;;
    'm-mm gcgan-rot with') echo '96.4 ± 0.3' ;;
    'm-mm gcgan-vf without') echo '95.2 ± 0.4' ;;
    'm-mm gcgan-vf with') echo '96.6 ± 0.3' ;;
    'm-mm cycle-rot with') echo '96.5 ± 0.3' ;;
    'm-mm cycle-vf with') echo '96.7 ± 0.3' ;;
    'mm-m gan without') echo '80.3 ± 3.5' ;;
    'mm-m gan with') echo '90.9 ± 0.5' ;;
    'mm-m cyclegan without') echo '84.7 ± 2.5' ;;
    'mm-m cyclegan with') echo '91.5 ± 0.3' ;;
    'mm-m gcgan-rot without') echo '85.9 ± 0.8' ;;
    'mm-m gcgan-rot with') echo '91.8 ± 1.0' ;;
    'mm-m gcgan-vf without') echo '84.5 ± 1.5' ;;
    'mm-m gcgan-vf with') echo '91.8 ± 0.8' ;;
    'mm-m cycle-rot with') echo '91.8 ± 1.0' ;;
    'mm-m cycle-vf with') echo '92.0 ± 0.8' ;;
    's-m gan without') echo '21.3 ± 9.5' ;;
    's-m gan with') echo '37.3 ± 1.2' ;;
    's-m cyclegan without') echo '26.1 ± 8.1' ;;
    's-m cyclegan with') echo '38.0 ± 0.5' ;;
    's-m gcgan-rot without') echo '32.5 ± 2.0' ;;
    's-m gcgan-rot with') echo '36.5 ± 1.3' ;;
    's-m gcgan-vf without') echo '33.3 ± 4.2' ;;
    's-m gcgan-vf with') echo '37.0 ± 0.8' ;;
    's-m cycle-rot with') echo '39.0 ± 0.5' ;;
    's-m cycle-vf with') echo '44.6 ± 6.8' ;;
    *) echo '-' ;;
  esac
}

# spread <key> <digits> <method> <weight>: mean ± standard deviation over the seeds.
spread() {
  local seed
  for seed in $seeds; do
    sed -n "s/^$1 //p" "$(place "$3" "$4" "$seed")/result.txt"
  done | awk -v digits="$2" '
    { sum += $1; values[NR] = $1 }
    END {
      if (NR == 0) { print "-"; exit }
      mean = sum / NR
      for (k = 1; k <= NR; ++k) { squares += (values[k] - mean) ^ 2 }
      printf "%." digits "f", mean
      if (NR > 1) { printf " ± %." digits "f", sqrt(squares / (NR - 1)) }
      print ""
    }'
}

{
  echo "# $direction, without and with the structure consistency constraint"
  echo
  echo "Accuracy in percent and the rest: mean ± standard deviation over the seeds $seeds. Sizes: $size${more[*]:+, ${more[*]}}; $jobs runs at a time. Weight of the constraint: $scc, kernel: $kernel. Device: $device."
  echo "$(tail -n 1 "$out/classifier.log")."
  echo
  echo '| method | constraint | n | translated as test set | paper | translated as training set | rSMI | ms per iteration |'
  echo '|---|---|---|---|---|---|---|---|'
  for method in $methods; do
    for weight in 0 "$scc"; do
      with=$([[ $weight == 0 ]] && echo without || echo with)
      echo "| $method | $with | $(echo "$seeds" | wc -w) | $(spread test-score 1 "$method" "$weight") | $(paper "$method" "$with")" \
        "| $(spread training-score 1 "$method" "$weight") | $(spread test-rsmi 3 "$method" "$weight")" \
        "| $(spread milliseconds-per-iteration 1 "$method" "$weight") |"
    done
  done
} > "$out/table.md"
cat "$out/table.md"
