#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT
#
# Checks scc_inspect from the outside: what it prints and writes, and how it fails.
#   check.sh <path of scc_inspect>

set -euo pipefail

here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
program=$(realpath "${1:?usage: check.sh <path of scc_inspect>}")
source "$here/../expectations.sh"

# succeeds <arguments...>
succeeds() {
  run "$@"
  [ "$status" -eq 0 ] || fail "exit status $status instead of 0: $*"
}

# rejects <status> <text> <arguments...>: that exit status, one line on stderr with that text, and no report.
rejects() {
  local expected=$1 text=$2
  shift 2
  rm -f scc_report.png
  run "$@"
  [ "$status" -eq "$expected" ] || fail "exit status $status instead of $expected: $*"
  [ "$(wc -l <err.txt)" -eq 1 ] || fail "not exactly one line on stderr: $*"
  grep -q '^scc_inspect: ' err.txt || fail "the line does not say who complains: $*"
  grep -qF -e "$text" err.txt || fail "the line does not say \"$text\": $*"
  [ ! -e scc_report.png ] || fail "wrote a report all the same: $*"
}

# value <name>: the number that the last run printed in the row of that name.
value() { sed -n "s/^$1  *\(-\{0,1\}[0-9.][0-9.]*\).*/\1/p" out.txt | head -n 1; }

# near <a> <b> <tolerance>
near() { awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { exit !(a != "" && b != "" && a - b <= t && b - a <= t) }'; }
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a < b) }'; }

bytes() { for byte in "$@"; do printf "\\$(printf %03o "$byte")"; done; }

# Images of 16 x 16 pixels: every byte once, upwards and downwards; the former in RGB and in 16 bits; a constant.
rising=$(seq 0 255)
{ printf 'P5\n# a comment\n16 16\n255\n'; bytes $rising; } >rising.pgm
{ printf 'P5 16 16 255\n'; bytes $(seq 255 -1 0); } >falling.pgm
{ printf 'P6 16 16 255\n'; bytes $(for k in $rising; do echo "$k $k $k"; done); } >rising.ppm
{ printf 'P5 16 16 65535\n'; bytes $(for k in $rising; do echo "$k $k"; done); } >rising16.pgm
{ printf 'P5 16 16 255\n'; bytes $(for k in $rising; do echo 99; done); } >constant.pgm
{ printf 'P5 2 3 255\n'; bytes 1 2 3 4 5 6; } >small.pgm
{ printf 'P6 16 16 255\n'; bytes $(for k in $rising; do echo "$k 0 0"; done); } >scene.ppm
{ printf 'P5 8 16 255\n'; bytes $(seq 1 128); } >narrow.pgm
{ printf 'P5 16 8 255\n'; bytes $(seq 1 128); } >low.pgm

succeeds --help
expect '--help is said' grep -q '^Usage: scc_inspect ' out.txt

# One pair: the numbers
succeeds rising.pgm rising.pgm
itself=$(value rSMI)
expect 'a picture by default' test -s scc_report.png
expect 'the rSMI of an image with itself is not small' below 0.1 "$itself"
expect 'the loss is the negative of rSMI' near "$(value loss)" "-$itself" 1e-6
expect 'the row of the input with itself agrees' near "$(value 'rSMI of input and input')" "$itself" 1e-6
expect 'h and H have the size of the kernels' grep -Eq '^h and H +81 and 81 x 81$' out.txt
expect 'the basis is named' grep -Eq '^basis +chebyshev, [0-9]+ terms' out.txt
expect 'the time is given' grep -Eq '^forward +[0-9.]+ ms, [0-9.]+ ns per pixel' out.txt
expect 'no pixel is out of the domain or NaN' grep -Eq '^input values +0 outside the domain, 0 NaN$' out.txt
succeeds rising.pgm falling.pgm
expect 'inversion keeps the structure' near "$(value rSMI)" "$itself" 1e-5
succeeds rising.pgm constant.pgm
expect 'a constant has no structure' near "$(value rSMI)" 0 0.02
succeeds rising.pgm rising.ppm
expect 'grey against RGB is measured' near "$(value rSMI)" "$itself" 1e-5
succeeds rising.ppm rising.pgm
expect 'RGB against grey is measured' near "$(value rSMI)" "$itself" 1e-5
succeeds rising16.pgm rising.pgm
expect '16 bits are read as 8' near "$(value rSMI)" "$itself" 1e-5
expect '16 bits are said' grep -q '^input .*16 bits, read as 8' out.txt
succeeds rising.pgm constant.pgm --values -2 2
expect 'values outside the domain are counted' grep -Eq '^input values +128 outside the domain, 0 NaN$' out.txt
expect 'and not where there are none' grep -Eq '^translation values +0 outside' out.txt

# One pair: the options
succeeds rising.pgm falling.pgm --released-code --centers 5 --lambda 0.2
expect 'released code' grep -q '^estimator .*reciprocal gaussian kernel, sigma 1, 5 x 5 .*beta 0.5, lambda 0.2$' out.txt
succeeds rising.pgm falling.pgm --lambda 0.2 --released-code
expect 'the order of options is free' grep -q '^estimator .*reciprocal gaussian .*lambda 0.2$' out.txt
succeeds rising.pgm falling.pgm --kernel reciprocal_gaussian --bandwidth 2 --center-range -0.5 0.75 --beta 0.25 \
  --domain -3 3 --tolerance 1e-4 --repeat 1
expect 'all parameters arrive' grep -q \
  '^estimator .*reciprocal gaussian kernel, sigma 2, 9 x 9 centres on \[-0.5, 0.75\], beta 0.25, lambda 0.05$' out.txt
expect 'the domain arrives' grep -q '^pixel values .*domain \[-3, 3\]$' out.txt
succeeds rising.pgm rising.pgm --basis histogram
expect 'the histogram basis is used' grep -Eq '^basis +histogram' out.txt
expect 'both bases agree' near "$(value rSMI)" "$itself" 1e-5
cp rising.pgm ./--odd.pgm
succeeds -- --odd.pgm rising.pgm
expect 'a file may start with a hyphen after --' near "$(value rSMI)" "$itself" 1e-6

# Masks: the upper half, in one channel and in three; half as much of it; nothing.
upper=$(for k in $rising; do echo $((k < 128 ? 255 : 0)); done)
{ printf 'P5 16 16 255\n'; bytes $upper; } >upper.pgm
{ printf 'P6 16 16 255\n'; bytes $(for k in $upper; do echo "$k $k $k"; done); } >upper.ppm
{ printf 'P5 16 16 255\n'; bytes $(for k in $upper; do echo $((k / 2)); done); } >grey_upper.pgm
{ printf 'P5 16 16 255\n'; bytes $(for k in $rising; do echo 0; done); } >black.pgm
{ printf 'P5 16 8 255\n'; bytes $(seq 0 127); } >rising_upper.pgm
{ printf 'P5 16 8 255\n'; bytes $(seq 255 -1 128); } >falling_upper.pgm
succeeds rising_upper.pgm falling_upper.pgm
upper_alone=$(value rSMI) upper_itself=$(value 'rSMI of input and input')
for mask in upper.pgm upper.ppm grey_upper.pgm; do
  succeeds rising.pgm falling.pgm --mask $mask
  expect "a mask leaves out pixels: $mask" near "$(value rSMI)" "$upper_alone" 2e-6
done
expect 'in all rows' near "$(value 'rSMI of input and input')" "$upper_itself" 2e-6
expect 'its share is said' grep -Eq '^mask +grey_upper.pgm, 50.0 % of the pixels count$' out.txt
rejects 1 "the mask 'black.pgm' is black" rising.pgm rising.pgm --mask black.pgm
rejects 1 "'rising.pgm' is 16 x 16, 'small.pgm' is 2 x 3" rising.pgm rising.pgm --mask small.pgm
rejects 1 "the mask 'scene.ppm' has colours" rising.pgm rising.pgm --mask scene.ppm
rejects 1 "cannot read 'absent.pgm'" rising.pgm rising.pgm --mask absent.pgm
rejects 2 '--synthetic' --synthetic --mask upper.pgm
rejects 1 "will not replace 'upper.pgm'" --select rising.pgm rising.pgm --mask upper.pgm --csv upper.pgm

# The picture: PNG, which the program itself can read, SVG and PDF.
succeeds --synthetic --out scene.png
expect 'a PNG signature' test "$(head -c 8 scene.png | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a
expect 'the built-in scene keeps some structure' below 0.05 "$(value rSMI)"
succeeds scene.png scene.png --out again.png
expect 'the picture is a whole PNG' grep -Eq '^input +scene.png, 1500 x [0-9]+, RGB$' out.txt
succeeds --synthetic --out scene.svg
expect 'a whole SVG' sh -c 'grep -q "^<svg .*width=\"1500" scene.svg && [ "$(tail -n 1 scene.svg)" = "</svg>" ]'
expect 'the SVG needs no other file' sh -c '! grep -Eq "href=\"[^d#]" scene.svg'
succeeds --synthetic --out scene.pdf
expect 'a whole PDF' sh -c '[ "$(head -c 5 scene.pdf)" = %PDF- ] && [ "$(tail -n 1 scene.pdf)" = %%EOF ]'

# Wrong arguments
rejects 2 'TRANSLATION'
rejects 2 'TRANSLATION' rising.pgm
rejects 2 'third.pgm' rising.pgm rising.pgm third.pgm
rejects 2 '--frobnicate' rising.pgm rising.pgm --frobnicate
rejects 2 '--domain' rising.pgm rising.pgm --domain 0
rejects 2 '--bandwidth' rising.pgm rising.pgm --bandwidth wide
rejects 2 'bandwidth' rising.pgm rising.pgm --bandwidth nan
rejects 2 'domain' rising.pgm rising.pgm --domain 1 1
rejects 2 '--values' rising.pgm rising.pgm --values 1 0
rejects 2 '--values' rising.pgm rising.pgm --values 0 1e300
rejects 2 '--domain' rising.pgm rising.pgm --domain 0 1e90
rejects 2 '--kernel' rising.pgm rising.pgm --kernel cubic
rejects 2 '--repeat' rising.pgm rising.pgm --repeat 0
rejects 2 '--out' rising.pgm rising.pgm --out report.jpg
rejects 2 '--csv' rising.pgm rising.pgm --csv t.csv
rejects 2 '--out' --pairs . . --out r.png
rejects 2 '--synthetic' --synthetic rising.pgm
rejects 2 '--pairs' --pairs . . rising.pgm
rejects 2 '--pairs' --synthetic --pairs . .
rejects 2 '--pairs' --pairs .

# Files that cannot be read
head -c 100 rising.pgm >short.pgm
head -c 20000 scene.png >short.png
{ head -c 20000 scene.png; printf 'damage'; tail -c +20007 scene.png; } >damaged.png
printf '\377\330\377\340\000\004ab\377\332\000\002abc' >short.jpg
printf 'P5 16 x 255\n' >header.pgm
printf 'not an image' >text.png
: >empty.png
rejects 1 "cannot read 'absent.png': No such file" absent.png rising.pgm
rejects 1 "cannot read 'absent.png': No such file" rising.pgm absent.png
rejects 1 "cannot read '.': it is a folder" . rising.pgm
rejects 1 "cannot decode 'short.pgm': the PNM data ends early" short.pgm rising.pgm
rejects 1 "cannot decode 'short.png': the PNG data ends early" short.png rising.pgm
rejects 1 "cannot decode 'damaged.png': damaged PNG" damaged.png rising.pgm
rejects 1 "cannot decode 'short.jpg': the JPEG data ends early" short.jpg rising.pgm
rejects 1 "cannot decode 'header.pgm': damaged PNM header" header.pgm rising.pgm
rejects 1 "cannot decode 'text.png': not a PNG" text.png rising.pgm
rejects 1 "cannot decode 'empty.png': the file is empty" empty.png rising.pgm
rejects 1 "'rising.pgm' is 16 x 16, 'small.pgm' is 2 x 3" rising.pgm small.pgm
rejects 1 "'narrow.pgm' is 8 x 16, 'rising.pgm' is 16 x 16" narrow.pgm rising.pgm
rejects 1 "'rising.pgm' is 16 x 16, 'low.pgm' is 16 x 8" rising.pgm low.pgm
rejects 1 "cannot read 'two?lines.png'" $'two\nlines.png' rising.pgm

# Reports that cannot be written, and images that must not be
cp scene.png precious.png
ln -s precious.png link.png
rejects 1 "there is no folder 'absent'" rising.pgm rising.pgm --out absent/report.png
rejects 1 "there is no folder 'rising.pgm'" rising.pgm rising.pgm --out rising.pgm/report.png
mkdir folder.png
rejects 1 "cannot write 'folder.png': Is a directory" rising.pgm rising.pgm --out folder.png
rejects 1 "will not replace 'precious.png'" precious.png scene.png --out precious.png
rejects 1 "will not replace './precious.png'" scene.png precious.png --out ./precious.png
rejects 1 "will not replace 'link.png'" scene.png precious.png --out link.png
expect 'the image is untouched' cmp -s scene.png precious.png
if [ -e /dev/full ]; then
  ln -s /dev/full full.png
  rejects 1 "cannot write 'full.png': No space left" rising.pgm rising.pgm --out full.png
fi

# Two folders
mkdir -p a/deep b/deep
cp rising.pgm a/same.pgm; cp rising.ppm b/same.ppm
cp rising.pgm a/flat.pgm; cp constant.pgm b/flat.pgm
cp rising.pgm 'a/deep/odd, name.pgm'; cp falling.pgm 'b/deep/odd, name.pgm'
cp rising.pgm a/size.pgm; cp small.pgm b/size.pgm
cp rising.pgm a/broken.pgm; cp short.png b/broken.png
cp rising.pgm a/twice.pgm; cp rising.ppm a/twice.ppm; cp rising.pgm b/twice.pgm
cp rising.pgm a/alone.pgm; cp rising.pgm b/lonely.pgm
echo 'no image' >a/notes.txt
succeeds --pairs a b --csv pairs.csv --worst 2 --values -2 2
expect 'the header of the CSV' test "$(head -n 1 pairs.csv)" = name,rsmi,x_outside,x_nan,y_outside,y_nan,error
expect 'one line per pair' test "$(wc -l <pairs.csv)" -eq 7
expect 'numbers and counts of a pair' grep -Eq '^same,0\.[0-9]+,384,0,384,0,$' pairs.csv
expect 'counts of input and translation apart' grep -Eq '^flat,-?[0-9.e-]+,128,0,0,0,$' pairs.csv
expect 'a name with a comma in quotes, below a folder' grep -Eq '^"deep/odd, name",0\.[0-9]+,128,0,128,0,$' pairs.csv
expect 'sizes that differ' grep -q "^size,,,,,,\"sizes differ: 'a/size.pgm' is 16 x 16, 'b/size.pgm' is 2 x 3\"$" pairs.csv
expect 'a broken file' grep -q "^broken,,,,,,cannot decode 'b/broken.png': the PNG data ends early$" pairs.csv
expect 'an ambiguous name' grep -q "^twice,,,,,,ambiguous: 'a/twice" pairs.csv
expect 'the counts' grep -q '^pairs measured: 3, failed: 3$' out.txt
expect 'a file of the first folder without partner' grep -q '^  a/alone.pgm$' out.txt
expect 'a file of the second folder without partner' grep -q '^  b/lonely.pgm$' out.txt
expect 'the worst pair first' test "$(grep -A 1 '^lowest rSMI (2 worst of 3)' out.txt | tail -n 1 | awk '{print $2}')" = flat
expect 'progress on stderr' grep -q '^measured 6 of 6 ' err.txt
expect 'no control characters where there is no terminal' sh -c "! grep -q \"\$(printf '\r')\" err.txt"

mkdir -p masks/deep
cp upper.pgm masks/same.pgm; cp upper.pgm 'masks/deep/odd, name.pgm'; cp small.pgm masks/flat.pgm
succeeds --pairs a b --mask masks --csv masked.csv
expect 'the mask of the same name' near "$(grep '^same,' masked.csv | cut -d, -f2)" "$upper_itself" 2e-6
expect 'and below a folder' near "$(grep '^"deep/odd, name",' masked.csv | cut -d, -f3)" "$upper_alone" 2e-6
expect 'a mask of another size' grep -q "^flat,,,,,,\"sizes differ: 'a/flat.pgm' is 16 x 16, 'masks/flat.pgm'" masked.csv
mkdir only_bad nothing
cp short.png only_bad/same.png
rejects_audit() { # as rejects, but progress may come before the last line
  local text=$1
  shift
  run "$@"
  [ "$status" -eq 1 ] || fail "exit status $status instead of 1: $*"
  tail -n 1 err.txt | grep -qF -e "scc_inspect: $text" || fail "the last line does not say \"$text\": $*"
}
rejects_audit 'no pair of images could be measured' --pairs a only_bad
rejects_audit 'no pair of images could be measured' --pairs a nothing
rejects_audit "cannot read the folder 'absent': No such file" --pairs a absent
rejects_audit "cannot read the folder 'absent': No such file" --pairs a b --mask absent
rejects_audit 'no pair of images could be measured' --pairs a b --mask nothing
rejects_audit "cannot write 'absent/p.csv': No such file" --pairs a b --csv absent/p.csv
cp a/same.pgm before.pgm
rejects_audit "will not replace 'a/same.pgm'" --pairs a b --csv a/same.pgm
expect 'the image is untouched' cmp -s before.pgm a/same.pgm

# Selection of parameters. The inspector's own rows say what the chosen ones do.
few='--bandwidths 0.2,0.6,1 --lambdas 0.001,0.05 --block 2'
succeeds --select rising.pgm rising.pgm $few --csv table.csv
expect 'the header of the table' \
  test "$(head -n 1 table.csv)" = bandwidth,lambda,criterion,standard_error,held_out_rsmi,rsmi
expect 'a line per candidate' test "$(wc -l <table.csv)" -eq 7
expect 'one candidate is marked' test "$(grep -o '\*' out.txt | wc -l)" -eq 1
best=$(tail -n +2 table.csv | sort -t, -k5,5g | tail -n 1)
expect 'the one of the largest held-out rSMI is chosen' \
  grep -q "^chosen  *--bandwidth $(echo "$best" | cut -d, -f1) --lambda $(echo "$best" | cut -d, -f2)$" out.txt
expect 'its rSMI of all pixels is printed' near "$(value 'rSMI of all pixels')" "$(echo "$best" | cut -d, -f6)" 1e-6
expect 'the given parameters are compared' grep -q '^for comparison  *--bandwidth 1 --lambda 0.05: ' out.txt
all=$(value 'rSMI of all pixels')
succeeds rising.pgm rising.pgm --bandwidth "$(echo "$best" | cut -d, -f1)" --lambda "$(echo "$best" | cut -d, -f2)"
expect 'the loss agrees with the table' near "$(value rSMI)" "$all" 1e-5
succeeds --select --synthetic --lambdas 0.01,0.1,1
expect 'default bandwidths' grep -Eq '^1\.12 ' out.txt
expect 'the choice at an end is remarked' grep -q '^remark .*at an end of the candidates' out.txt
succeeds --select rising.pgm falling.pgm --mask upper.pgm $few
all=$(value 'rSMI of all pixels')
succeeds --select rising_upper.pgm falling_upper.pgm $few
expect 'a selection obeys the mask' near "$(value 'rSMI of all pixels')" "$all" 1e-5
succeeds --select --pairs a b $few --folds 3
expect 'pairs that can be read are used' grep -q 'pairs: 3, folds: 3 of squares of 2 x 2 pixels$' out.txt
expect 'and a file without partner' grep -q '^  a/alone.pgm$' out.txt
expect 'others are named' grep -q "^left out size: sizes differ: 'a/size.pgm' is 16 x 16" out.txt
succeeds --select --synthetic --released-code --bandwidth 0.55 --lambda 0.05 --lambdas 0.05
expect 'bandwidths are those that these ridges allow' grep -q '^for comparison  *--bandwidth 0.55 --lambda 0.05: ' out.txt
succeeds --select rising.pgm constant.pgm $few --values -2 2
expect 'values outside the domain are remarked' grep -q '^remark  *128 pixel values are outside' out.txt
rejects 2 '--folds' rising.pgm rising.pgm --folds 3
rejects 2 '--lambdas' rising.pgm rising.pgm --lambdas 1
rejects 2 '--out' --select rising.pgm rising.pgm --out r.png
rejects 2 '--worst' --select --pairs a b --worst 3
rejects 2 '--basis' --select rising.pgm rising.pgm --basis histogram
rejects 2 'TRANSLATION' --select rising.pgm
rejects 2 '--folds' --select rising.pgm rising.pgm --folds 1
rejects 2 '--block' --select rising.pgm rising.pgm --block -1
rejects 2 'bandwidth is -1' --select rising.pgm rising.pgm --bandwidths -1
rejects 2 'lambda is 0, must be' --select rising.pgm rising.pgm --lambdas 0
rejects 2 'has 4 squares of Folds::block = 8 for 5 folds' --select rising.pgm rising.pgm
rejects 1 "cannot write 'absent/t.csv': No such file" --select rising.pgm rising.pgm --csv absent/t.csv
rejects 1 'lambda is lost' --select constant.pgm constant.pgm --block 2 --bandwidths 0.5,1 --lambdas 1e-12
rejects 1 "will not replace 'rising.pgm'" --select rising.pgm falling.pgm --csv rising.pgm
rejects_audit 'no pair of images could be used' --select --pairs a only_bad

if [ "$failures" -ne 0 ]; then
  echo "$failures checks of scc_inspect failed"
  exit 1
fi
echo 'all checks of scc_inspect passed'
