"""`torch.utils.checkpoint`: recomputation of activations."""

from koubai.function import checkpoint

__all__ = ["checkpoint"]
