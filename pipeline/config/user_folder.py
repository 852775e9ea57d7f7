"""Lets Hydra read options in the folder of the user's own, from a checkout and from an installed wheel alike."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from pipeline.config.options import user_folder


def use_user_folder() -> None:
    """Let Hydra look for options in the folder too, after those that ship."""
    Plugins.instance().register(_UserFolder)


class _UserFolder(SearchPathPlugin):
    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if user_folder().is_dir():
            search_path.append("user", f"file://{user_folder().absolute()}")
