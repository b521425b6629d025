"""How long tests wait for what must happen. Only a fault waits so long, so it is generous to a busy machine."""

from localcluster.process import PATIENCE

__all__ = ["PATIENCE"]
