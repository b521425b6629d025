#!/usr/bin/env bash
# In continuous integration, the tests of `make test-kind-quick`: part of `make test`. As root it starts Docker by itself
# and makes the node image if there is none. Where the machine cannot run containers, a line says why, and that is no
# failure: the same tests ran on the local control plane.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${CI:-}" = true ] || exit 0

if [ "$(id -u)" = 0 ] && ! docker info >/dev/null 2>&1; then
  declare -A packages=([dockerd]=docker.io [mmdebstrap]=mmdebstrap [ip]=iproute2)
  missing=()
  for program in "${!packages[@]}"; do
    command -v "$program" >/dev/null || missing+=("${packages[$program]}")
  done
  if [ "${#missing[@]}" -gt 0 ]; then
    echo "installing ${missing[*]}"
    install=(apt-get install -qq --yes --no-install-recommends)
    # What is still missing then is named below.
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${install[@]}" "${missing[@]}"; } >/dev/null || true
  fi
fi
code=0
.venv/bin/python -m localcluster.kind -m quick_on_kind || code=$?
if [ "$code" = 69 ]; then
  echo "test: nothing was run on kind, as this machine cannot; the reason is in the line above" >&2
  code=0
fi
exit "$code"
