"""What runs: pods, pools, devices and the cluster."""
