"""Run the real vLLM on processors, for tests: its environment, tiny models, and servers as local processes.

vLLM's wheel for processors and PyTorch come from PyPI; no GPU, container image or model download is needed.
"""
