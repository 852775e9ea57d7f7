"""Reads checkpoints of transformers, each with its processor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.models.hub import ModelLocation
from pipeline.models.loading_errors import loading, quiet_reports
from pipeline.models.torchvision_fix import ensure_torchvision


def read_pretrained(
    location: ModelLocation,
    purpose: str,
    choose: Callable[[Any, str], tuple[Any, Any, Any]],
    try_out: Callable[[Any, Any], None],
    *,
    bad_processor: str = "its preprocessor_config.json is missing, or does not describe how images are prepared",
    quote: bool = False,
    **settings: Any,
) -> tuple[Any, Any, list[str]]:
    """A model in evaluation mode, its processor, and the names of the weights that its files lack.

    Code beside the weights is never run, and the user is never asked to allow it.

    Args:
        location: Where the checkpoint is.
        purpose: What it is loaded as, such as ``a depth model``.
        choose: Takes its configuration and name, and gives the configuration to build, and the classes of model and
            processor. It raises a ModelUnavailableError for other models.
        try_out: Takes processor and configuration, and raises what it likes where the processor does not work.
        bad_processor: What is wrong if the processor fails; the middle of a sentence.
        quote: Whether what the reader of the weights says is more telling than that they do not fit.
        **settings: Of the model's ``from_pretrained``.

    Raises:
        ModelUnavailableError: If the files are damaged, or not those of such a model.
        DependencyError: If a package is missing.
    """
    ensure_torchvision()
    from transformers import AutoConfig

    source, name = location.path_or_name, location.name
    common = {"revision": location.hub_revision or "main", "trust_remote_code": False}
    with loading(location, purpose, "its config.json describes no model that transformers knows"):
        config, model_class, processor_class = choose(AutoConfig.from_pretrained(source, **common), name)
    with loading(location, purpose, bad_processor):
        processor = processor_class.from_pretrained(source, **common)
        try_out(processor, config)
    with loading(location, purpose, "its weights do not fit its config.json", quote=quote), quiet_reports():
        model, report = model_class.from_pretrained(
            source, config=config, output_loading_info=True, **common, **settings
        )
    return model.eval().requires_grad_(False), processor, list(report["missing_keys"])
