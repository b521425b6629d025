#!/usr/bin/env bash
# Runs a pytest command and builds the missing programs beside it: what `make test` does. A test that needs a program
# which is not there yet waits for it. In continuous integration, a program that cannot be built is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python

if "$python" -m localcluster.binaries --plan; then
  exec "$@"
fi
set -m  # a process group of its own, which ends as a whole
"$python" -m localcluster.binaries >/dev/null 2> >(cat >&2) &
builder=$!
set +m
trap 'kill -- -"$builder" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
code=0
"$@" --while-building || code=$?
wait "$builder" || [ "${CI:-}" != true ] || code=1
exit "$code"
