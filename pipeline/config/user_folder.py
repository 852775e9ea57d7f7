"""Lets Hydra read the user's own options, both in a checkout and in an installed wheel."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from pipeline.config.options import user_folder


def use_user_folder() -> None:
    """Let Hydra search the user's folder after the options that ship."""
    Plugins.instance().register(_UserFolder)


class _UserFolder(SearchPathPlugin):
    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if user_folder().is_dir():
            search_path.append("user", f"file://{user_folder().absolute()}")
