"""Recordings in the formats of others."""

from h2s2r_perception.exports.exporting import EXPORTS, export_recording
from h2s2r_perception.exports.layout import ExportLayout, ExportOptions
from h2s2r_perception.exports.source import ExportSource

__all__ = ["EXPORTS", "ExportLayout", "ExportOptions", "ExportSource", "export_recording"]
