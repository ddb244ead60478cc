"""`torch.utils.checkpoint`: recomputation of activations."""

from koubai.engine.function import checkpoint

__all__ = ["checkpoint"]
