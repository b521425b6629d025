"""Inference engines: their command lines, arguments and versions."""
