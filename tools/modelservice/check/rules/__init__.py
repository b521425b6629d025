"""The rules, one module a family. A new module is found by itself."""
