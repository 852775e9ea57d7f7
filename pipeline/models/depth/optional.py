"""What depth backends share whose package is not among the dependencies."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from pipeline.models.loading_errors import check_complete
from pipeline.records.errors import DependencyError, ModelUnavailableError


def is_installed(package: str) -> bool:
    """Whether a package can be found; it is not imported."""
    return importlib.util.find_spec(package) is not None


def require_installed(package: str, purpose: str, command: str) -> None:
    """Refuse to go on without a package.

    Args:
        package: Its name.
        purpose: What needs it, for the error.
        command: How to install it, for the error.

    Raises:
        DependencyError: If it cannot be found.
    """
    if not is_installed(package):
        raise DependencyError(f"{purpose} needs the package {package}, which is not installed: run '{command}'.")


def import_optional(module: str, purpose: str, command: str) -> ModuleType:
    """Import a module of a package that is not among the dependencies.

    Args:
        module: Full name of the module.
        purpose: What needs it, for the error.
        command: How to install it, for the error.

    Raises:
        DependencyError: If it, or something that it imports, is missing.
    """
    package = module.split(".")[0]
    require_installed(package, purpose, command)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DependencyError(
            f"{purpose} needs the package {package}, which cannot be imported ({error}): run '{command}'."
        ) from error


def load_complete(model: Any, weights: Mapping[str, Any], name: str) -> None:
    """Load all weights that a module needs; those that it does not know are left aside.

    Args:
        model: The module.
        weights: Tensors by name.
        name: Name of the model, for the error.

    Raises:
        ModelUnavailableError: If a weight is missing or has another shape.
    """
    try:
        missing = model.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip().rstrip(".")
        raise ModelUnavailableError(f"{name} holds weights of another network: {reason:.200}.") from None
    except Exception as error:  # What torch raises for things that are no weights.
        raise ModelUnavailableError(f"{name} is no complete model: it holds other things than weights.") from error
    check_complete(name, "model", missing)
