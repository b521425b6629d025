"""A real Kubernetes control plane as local processes, for tests and for trying values out.

etcd, kube-apiserver, kube-controller-manager and kube-scheduler run as they do anywhere; kwok stands in for the
kubelets of nodes that exist only as objects; the LeaderWorkerSet controller runs with its webhooks. No container
runtime, no root; both are needed for real nodes beside them, whose pods run.
"""
