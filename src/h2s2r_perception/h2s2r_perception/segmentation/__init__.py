"""Which pixels are the object: from a prompt, or from what stands on the table."""

from h2s2r_perception.segmentation.manipulated import ManipulatedObject, propose_manipulated_object
from h2s2r_perception.segmentation.prompted import segment
from h2s2r_perception.segmentation.prompted_frame import segment_frame
from h2s2r_perception.segmentation.segmenter import DEFAULT_SEGMENTER, SEGMENTERS, Segmenter, make_segmenter
from h2s2r_perception.segmentation.table_plane import fit_table_plane, plane_from_height
from h2s2r_perception.segmentation.weighing import ProposalConfiguration
from h2s2r_perception.segmentation.workspace import Workspace, propose_masks

__all__ = [
    "DEFAULT_SEGMENTER",
    "SEGMENTERS",
    "ManipulatedObject",
    "ProposalConfiguration",
    "Segmenter",
    "Workspace",
    "fit_table_plane",
    "make_segmenter",
    "plane_from_height",
    "propose_manipulated_object",
    "propose_masks",
    "segment",
    "segment_frame",
]
