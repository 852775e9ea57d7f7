"""The base of depth backends whose package is not among the dependencies."""

from __future__ import annotations

import importlib
import importlib.util
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any, ClassVar

from pipeline.models.depth.network import NetworkDepth
from pipeline.records.errors import DependencyError, ModelUnavailableError
from pipeline.records.settings import Text, checked


@checked
@dataclass(eq=False, kw_only=True)
class PackagedDepth(NetworkDepth):
    """Depth from a network of a package that is not among the dependencies.

    Args:
        model: Name on the hub or local path.
        kind: What the checkpoint's output means.
        revision: Branch, tag or commit on the hub; None takes the main branch.
        **settings: Those of ``NetworkDepth``.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    option: ClassVar[str]
    """What a user chooses to run it, for errors."""
    package: ClassVar[str]
    """The package."""
    install: ClassVar[str]
    """The command that installs it."""
    masks_pixels = True

    revision: Text | None = None

    @classmethod
    def model_status(cls, model: str, revision: str | None = None) -> str:
        """``on disk``, ``not downloaded`` or ``package not installed``; never asks the network."""
        return cls._status(model, revision) if cls._is_installed() else "package not installed"

    def check(self) -> None:
        """See ``DepthBackend``."""
        self._require_package()
        super().check()

    @classmethod
    @abstractmethod
    def _status(cls, model: str, revision: str | None) -> str:
        """``on disk`` or ``not downloaded``; never asks the network."""

    @abstractmethod
    def _locate(self) -> Any:
        """Where the model is.

        Raises:
            ModelUnavailableError: If it is neither on disk nor reachable.
        """

    @cached_property
    def _location(self) -> Any:
        try:
            return self._locate()
        except ModelUnavailableError:
            self._require_package()  # A model that cannot run then is not worth a download.
            raise

    @classmethod
    def _is_installed(cls) -> bool:
        return importlib.util.find_spec(cls.package) is not None

    def _require_package(self) -> None:
        if not self._is_installed():
            raise DependencyError(
                f"{self.option} needs the package {self.package}, which is not installed: run '{self.install}'."
            )

    def _imported(self, module: str) -> ModuleType:
        """A module of the package.

        Raises:
            DependencyError: If it, or something that it imports, is missing.
        """
        self._require_package()
        try:
            return importlib.import_module(f"{self.package}.{module}")
        except ImportError as error:
            raise DependencyError(
                f"{self.option} needs the package {self.package}, which cannot be imported ({error}): "
                f"run '{self.install}'."
            ) from error
