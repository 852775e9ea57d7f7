"""Files of a result: pictures, 3D views, exports and the report, made when they are first asked for."""

from pipeline.serve.artefacts.making import Artefact, artefact, made_artefact
from pipeline.serve.artefacts.names import ARTEFACTS, REPORT_PAGE

__all__ = ["ARTEFACTS", "REPORT_PAGE", "Artefact", "artefact", "made_artefact"]
