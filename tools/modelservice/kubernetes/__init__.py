"""Kubernetes types, merging and quantities."""
