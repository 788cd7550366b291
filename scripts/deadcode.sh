#!/usr/bin/env bash
# Lists the functions that neither a program of this repository nor a test reaches, and fails where there is one: tests also write
# what docs/ holds, and interop drives the parts from outside. dave is a library.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=$(go list ./cmd/... ./internal/... ./scripts/... | grep -v 'test$' | paste -sd '|')
dead=$(go tool deadcode -test -filter "^($packages)\$" ./...)
[ -z "$dead" ] || { echo "nothing calls:"; echo "$dead"; exit 1; }
