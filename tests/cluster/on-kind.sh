#!/usr/bin/env bash
# Runs the cluster and request tests on a kind cluster of their own: what `make test-kind` does. Needs Docker or
# Podman. Requests are sent to pods from this machine, so its routes lead to the nodes; without the right to set them,
# the request tests are left out, which is said.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=.venv/bin/python
name=modelservice-tests

if ! docker info >/dev/null 2>&1 && ! podman info >/dev/null 2>&1; then
  echo "test-kind: kind runs its nodes in Docker or Podman, and neither answers; start one, or use make test" >&2
  exit 2
fi

program() { "$python" -m localcluster.binaries "$1"; }
kind=$(program kind) kubectl=$(program kubectl) helm=$(program helm4)
folder=$(mktemp -d)
finish() {
  "$kind" delete cluster --name "$name" --kubeconfig "$folder/kubeconfig" || true
  rm -rf "$folder"
}
trap finish EXIT
export KUBECONFIG=$folder/kubeconfig

"$kind" create cluster --name "$name" --kubeconfig "$KUBECONFIG" --wait 120s --config - <<'END'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/16}
nodes: [{role: control-plane}, {role: worker}, {role: worker}]
END
"$python" -m localcluster.definitions | "$kubectl" apply --server-side --filename -
lws=$("$python" -c 'from localcluster.binaries import module_file; print(module_file("lws", "sigs.k8s.io/lws", "charts/lws"))')
"$helm" install lws "$lws" --namespace lws-system --create-namespace --skip-crds --wait --timeout 180s \
  --set image.manager.tag=v0.8.0

ln -s "$kubectl" "$folder/kubectl"  # for pytest-helm-charts
run() { PATH="$folder:$PATH" "$python" -m pytest --kubeconfig "$KUBECONFIG" --chart-path charts/llm-d-modelservice "$@"; }
run tests/cluster "$@"

root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo --non-interactive "$@"; fi; }
nodes='{range .items[*]}{.spec.podCIDR} {.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}'
routes=$("$kubectl" get nodes --output jsonpath="$nodes")
routes+=$'\n'"10.96.0.0/16 $(echo "$routes" | head -1 | cut -d' ' -f2)"
while read -r network node; do
  if ! root ip route replace "$network" via "$node"; then
    echo "test-kind: no right to set routes to pods, so the request tests are left out" >&2
    exit 0
  fi
done <<<"$routes"
run tests/requests --image-loader "$kind load image-archive --name $name" "$@"
