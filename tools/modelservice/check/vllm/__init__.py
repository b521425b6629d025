"""What `vllm serve` accepts, by version."""
