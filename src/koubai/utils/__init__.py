"""The names that PyTorch keeps in `torch.utils`."""

from koubai.utils import checkpoint, data

__all__ = ["checkpoint", "data"]
