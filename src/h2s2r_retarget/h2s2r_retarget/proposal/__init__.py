"""Proposes an embodiment for any URDF: fingers, palm axes, home, gains and synergies by stated rules.

What comes out loads and moves; what a person has to look at is written beside it.
"""

from h2s2r_retarget.proposal.propose import Proposal, propose

__all__ = ["Proposal", "propose"]
