#!/usr/bin/env bash
# Times a whole run of attnviz against the Python program that it replaces, side by side: the same
# model of 117 MB, the same text, three figures each. Reads that program and nothing else from outside
# of this repository.
# Usage: bench/reference.sh PATH/TO/seaborn_reference.py [RUNS]
# Needs python3-torch, python3-matplotlib and python3-seaborn.
set -euo pipefail
reference=$(readlink -f "$1")
runs=${2:-5}
attnviz=$(dirname "$(readlink -f "$0")")/../script/attnviz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
/usr/bin/python3 "$reference" export >/dev/null
text="To be or not to be, that is the question"
"$attnviz" "$text" --model model.pt --prefix warm >/dev/null  # builds where that is needed

seconds() {  # runs "$@" and prints how long it took
  local start end
  start=$(date +%s.%N)
  "$@" >/dev/null
  end=$(date +%s.%N)
  awk "BEGIN { print $end - $start }"
}

median() { sort -n | sed -n "$(((runs + 1) / 2))p"; }

for _ in $(seq "$runs"); do  # in turn, so that both meet the same weather
  seconds "$attnviz" "$text" --model model.pt --prefix a >>ours
  seconds /usr/bin/python3 "$reference" run 11 >>theirs
done
paste ours theirs
ours=$(median <ours)
theirs=$(median <theirs)
printf 'median of %d: attnviz %.2f s, reference %.2f s, ratio %.1f\n' \
  "$runs" "$ours" "$theirs" "$(awk "BEGIN { print $theirs / $ours }")"
