"""The library's entry points."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from PIL import Image

from pipeline.config.build import build, build_stages, check_flags
from pipeline.config.mistakes import describe
from pipeline.config.options import option, options_of
from pipeline.config.overrides import translate
from pipeline.config.user_folder import use_user_folder
from pipeline.export.result_with_scene import ResultWithScene, read_run, with_scene
from pipeline.export.stored_scene import StoredScene
from pipeline.models.vlm.hints import HintMode
from pipeline.records import Anchor, Camera, Claim, DepthMap, Frame, Region, Scene
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.message import Language
from pipeline.records.resources import resource_dir
from pipeline.records.settings import check_value
from pipeline.stages.compose import process_with_scenes
from pipeline.stages.depth import DepthStage
from pipeline.stages.export import depth_errors
from pipeline.stages.group import Stages
from pipeline.stages.ocr import OcrStage
from pipeline.stages.timing import StageError
from pipeline.stages.verify import VerifyStage

# The stages that options of groups make.
_FIELDS = {"depth": "depth", "ocr": "ocr", "segment": "verify"}
ImageLike = str | Path | np.ndarray | Image.Image | Frame


class SceneOptions(TypedDict, total=False):
    """What may come with the images of ``Pipeline.ask``, ``ask_all`` and ``judge``.

    Args:
        camera: Intrinsics for all images; otherwise from EXIF or assumed. Lens distortion in it is undone, in images
            and depth; given regions and anchors are moved with it.
        depth: Depth of each image for ``depth=file``: DepthMaps or arrays in metres, (H, W) of the same view at any
            resolution; one of them may stand alone.
        trust_input: Whether cameras and depth are taken as they are, however unlikely they look.
        anchors: Known lengths and distances that turn depth without metres into metric depth.
        item_id: Id of the result; "item" by default.
        output_dir: Where images and point clouds go; None, the default, writes none.
        keep_scene: Whether results keep their frames and depth, as ``result.scene`` and for notebooks; True by
            default. Over many images, False saves memory.
    """

    camera: Camera | Mapping[str, Any] | None
    depth: np.ndarray | DepthMap | Sequence[np.ndarray | DepthMap] | None
    trust_input: bool
    anchors: Sequence[Anchor]
    item_id: str
    output_dir: Path | str | None
    keep_scene: bool


def load_config(overrides: Sequence[str] = (), config_name: str = "run") -> DictConfig:
    """Compose a configuration, with overrides as on the command line.

    Raises:
        ConfigError: If an override names something that does not exist.
    """
    use_user_folder()
    try:
        with initialize_config_dir(str(resource_dir("conf").resolve()), version_base="1.3"):
            return compose(config_name, overrides=translate(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(describe(error, config_name)) from error


class Pipeline:
    """All stages, built once for many questions.

    Args:
        stages: The stages.
        config: The configuration from which they were built.

    Example:
        Judge claims about an image with known depth, without a model:

        >>> import numpy as np
        >>> from pipeline import Pipeline
        >>> from pipeline.records import Camera, Claim, DepthMap, Frame, Region
        >>> depth = np.full((60, 80), 2.0); depth[20:40, 10:30] = 1.0
        >>> frame = Frame(
        ...     np.zeros((60, 80, 3), np.uint8),
        ...     Camera.from_fov(80, 60, 60),
        ...     given_depth=DepthMap.from_values(depth, "metric", "sensor"),
        ... )
        >>> regions = [Region("cup", (10, 20, 30, 40)), Region("wall", (40, 5, 75, 55))]
        >>> result = Pipeline.from_config(["depth=file"]).judge(
        ...     frame, [Claim("in_front_of", "cup", "wall"), Claim("behind", "cup", "wall")], regions
        ... )
        >>> [str(verdict.status) for verdict in result.verdicts]
        ['supported', 'refuted']
    """

    def __init__(self, stages: Stages, config: DictConfig) -> None:
        self.stages = stages
        self.config = config
        self._own = stages
        self._names: dict[str, str] = {}
        self._built: dict[tuple[str, str], Any] = {}
        self._building = threading.Lock()

    @classmethod
    def from_config(cls, overrides: Sequence[str] = (), *, config_name: str = "run") -> Pipeline:
        """Build the stages from the configuration, with overrides as on the command line.

        Args:
            overrides: For example ``["depth=midas", "vlm=qwen3vl", "verify.verifier.risk=0.01"]``.
            config_name: File in ``conf/`` without its suffix.

        Raises:
            ConfigError: If an override names something that does not exist.
        """
        config = load_config(overrides, config_name)
        check_flags(config)
        return cls(build_stages(config), config)

    def ask(
        self, frames: ImageLike | Sequence[ImageLike], question: str, **options: Unpack[SceneOptions]
    ) -> ResultWithScene:
        """Ask one question about one or several images and check the answer.

        Args:
            frames: Paths, uint8 (H, W, 3) arrays, PIL images or Frames: views of one scene.
            question: The question.
            **options: Camera, depth, anchors, id and folder: see ``SceneOptions``.

        Returns:
            The result; its ``scene`` holds frames, depth and points as arrays, and a notebook shows it.

        Raises:
            InputError: If an image cannot be read or the question is empty.
            ConfigError: If no model is configured.
            TheodoliteError: Whatever else a stage raises.
        """
        (result,) = self.ask_all(frames, [question], **options)
        return result

    def ask_all(
        self, frames: ImageLike | Sequence[ImageLike], questions: Sequence[str], **options: Unpack[SceneOptions]
    ) -> list[ResultWithScene]:
        """Ask several questions about the same images together, which is faster than one by one.

        Args:
            frames: As for ``ask``.
            questions: The questions.
            **options: As for ``ask``.

        Returns:
            One result per question, in their order.

        Raises:
            InputError: If an image cannot be read or a question is empty.
            ConfigError: If no model is configured.
            TheodoliteError: Whatever else a stage raises.
        """
        if self.stages.query is None:
            raise ConfigError("No model is configured; add vlm=qwen3vl, vlm=openai or vlm=recorded to the overrides.")
        if isinstance(questions, str):
            raise InputError("Give several questions as a list of texts; ask() takes a single question.")
        if not all(isinstance(question, str) and question.strip() for question in questions):
            raise InputError("The question is empty; say what to ask about the images.")
        if not questions:
            return []
        return self._results(frames, options, questions=tuple(questions))

    def judge(
        self,
        frames: ImageLike | Sequence[ImageLike],
        claims: Sequence[Claim],
        regions: Sequence[Region],
        **options: Unpack[SceneOptions],
    ) -> ResultWithScene:
        """Judge given claims without a model.

        Args:
            frames: As for ``ask``.
            claims: The claims.
            regions: The regions that the claims name.
            **options: As for ``ask``.

        Raises:
            InputError: If an image cannot be read.
            TheodoliteError: Whatever else a stage raises.
        """
        (result,) = self._results(frames, options, regions=tuple(regions), claims=tuple(claims))
        return result

    def variant(
        self,
        options: Mapping[str, str] | None = None,
        *,
        hints: str | None = None,
        language: Language | None = None,
        recheck: int | None = None,
    ) -> Pipeline:
        """A pipeline with other options of some stages; both share everything else: models, cache, error budget.

        Args:
            options: Options of the groups depth, ocr and segment, such as ``{"depth": "file"}``. The stage of each is
                built once, however often it is chosen.
            hints: Depth hints in the prompt: none, table, image or both.
            language: Language of prompts and results.
            recheck: Whether a question is asked again if a claim of its answer is refuted: 0 or 1.

        Raises:
            ConfigError: If an option does not exist.
        """
        chosen: dict[str, Any] = {}
        for group, name in (options or {}).items():
            if group not in _FIELDS:
                raise ConfigError(f"The group {group!r} cannot be chosen for one question; {', '.join(_FIELDS)} can.")
            chosen[_FIELDS[group]] = self._stage(group, name)
        stages = replace(self.stages, **chosen)
        query = stages.query
        if query is not None and (hints, language, recheck) != (None, None, None):
            query = copy.copy(query)
            query.hints = query.hints if hints is None else check_value("query.hints", hints, HintMode)
            query.language = query.language if language is None else language
            query.recheck = query.recheck if recheck is None else recheck
        changed = copy.copy(self)
        changed.stages = replace(stages, query=query, asked_language=language or stages.asked_language)
        return changed

    def chosen(self, group: str) -> str:
        """Name of the configured option of a group, such as ``midas``; empty where no option is like it."""
        if group not in self._names:
            node = self.config.get(group)
            found = {name: option(group, name) for name in options_of(group)} if isinstance(node, DictConfig) else {}
            exact = [name for name, keys in found.items() if keys == node]
            # Some keys may have been set besides the option.
            alike = [
                name
                for name, keys in found.items()
                if all(keys.get(key) == node.get(key) for key in ("_target_", "model"))
            ]
            self._names[group] = next(iter((*exact, *alike)), "")
        return self._names[group]

    def _stage(self, group: str, name: str) -> Any:
        """The stage of an option, built when it is first chosen."""
        own = self._own
        if name == self.chosen(group):
            return getattr(own, _FIELDS[group])
        if name not in options_of(group):
            raise ConfigError(f"There is no option {name!r} of {group}.")
        with self._building:
            if (group, name) not in self._built:
                model = build(option(group, name))
                if group == "segment":
                    self._built[group, name] = VerifyStage(own.verify.verifier, model, own.verify.cache)
                else:
                    kind = DepthStage if group == "depth" else OcrStage
                    self._built[group, name] = kind(model, own.depth.cache)
            return self._built[group, name]

    def _results(
        self, frames: ImageLike | Sequence[ImageLike], options: SceneOptions, **rest: Any
    ) -> list[ResultWithScene]:
        if unknown := options.keys() - SceneOptions.__annotations__:
            raise TypeError(f"There is no option {min(unknown)}; there are {', '.join(SceneOptions.__annotations__)}.")
        folder = options.get("output_dir")
        try:
            scene = self._scene(frames, options, rest)
            outcomes = list(process_with_scenes(scene, self.stages, None if folder is None else Path(folder), {}))
        except StageError as error:
            raise error.cause from error
        if not options.get("keep_scene", True):
            return [with_scene(result, None) for result, _ in outcomes]
        budget = self.stages.export.budget
        return [with_scene(result, StoredScene(judged, depth_errors(judged, budget))) for result, judged in outcomes]

    def _scene(self, frames: ImageLike | Sequence[ImageLike], options: SceneOptions, rest: dict[str, Any]) -> Scene:
        from pipeline.ingest.build import by_frame
        from pipeline.ingest.given_images import noted_frame
        from pipeline.ingest.lenses import moved_with_lens

        one = str | Path | np.ndarray | Image.Image | Frame
        images = [frames] if isinstance(frames, one) else list(frames) if isinstance(frames, Sequence) else [frames]
        if wrong := [image for image in images if not isinstance(image, one)]:
            raise InputError(
                f"An image must be a path, an array, a PIL image or a Frame, not {type(wrong[0]).__name__}."
            )
        camera, maps = options.get("camera"), _depth_maps(options.get("depth"), len(images))
        fov_deg = float(OmegaConf.select(self.config, "input.fov_deg", default=60.0))
        trusted = options.get("trust_input", False)
        noted = [
            noted_frame(image, camera=camera, depth=given, fov_deg=fov_deg, trusted=trusted)
            for image, given in zip(images, maps, strict=True)
        ]
        scene_frames = tuple(frame for frame, _ in noted)
        regions, anchors, notes = moved_with_lens(
            camera, scene_frames, rest.get("regions", ()), options.get("anchors", ())
        )
        notes = (*by_frame([found for _, found in noted]), *notes)
        rest = {**rest, "regions": regions, "anchors": anchors, "notes": notes}
        return Scene(options.get("item_id", "item"), scene_frames, **rest)


def _depth_maps(depth: Any, count: int) -> list[DepthMap | None]:
    """One depth map per image, of what a caller gave.

    Raises:
        InputError: If it is something else, or not one for each image.
        RecordError: If an array cannot be depth in metres.
    """
    if depth is None:
        return [None] * count
    maps: list[DepthMap | None] = []
    for given in list(depth) if isinstance(depth, list | tuple) else [depth]:
        if isinstance(given, np.ndarray):
            given = DepthMap.from_values(given, "metric", "sensor", "file")
        if not isinstance(given, DepthMap):
            raise InputError(
                "The depth must be an array in metres, a DepthMap, or a list of one per image, not "
                f"{type(given).__name__}."
            )
        maps.append(given)
    if len(maps) != count:
        raise InputError(f"There are {count} images but {len(maps)} depth maps; give one for each.")
    return maps


def spatial_query(
    image: ImageLike | Sequence[ImageLike], question: str, overrides: Sequence[str] = ("vlm=qwen3vl", "depth=midas")
) -> dict[str, Any]:
    """Ask one question about an image and get the answer with its verdicts.

    Every call loads the models again; for many questions, build a ``Pipeline`` once.

    Args:
        image: A path, array or PIL image, or several of one scene.
        question: The question.
        overrides: Configuration, as on the command line.

    Returns:
        ``answer``: the text; ``spatial_tags``: its spatial words with their character spans; ``model_version``: model
        and revision; ``verdicts``: for each claim its text, status, probability, reason and what would decide it.

    Raises:
        TheodoliteError: As ``Pipeline.ask``.

    Example:
        With a recorded answer in place of a model, so nothing is downloaded:

        >>> import json, pathlib, tempfile
        >>> import numpy as np
        >>> from pipeline import spatial_query
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> answer = {"id": "item", "model": "demo", "response": "The cup is to the left of the plate."}
        >>> _ = (folder / "answers.jsonl").write_text(json.dumps(answer))
        >>> found = spatial_query(
        ...     np.zeros((60, 80, 3), np.uint8),
        ...     "Where is the cup?",
        ...     ["vlm=recorded", f"vlm.path={folder / 'answers.jsonl'}", "depth=none"],
        ... )
        >>> found["answer"], [tag["word"] for tag in found["spatial_tags"]], found["verdicts"][0]["status"]
        ('The cup is to the left of the plate.', ['to the left of'], 'undecided')
    """
    from pipeline.records import to_plain

    result = Pipeline.from_config(overrides).ask(image, question)
    answer = result.answer
    assert answer is not None
    return {
        "answer": answer.text,
        "spatial_tags": [to_plain(tag) for tag in answer.spatial_tags],
        "model_version": f"{answer.model}@{answer.revision}" if answer.revision else answer.model,
        "verdicts": [
            {
                "claim": to_plain(verdict.claim),
                "claim_text": verdict.claim_text,
                "status": str(verdict.status),
                "probability": verdict.probability,
                "reason": verdict.reason,
                "needs": verdict.needs,
            }
            for verdict in result.verdicts
        ],
    }


__all__ = ["Pipeline", "load_config", "read_run", "spatial_query"]
