#!/bin/sh
# compare.sh PROGRAM CASE all|instructions same|different
#
# Traces a check that fails at its first byte and one that fails at its last (of the 16 bytes of a
# tag or the 32 of the rest), and compares every instruction, or also every address it reads and
# writes. A trace is the same for the same input: the program asks nobody for randomness or time, and
# addresses are not shuffled.
set -eu
program=$1 case=$2 what=$3 expected=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

lines=' *[ILSM]'
[ "$what" = all ] || lines=I

trace() {
    setarch -R valgrind -q --tool=lackey --basic-counts=no --trace-mem=yes \
        --log-file="$folder/log" "$program" "$case" <"$folder/input"
    # From `main` on: what loader and runtime do before, such as reading a table of the process's own
    # memory, varies. The first instruction of the program is `_start`, which tells where `main` is.
    first=$(sed -n 's/^I  \(00[0-9a-f]*\),.*/\1/p;T;q' "$folder/log")
    main=$(printf '%08x' $((0x$first - 0x$(symbol _start) + 0x$(symbol sotto_traced::main))))
    sed -n "/^I  $main,/,\$p" "$folder/log" | grep "^$lines " >"$folder/$1"
    rm "$folder/log"
}

symbol() {
    nm -C "$program" | sed -n "s/^0*\([0-9a-f]*\) [Tt] $1\$/\1/p"
}

last=31
[ "$case" != tag ] || last=15
# From a file, which is read in one piece.
{ printf '\001'; head -c 31 /dev/zero; } >"$folder/input"
trace first
{ head -c $last /dev/zero; printf '\001'; head -c $((31 - last)) /dev/zero; } >"$folder/input"
trace last

count=$(wc -l <"$folder/first")
[ "$count" -gt 1000 ] || { echo "$case: only $count lines of trace"; exit 1; }
if cmp "$folder/first" "$folder/last"; then found=same; else found=different; fi
echo "$case, $what: $found over $count lines"
[ "$found" = "$expected" ]
