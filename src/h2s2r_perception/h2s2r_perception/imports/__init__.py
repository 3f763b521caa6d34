"""Data of others, turned into Recordings."""

from h2s2r_perception.imports.foreign import ForeignFrame, ForeignRecording, ForeignTruth, ImportOptions, Layout
from h2s2r_perception.imports.importing import AUTO, LAYOUTS, Imported, import_recording, recognise

__all__ = [
    "AUTO",
    "LAYOUTS",
    "ForeignFrame",
    "ForeignRecording",
    "ForeignTruth",
    "ImportOptions",
    "Imported",
    "Layout",
    "import_recording",
    "recognise",
]
