"""modelservice: generates, renders, explains and checks what the llm-d-modelservice chart installs."""


def version() -> str:
    """Return the version of the installed package."""
    from importlib import metadata  # late, because it takes as long as everything else that `--version` needs

    try:
        return metadata.version("llm-d-modelservice")
    except metadata.PackageNotFoundError:
        return "0.0.0+unknown"
