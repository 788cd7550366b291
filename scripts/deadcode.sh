#!/usr/bin/env bash
# Lists the functions that no program of this repository reaches, and fails where there is one. What only tests use lies in packages
# whose names end in "test" and in interop; dave is a library.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=$(go list ./cmd/... ./internal/... ./scripts/... | grep -v 'test$' | paste -sd '|')
dead=$(go tool deadcode -filter "^($packages)\$" ./...)
[ -z "$dead" ] || { echo "nothing calls:"; echo "$dead"; exit 1; }
