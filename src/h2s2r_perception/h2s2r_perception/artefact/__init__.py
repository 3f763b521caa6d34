"""Artefacts: the folders that flow between stages, their configuration and their errors."""

from h2s2r_perception.artefact.configuration import as_plain, load_configuration
from h2s2r_perception.artefact.errors import InputError
from h2s2r_perception.artefact.folder import (
    ArtefactWriter,
    Schema,
    content_sha256,
    is_current,
    read_meta,
    recover,
    writing,
)

__all__ = [
    "ArtefactWriter",
    "InputError",
    "Schema",
    "as_plain",
    "content_sha256",
    "is_current",
    "load_configuration",
    "read_meta",
    "recover",
    "writing",
]
