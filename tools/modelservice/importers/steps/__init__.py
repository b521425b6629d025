"""Steps from a workload to values."""
