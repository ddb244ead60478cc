"""The gallery of `koubai.explain.gallery` as files: a page with switches, and a picture."""

from koubai.report.gallery.write import write_gallery

__all__ = ["write_gallery"]
