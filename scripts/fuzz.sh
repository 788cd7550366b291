#!/usr/bin/env bash
# Runs each fuzz target of the project for a short time: scripts/fuzz.sh [time, default 5s] [folder, default all].
# Fails when it finds no target, so that a rename can't empty it silently.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-5s}
folder=${2:-.}
count=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT
while IFS=: read -r file target; do
  package=$(dirname "$file")
  echo "fuzz $package $target $time"
  go -C "$package" test . -run '^$' -fuzz "^${target}\$" -fuzztime "$time" -fuzzminimizetime 1x >"$output" 2>&1 || { cat "$output"; exit 1; }
  count=$((count + 1))
done < <(git ls-files "$folder" | grep '_test\.go$' | xargs -r grep -HoE '^func Fuzz[A-Za-z0-9_]+' | sed 's/:func /:/')
[ "$count" -gt 0 ] || { echo "no fuzz target found"; exit 1; }
echo "$count fuzz targets ran for $time each"
