#!/usr/bin/env bash
# Runs each fuzz target of the project for a short time: scripts/fuzz.sh [time or number of runs, default 5s] [folder, default all].
# Fails when it finds no target, so that a rename can't empty it silently.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-5s}
folder=${2:-.}
count=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cache=$(go env GOCACHE)/fuzz
built=
while IFS=: read -r file target; do
  package=$(dirname "$file")
  if [ "$package" != "$built" ]; then # once for all targets of a package, in the module that it is of
    go -C "$package" test -c -fuzz . -o "$work/test" . >"$work/output" 2>&1 || { cat "$work/output"; exit 1; }
    built=$package
  fi
  echo "fuzz $package $target $time"
  (cd "$package" && "$work/test" -test.run '^$' -test.fuzz "^${target}\$" -test.fuzztime "$time" -test.fuzzminimizetime 1x \
    -test.fuzzcachedir "$cache/github.com/mynahbot/mynah/$package") >"$work/output" 2>&1 || { cat "$work/output"; exit 1; }
  count=$((count + 1))
done < <(git ls-files "$folder" | grep '_test\.go$' | xargs -r grep -HoE '^func Fuzz[A-Za-z0-9_]+' | sed 's/:func /:/')
[ "$count" -gt 0 ] || { echo "no fuzz target found"; exit 1; }
echo "$count fuzz targets ran for $time each"
