# Runs in the root file system of the node image, after the files of kind's base image and the programs are in it: what
# that image's Dockerfile does with packages of a registry's image, and the images of the control plane.
set -eu

# The programs of the packages, where kind's files look for them.
ln -s /usr/bin/containerd /usr/bin/ctr /usr/bin/containerd-shim-runc-v2 /usr/local/bin/
mkdir -p /opt/cni/bin /etc/kubernetes/manifests
ln -s /usr/lib/cni/host-local /usr/lib/cni/loopback /usr/lib/cni/ptp /usr/lib/cni/portmap /opt/cni/bin/
ln -sf /usr/lib/systemd/systemd /sbin/init

# Only what a node needs is started.
cd /lib/systemd/system
rm -rf multi-user.target.wants/* local-fs.target.wants/* basic.target.wants/* /etc/systemd/system/*.wants/*
rm -f sysinit.target.wants/systemd-tmpfiles-setup.service sockets.target.wants/*udev* sockets.target.wants/*initctl*
echo ReadKMsg=no >>/etc/systemd/journald.conf
systemctl enable kubelet.service containerd.service undo-mount-hacks.service
systemctl mask systemd-binfmt.service

# kubelet refuses the first version of control groups unless told otherwise; machines with it are still common.
sed -i '/^KUBELET_EXTRA_ARGS=/s/$/ --fail-cgroupv1=false/' /etc/default/kubelet
# A machine that is a container itself may not lower anybody's score.
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml
hook='.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}]'
ctr oci spec | jq "$hook | del(.process.rlimits)" >/etc/containerd/cri-base.json

# containerd's content: it is not unpacked, which needs mounts; the nodes do that when they start a container.
containerd >/tmp/containerd.log 2>&1 &
for _ in $(seq 100); do
  ctr version >/dev/null 2>&1 && break
  sleep 0.2
done
for archive in /kind/images/*.tar; do
  ctr --namespace=k8s.io images import --all-platforms --no-unpack "$archive" || { cat /tmp/containerd.log >&2; exit 1; }
done
kill $!
wait $! || true
rm -r /kind/images /kind/prepare.sh /tmp/containerd.log
