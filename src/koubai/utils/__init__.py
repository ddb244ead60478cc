"""The names that PyTorch keeps in `torch.utils`, so that programs written for it run after their imports are changed."""

from koubai.utils import checkpoint, data

__all__ = ["checkpoint", "data"]
