#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Trains every method on tiny data of every kind: what it writes, and that a resumed run ends with the bits of one that was
# never stopped.
#   check_methods.sh <path of scc_translate>

source "$(dirname "${BASH_SOURCE[0]}")/checks.sh"

# Every method: without the constraint, with it, and that with a stop in the middle.
# trains <name> <options...>
trains() {
  local name=$1
  shift
  ends 0 "${each[@]}" "$@" --out "$name"
  expect "rSMI of $name is measured without the constraint too" grep -Eq '^4(,[0-9.e-]*){3},-?[0-9]' "$name/record.csv"
  ends 0 "${each[@]}" "$@" --scc 5 --out "$name-scc"
  expect "the constraint changes $name" test "$(value "$name" weights-digest)" != "$(value "$name-scc" weights-digest)"
  ends 3 "${each[@]}" "$@" --scc 5 --out "$name-halves" --stop-after 2
  ends 0 "${each[@]}" "$@" --scc 5 --out "$name-halves" --resume
  expect "$name resumed: the same weights and scores" same_result "$name-scc" "$name-halves"
}
folders=(--direction a-b --size 32)
trains gan
cp -r gan unscored && rm unscored/result.txt
ends 0 "${each[@]}" --out unscored --resume
expect 'a run that was stopped before its scores: the same scores' same_result gan unscored
trains cyclegan --method cyclegan --direction s-m
trains gcgan-rot --method gcgan-rot --direction f-fm
trains gcgan-vf --method gcgan-vf --direction mm-m
trains cycle-rot --method cycle-rot
trains cycle-vf --method cycle-vf "${folders[@]}"
trains cut --method cut
trains gcgan-digits --method cycle-rot --networks gcgan-digits --noise-channels 2 --discriminator-sees-batch 1 --target-shares 1 0 .5 0 0 0 0 0 0 1
trains cut-folders --method cut "${folders[@]}" --score maps --translations --mask-dir made/aligned
trains fastcut --method fastcut "${folders[@]}" --score parsing
trains ugatit --method ugatit-light --direction b-a --size 96 --batch 1
trains pool --method cyclegan "${folders[@]}" --pool 2 --identity-weight 5 --guide-dir made/aligned
for score in acc5 acc10 rmse; do
  expect "maps have $score" test -n "$(value cut-folders $score)"
done
for score in pixel-accuracy class-accuracy mean-iou; do
  expect "parsing has $score" test -n "$(value fastcut $score)"
done
expect 'all translations' test "$(cd cut-folders/translations && echo *)" = '0.png 1.png 2.png'
expect 'a translation is a PNG' is_png cut-folders/translations/0.png
if python3 -c 'import PIL' 2> err.txt; then
  python3 "$here/draw_rows.py" rows.png CUT=cut-folders/translations \
    'CUT + SCC|weight 5=cut-folders-scc/translations' --names 0.png 2.png
  expect 'rows of translations' is_png rows.png
fi
ends 0 "${each[@]}" --method cycle-vf "${folders[@]}" --out cycle-vf --resume --translations
expect 'translations of a finished run' is_png cycle-vf/translations/2.png
expect 'no training score' test -z "$(value gan training-score)"
expect 'no accuracy of folders without a score' grep -Eq '^4(,-?[0-9.e-]+){5},$' cycle-vf/record.csv
ends 0 "${each[@]}" "${folders[@]}" --method cyclegan --pool 2 --identity-weight 5 --scc 5 --out unguided
expect 'the guide changes what is learned' test "$(value unguided weights-digest)" != "$(value pool-scc weights-digest)"
ends 0 "${each[@]}" "${folders[@]}" --method cyclegan --pool 2 --identity-weight 5 --scc 5 --mask-dir made/aligned --out masked
expect 'the mask changes what is learned' test "$(value unguided weights-digest)" != "$(value masked weights-digest)"
ends 0 "${each[@]}" --target-shares 1 0 0 0 0 0 0 0 0 0 --out shares
expect 'the shares of digits change what is learned' test "$(value gan weights-digest)" != "$(value shares weights-digest)"
ends 0 "${each[@]}" --seed 2 --out seed
expect 'another seed, other weights' test "$(value gan weights-digest)" != "$(value seed weights-digest)"
ends 0 "${each[@]}" --scc 5 --kernel reciprocal_gaussian --out kernel
expect 'another kernel, other weights' test "$(value gan-scc weights-digest)" != "$(value kernel weights-digest)"

finish
