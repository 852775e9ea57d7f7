"""The centre of the web page: photo, depth and 3D scene of a result, tied to its claims.

``workbench_data`` describes a result, ``workbench_words`` the words of a language, and ``static_file`` the scripts and
styles, which define ``window.TheodoliteWorkbench``.
"""

from pipeline.serve.workbench.assets import ASSETS, StaticFile, static_file
from pipeline.serve.workbench.data import workbench_data
from pipeline.serve.workbench.words import workbench_words

__all__ = ["ASSETS", "StaticFile", "static_file", "workbench_data", "workbench_words"]
