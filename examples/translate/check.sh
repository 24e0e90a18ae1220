#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Checks scc_translate from the outside, on tiny data: how it fails, what a run writes, that it can be stopped and resumed, and
# several processes.
#   check.sh <path of scc_translate>

source "$(dirname "${BASH_SOURCE[0]}")/checks.sh"

# number <n>: as IDX has it, four bytes, the highest first.
number() { printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 >> 24 & 255)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)))"; }
numbers() { for n in "$@"; do number "$n"; done; }

# The files of black images that are all labelled 0.
black_images() { numbers 2051 "$1" 28 28; head -c $((784 * $1)) /dev/zero; }
black_labels() { numbers 2049 "$1"; head -c "$1" /dev/zero; }
black_mnist() {
  rm -rf data
  mkdir -p data/mnist data/bsds500
  black_images 20 > data/mnist/train-images-idx3-ubyte
  black_labels 20 > data/mnist/train-labels-idx1-ubyte
  black_images 10 > data/mnist/t10k-images-idx3-ubyte
  black_labels 10 > data/mnist/t10k-labels-idx1-ubyte
}

# Help and wrong arguments
ends 0 --help
expect '--help is said' grep -q '^Usage: scc_translate ' out.txt
rejects 2 '--data'
rejects 2 '--out' --data data
rejects 2 '--frobnicate' --data data --out o --frobnicate
rejects 2 '--method' --data data --out o --method vae
rejects 2 '--iterations' --data data --out o --iterations 0
rejects 2 '--batch' --data data --out o --batch 1.5
rejects 2 '--processes is at most 1024' --data data --out o --processes 1025
rejects 2 '--scc' --data data --out o --scc nan
rejects 2 'bandwidth' --data data --out o --bandwidth 0
rejects 2 '--target-shares' --data data --out o --target-shares 1 1 1
rejects 2 '--target-shares' --data data --out o --target-shares 1 1 1 1 1 1 1 1 1 2
rejects 2 '--target-shares' --data data --out o --direction a-b --target-shares 1 1 1 1 1 1 1 1 1 1
rejects 2 '--method gan does not run with --networks ugatit on images of 32 pixels; there are: digits' \
  --data data --out o --networks ugatit
rejects 2 'ugatit (from 96 pixels, a multiple of 4): ugatit-light' --data data --out o --method ugatit-light
rejects 2 'on images of 94 pixels' --data data --out o --method ugatit-light --direction a-b --size 94
for option in --guide-dir --mask-dir; do
  rejects 2 'for --direction a-b and b-a' --data data --out o "$option" g
done

# Files that are missing or damaged
images=data/mnist/train-images-idx3-ubyte
labels=data/mnist/train-labels-idx1-ubyte
mnist_address='https://ossci-datasets.s3.amazonaws.com/mnist/'
# rejects_data <text> <address>: data/ is of no use, for that reason, and that address helps.
rejects_data() {
  rejects 1 "$1" --data data --out o --train-images 20
  grep -qF -e "$2" err.txt || fail "the line does not say where to get the data: $1"
}
rejects_data "there is neither '$images' nor that with .gz" "$mnist_address"
black_mnist; rm "$labels"
rejects_data "there is neither '$labels' nor that with .gz" "$mnist_address"
black_mnist; rm "$images"; mkdir "$images"
rejects_data "cannot use '$images': it is a folder" "$mnist_address"
black_mnist; : > "$images"
rejects_data "cannot use '$images': it ends early" "$mnist_address"
black_mnist; truncate -s 1000 "$images"
rejects_data "cannot use '$images': it ends early" "$mnist_address"
black_mnist; echo >> "$images"
rejects_data "cannot use '$images': it is longer than its header says" "$mnist_address"
black_mnist; black_labels 20 > "$images"
rejects_data "cannot use '$images': its magic number is 2049 instead of 2051" "$mnist_address"
black_mnist; numbers 2051 20 32 28 > "$images"
rejects_data "cannot use '$images': its number of rows is 32 instead of 28" "$mnist_address"
black_mnist; numbers 2051 4000000000 28 28 > "$images"
rejects_data "cannot use '$images': its number of items is 4000000000" "$mnist_address"
black_mnist; black_labels 19 > "$labels"
rejects_data "cannot use '$labels': it has 19 labels for the 20 images of '$images'" "$mnist_address"
black_mnist; { numbers 2049 20; printf '\0\0\012'; head -c 17 /dev/zero; } > "$labels"
rejects_data "cannot use '$labels': label 2 is 10, not 0 to 9" "$mnist_address"
black_mnist; gzip "$images"; head -c 50 "$images.gz" > "$images.part"; mv "$images.part" "$images.gz"
rejects_data "cannot use '$images.gz': it ends early" "$mnist_address"
black_mnist; gzip "$images"
{ head -c 50 "$images.gz"; printf 'damage'; tail -c +57 "$images.gz"; } > "$images.part"; mv "$images.part" "$images.gz"
rejects_data "cannot use '$images.gz': the packed data is damaged" "$mnist_address"
photographs_address='https://www2.eecs.berkeley.edu/'
black_mnist
rejects_data "there are 0 images in 'data/bsds500', at least 2 are needed" "$photographs_address"
rm -r data/bsds500
rejects_data "cannot read the folder 'data/bsds500': No such file" "$photographs_address"
black_mnist; echo 'no photograph' > data/bsds500/1.jpg; echo 'no photograph' > data/bsds500/2.jpg
rejects_data "cannot decode 'data/bsds500/1.jpg': not a PNG, JPEG" "$photographs_address"
black_mnist; printf '\377\330\377\340\000\004ab\377\332\000\002abc' | tee data/bsds500/1.jpg > data/bsds500/2.jpg
rejects_data "cannot decode 'data/bsds500/1.jpg': the JPEG data ends early" "$photographs_address"
rejects 1 "--train-images is 30, but there are only 20 training digits" --data data --out o --train-images 30
rejects 1 "there is no checkpoint in 'absent'" --data data --out absent --resume
rejects_fashion() { rejects 1 "$1" --data data --out o --direction f-fm; }
rejects_fashion "there is neither 'data/fashion-mnist/train-images-idx3-ubyte'"
expect 'it says where Fashion-MNIST is' grep -q dataset-fashion-mnist err.txt

svhn=made/svhn/train_32x32.mat
rejects_svhn() {
  rejects 1 "cannot use '$svhn': $1" --data made --out o --direction s-m --train-images 200
  grep -qF http://ufldl.stanford.edu/housenumbers/ err.txt || fail "the line does not say where to get SVHN: $1"
}
cp "$svhn" whole.mat
rm "$svhn"; rejects_svhn 'there is no such file'
echo 'no MATLAB file' > "$svhn"; rejects_svhn 'it is damaged or no MATLAB file'
head -c 5000 whole.mat > "$svhn"; rejects_svhn 'its variable y is missing, damaged or of another shape'
mv whole.mat "$svhn"
folders() { rejects 1 "$1" --data made --out o --direction a-b "${@:2}"; }
mv made/testB absent; folders "cannot read the folder 'made/testB': No such file"
grep -qF http://efrosgans.eecs.berkeley.edu err.txt || fail 'the line does not say where to get folders'
mkdir made/testB; folders "there are no PNG, JPEG, PPM or PGM images in 'made/testB'"
echo damage > made/testB/0.ppm; folders "cannot decode 'made/testB/0.ppm'"
rm -r made/testB; mv absent made/testB
mv made/aligned/trainA/1.pgm made/aligned/trainA/x.pgm
for option in --guide-dir --mask-dir; do
  folders "there is no image '1' in 'made/aligned/trainA'" "$option" made/aligned
done
mv made/aligned/trainA/x.pgm made/aligned/trainA/1.pgm
rejects 1 '--target-shares leaves no training image' "${each[@]}" --out o --target-shares 0 0 0 0 0 0 0 0 0 0
mv made/testB/2.ppm made/testB/3.ppm; folders 'testA and testB must have the same names' --score maps
mv made/testB/3.ppm made/testB/2.ppm

# experiments.py, with a program whose score is 80 and the seed, and 10 more with the constraint; that fails for seed 9, and
# whose score for seed 2 is 40 without the constraint, so that seeds 4 and 5 are needed, for both weights.
cat > stand_in.sh << 'PROGRAM'
#!/usr/bin/env bash
while (($# > 0)); do
  case $1 in
    --classifier-only) echo 'the classifier of mnist_m is right on 98.00 % of 10 real test images'; exit 0 ;;
    --quick) shift ;;
    --no-training-score) option_training=''; shift ;;
    *) printf -v "option_${1//-/}" '%s' "$2"; shift 2 ;;
  esac
done
[ "$option_seed" != 9 ] || { echo 'out of luck' >&2; exit 1; }
score=$((option_seed == 2 && option_scc == 0 ? 40 : 80 + option_seed + (option_scc > 0 ? 10 : 0)))
printf '%s\n' "test-score $score" ${option_training-"training-score 50"} "test-rsmi 0.1" > "$option_out/result.txt"
PROGRAM
chmod +x stand_in.sh
drive() {
  python3 "$here/experiments.py" --program ./stand_in.sh --methods gan --data data --out driven "$@" \
    > out.txt 2> err.txt < /dev/null
}
expect 'experiments run' drive --seeds 1 3
expect 'means and deviations without the constraint' \
  grep -qF '| gan | 0 | 2 | 82.0 ± 1.4 | 54.6 ± 40.5 | 50.0 ± 0.0 |' out.txt
expect 'means and deviations with it' grep -qF '| gan | 50 | 2 | 92.0 ± 1.4 | 96.3 ± 0.2 |' out.txt
expect 'experiments run again' drive --seeds 1 3
expect 'nothing is repeated' test "$(grep -c '^finished' out.txt)" -eq 0
expect 'other options are other runs' drive --seeds 1 3 -- --iterations 5
expect 'all of them run' test "$(grep -c '^finished' out.txt)" -eq 4
expect 'a score that is left out' drive --seeds 1 -- --no-training-score
expect 'is a dash' grep -qF '| 81.0 | 54.6 ± 40.5 | - | 45.7 ± 31.2 |' out.txt
expect 'another device, too' drive --seeds 1 3 --device cuda
expect 'both run' test "$(grep -c '^finished.*--device cuda' out.txt)" -eq 4
expect 'a run that fails is counted' drive --seeds 1 9
expect 'in the table' grep -qF '| gan | 0 | 1, 1 failed | 81.0 |' out.txt
expect 'and in the records, with the reason' grep -q 'failed: out of luck' driven/digits.csv
expect 'experiments run with all seeds' drive
expect 'more seeds where they differ' grep -qF '| gan | 0 | 5 |' out.txt
expect 'and where the other weight has them' grep -qF '| gan | 50 | 5 | 93.0 ± 1.6 |' out.txt
rm -r driven

tiny=(--data made --train-images 200 --classifier classifiers --classifier-epochs 1 --batch 4 --width 4
  --discriminator-width 4 --residual-blocks 1 --evaluate-images 20)
# Stopped and resumed: the same bits as without a stop. All that has a state takes part.
long=("${tiny[@]}" --method cyclegan --scc 2 --iterations 30 --record-every 5 --evaluate-every 10)
ends 0 "${long[@]}" --out whole
ends 3 "${long[@]}" --out halves --stop-after 15
expect 'a stopped run has no result' test ! -e halves/result.txt
expect 'a stopped run says so' grep -q '^stopped after iteration 15; --resume goes on$' out.txt
rejects 1 "'halves' holds a run already" "${long[@]}" --out halves
rejects 1 'scc is 3 now, and was 2' "${long[@]}" --out halves --resume --scc 3
rejects 1 'iterations is 40 now, and was 30' "${long[@]}" --out halves --resume --iterations 40
rejects 1 'method is gan now, and was cyclegan' "${long[@]}" --out halves --resume --method gan
rejects 1 'direction is mm-m now, and was m-mm' "${long[@]}" --out halves --resume --direction mm-m
echo '16,written after the checkpoint' >> halves/record.csv
ends 0 "${long[@]}" --out halves --resume
expect 'it goes on where it stopped' grep -q '^going on after iteration 15$' out.txt
expect 'the same CSV' cmp -s whole/record.csv halves/record.csv
expect 'the same weights and scores' same_result whole halves
# cairo numbers its surfaces over the life of a program.
plot_of() { sed -E "s/(surface|clip|image|source)-?[0-9]+/\1/g" "$1/accuracy.svg"; }
expect 'the same plot' cmp -s <(plot_of whole) <(plot_of halves)
expect 'the same samples' diff -r whole/samples halves/samples
expect 'seven lines of CSV' test "$(wc -l < whole/record.csv)" -eq 7
expect 'the header of the CSV' test "$(head -n 1 whole/record.csv)" = \
  iteration,adversarial,discriminator,consistency,rsmi,test_rsmi,test_accuracy
expect 'a row without evaluation' grep -Eq '^5(,-?[0-9.e-]+){4},,$' whole/record.csv
expect 'a row with evaluation' grep -Eq '^10(,-?[0-9.e-]+){6}$' whole/record.csv
expect 'three pictures' test "$(ls whole/samples | wc -l)" -eq 3
for picture in whole/samples/*; do
  expect "$picture is a PNG" is_png "$picture"
done
expect 'the plot is an SVG' is_svg whole/accuracy.svg
for name in method scc iterations weights-digest milliseconds-per-iteration classifier-accuracy test-rsmi test-score \
  training-score confusion; do
  expect "result.txt has $name" test -n "$(value whole "$name")"
done
value whole confusion | awk -v score="$(value whole test-score)" '{
  for (k = 1; k <= NF; ++k) { all += $k; if ((k - 1) % 11 == 0) { right += $k } }
  exit !(NF == 100 && all == 60 && sprintf("%.2f", 100 * right / all) == score) }' ||
  fail 'the confusion does not have the digits of the score'
head -c 20000 whole/checkpoint.pt > halves/checkpoint.pt
rejects 1 "cannot read 'halves/checkpoint.pt': it is damaged" "${long[@]}" --out halves --resume

# await_rows <folder> <count>: until its CSV has so many.
await_rows() {
  local k
  for ((k = 0; k < 600; ++k)); do
    if [ -e "$1/record.csv" ] && [ "$(grep -c '' "$1/record.csv")" -ge "$2" ]; then
      return
    fi
    sleep 0.1
  done
  fail "$1 has not got $2 rows within a minute"
}

# A signal ends it after a checkpoint.
"$program" "${each[@]}" --iterations 1000000 --record-every 1 --evaluate-every 1000000 --out signal > out.txt 2> err.txt &
trainer=$!
await_rows signal 4
kill -TERM "$trainer"
status=0
wait "$trainer" || status=$?
expect 'a signal stops it' test "$status" -eq 3
expect 'with a checkpoint' test -s signal/checkpoint.pt

# Several processes: the same weights as those of one with twice the batch, but for rounding, are the other test's. Here, that
# they start, resume and end together.
two=("${each[@]}" --method cyclegan --scc 5 --processes 2)
ends 0 "${two[@]}" --out two
expect 'one process tells how far it is' test "$(grep -c '^weights-digest' out.txt)" -eq 1
ends 3 "${two[@]}" --out two-halves --stop-after 2
ends 0 "${two[@]}" --out two-halves --resume
expect 'two processes resumed: the same weights and scores' same_result two two-halves
rejects 1 'processes is 1 now, and was 2' "${each[@]}" --method cyclegan --scc 5 --out two --resume
# start <prefix> <RANK SIZE LOCAL_RANK variables>: two processes with the variables of another launcher.
start() {
  local name=$1 rank
  shift
  for rank in 1 0; do
    env MASTER_ADDR=127.0.0.1 MASTER_PORT="$port" "$1=$rank" "$2=2" "$3=$rank" "$program" "${two[@]:0:${#two[@]}-2}" \
      --out "$name" > "$name-$rank.txt" 2>&1 &
  done
  wait
  expect "two processes of $name" same_result two "$name"
}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start torchrun RANK WORLD_SIZE LOCAL_RANK
start mpirun OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_SIZE OMPI_COMM_WORLD_LOCAL_RANK
start srun SLURM_PROCID SLURM_NTASKS SLURM_LOCALID
RANK=0 WORLD_SIZE=2 rejects 2 'some are set, but not LOCAL_RANK' "${each[@]}" --out o
RANK=2 WORLD_SIZE=2 LOCAL_RANK=0 rejects 2 "RANK is '2', not a number from 0 to 1" "${each[@]}" --out o
RANK=0 WORLD_SIZE=2 LOCAL_RANK=0 MASTER_PORT=1 rejects 2 'but not MASTER_ADDR' "${each[@]}" --out o

# One that is killed ends the others, and a run can go on from the last checkpoint.
endless=("${each[@]}" --iterations 1000000 --record-every 1 --evaluate-every 1000000 --processes 2)
"$program" "${endless[@]}" --checkpoint-every 2 --out killed > out.txt 2> err.txt &
trainer=$!
await_rows killed 4
kill -KILL "$(pgrep -P "$trainer" | tail -n 1)"
killed_at=$SECONDS
status=0
wait "$trainer" || status=$?
expect 'the others fail' test "$status" -eq 1
expect 'within 30 seconds' test $((SECONDS - killed_at)) -lt 30
expect 'it says which was killed' grep -q '^scc_translate: process 1 was ended by signal 9 (Killed)$' err.txt
expect 'the other says why it stops' grep -q '^scc_translate: process 0 of 2 stops, because process 1 has ended: ' err.txt
expect 'no unfinished files' test -z "$(find killed -name '*.part')"
rows=$(grep -c '' killed/record.csv)
"$program" "${endless[@]}" --checkpoint-every 2 --out killed --resume > out.txt 2> err.txt &
trainer=$!
await_rows killed "$((rows + 2))"
kill -TERM "$trainer"
status=0
wait "$trainer" || status=$?
expect 'a signal to the first process stops all' test "$status" -eq 3

# A classifier that is damaged
for classifier in classifiers/*; do echo damage > "$classifier"; done
rejects 1 "cannot read 'classifiers/mnist_m-" "${each[@]}" --out damaged

finish
