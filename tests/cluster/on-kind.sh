#!/usr/bin/env bash
# Runs the cluster tests on a kind cluster of their own: what `make test-kind` does. Needs Docker or Podman.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=.venv/bin/python
name=modelservice-tests

if ! docker info >/dev/null 2>&1 && ! podman info >/dev/null 2>&1; then
  echo "test-kind: kind runs its nodes in Docker or Podman, and neither answers; start one, or use make test" >&2
  exit 2
fi

program() { "$python" -m modelservice.binaries "$1"; }
kind=$(program kind) kubectl=$(program kubectl) helm=$(program helm4)
folder=$(mktemp -d)
finish() {
  "$kind" delete cluster --name "$name" --kubeconfig "$folder/kubeconfig" || true
  rm -rf "$folder"
}
trap finish EXIT
export KUBECONFIG=$folder/kubeconfig

"$kind" create cluster --name "$name" --kubeconfig "$KUBECONFIG" --wait 120s
"$python" -m modelservice.cluster.definitions | "$kubectl" apply --server-side --filename -
lws=$("$python" -c 'from modelservice.binaries import module_file; print(module_file("lws", "sigs.k8s.io/lws", "charts/lws"))')
"$helm" install lws "$lws" --namespace lws-system --create-namespace --skip-crds --wait --timeout 180s \
  --set image.manager.tag=v0.8.0

ln -s "$kubectl" "$folder/kubectl"  # for pytest-helm-charts
PATH="$folder:$PATH" "$python" -m pytest tests/cluster --kubeconfig "$KUBECONFIG" --chart-path charts/llm-d-modelservice "$@"
