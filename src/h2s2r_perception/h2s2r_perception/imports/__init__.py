"""Data of others, turned into Recordings."""

from h2s2r_perception.imports.folder import import_folder
from h2s2r_perception.imports.m3t import import_m3t

__all__ = ["import_folder", "import_m3t"]
