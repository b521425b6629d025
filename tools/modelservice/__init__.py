"""modelservice: generates, renders, explains and checks what the llm-d-modelservice chart installs."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("llm-d-modelservice")
except PackageNotFoundError:
    __version__ = "0.0.0+unknown"
