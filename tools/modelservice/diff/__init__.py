"""What an upgrade would do: objects that change, pods that restart, what is refused, lost or has no room."""
