"""Opens a picture of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from koubai.i18n import _

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")


def open_picture(path: Path, mode: str) -> Image.Image:
    """A picture in grey (mode "L") or in colours (mode "RGB"), turned as its camera was held.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read.
        ImportError: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise ImportError(
            _("Reading pictures needs Pillow, which is not installed: pip install 'koubai[recipes]'")
        ) from error
    if not path.is_file():
        raise FileNotFoundError(_("There is no file {path}.").format(path=path))
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert(mode)
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(_("{path} is not a picture that can be read.").format(path=path)) from error
