"""Run a real Kubernetes control plane as local processes, for tests and for trying out values.

etcd, kube-apiserver, kube-controller-manager and kube-scheduler are the real programs; kwok replaces the kubelets of
nodes that exist only as objects; the LeaderWorkerSet controller runs with its webhooks. This needs no container runtime
and no root. Real nodes, whose pods run, need both.
"""
