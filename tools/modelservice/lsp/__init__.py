"""The language server for values files: what `check`, `explain` and `plan` know, in an editor."""
