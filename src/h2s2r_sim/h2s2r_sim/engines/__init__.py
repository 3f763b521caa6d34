"""Physics engines: batches of one robot and one object, behind one small protocol."""

from h2s2r_sim.engines.engine import PARAMETERS, Engine, EngineError
from h2s2r_sim.engines.registry import ENGINES, make_engine

__all__ = ["ENGINES", "PARAMETERS", "Engine", "EngineError", "make_engine"]
