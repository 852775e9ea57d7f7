"""What the backends of all kinds of models share."""

from __future__ import annotations

from typing import Protocol


class Backend(Protocol):
    """A model, or what stands in for one."""

    @property
    def identity(self) -> str | None:
        """Name, model and settings: everything besides the input that the output depends on.

        None if caching the output gains nothing, because it is looked up or drawn at random.
        """
        return None

    @property
    def version(self) -> str | None:
        """Name and revision of the model, or of the package that holds it, as ``NAME@REVISION``.

        None without a model, and where each output names its own.

        Raises:
            TheodoliteError: If the model or package is missing.
        """
        return None

    @property
    def loads_model(self) -> bool:
        """Whether it holds or asks a model, which belongs into one place; otherwise every worker may have its own."""
        return True

    def check(self) -> None:
        """Check, without computing anything, that its package, model, server or file is there.

        Raises:
            TheodoliteError: If something is missing.
        """
        _ = self.identity
