"""What an item costs outside the models."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, against, in_turn

# Times what decoding the files and bare JSON take.
_MOST = 15.0


def figures() -> Iterator[Figure]:
    """What an item costs outside the models: ingest, verification and JSON; no images are written."""
    import cv2
    import numpy as np

    from pipeline.claims.answer import parse_answer
    from pipeline.claims.regions import Images
    from pipeline.ingest.source import FileSource
    from pipeline.records import Answer, Result, to_json
    from pipeline.stages.verify import VerifyStage

    cv2.setNumThreads(1)
    generator = np.random.default_rng(0)
    height, width, count = 480, 640, 10
    depth = np.full((height, width), 4.0)
    objects = []
    for index in range(count):
        left, top = int(generator.integers(0, 480)), int(generator.integers(0, 340))
        right, bottom = left + int(generator.integers(60, 150)), top + int(generator.integers(60, 130))
        depth[top:bottom, left:right] = generator.uniform(1, 3)
        box = [left * 1000 // width, top * 1000 // height, right * 1000 // width, bottom * 1000 // height]
        objects.append({"label": f"object {index}", "bbox_2d": box})
    relations = ("left_of", "closer", "occludes", "above", "behind", "taller", "touching", "between")
    claims = []
    for index in range(20):
        relation = relations[index % len(relations)]
        claim = {"relation": relation, "subject": f"object {index % count}", "object": f"object {(index + 3) % count}"}
        if relation == "between":
            claim["other_object"] = f"object {(index + 5) % count}"
        claims.append(claim)
    text = "```json\n" + json.dumps({"objects": objects, "claims": claims}) + "\n```"
    verify = VerifyStage()
    with tempfile.TemporaryDirectory() as folder:
        image, depth_file = Path(folder) / "photo.jpg", Path(folder) / "depth.png"
        noise = generator.integers(0, 60, (height // 8, width // 8, 3), dtype=np.uint8)
        cv2.imwrite(str(image), cv2.resize(noise, (width, height)))
        cv2.imwrite(str(depth_file), (depth * 1000 + generator.normal(0, 4, depth.shape)).astype(np.uint16))
        source = FileSource(str(image), depth=str(depth_file), depth_scale=0.001)

        def ingest() -> None:
            nonlocal scene
            item = next(source.items())
            scene = source.scene(item)
            scene = scene.with_depth(tuple(frame.given_depth for frame in scene.frames))

        def judge() -> None:
            nonlocal result
            parsed = parse_answer(text, Images([frame.camera for frame in scene.frames]))
            answer = Answer(parsed.text, regions=parsed.regions, claims=parsed.claims)
            judged = verify(scene, answer)
            assert len(judged.regions) == count and len(judged.verdicts) == 20
            result = Result("item", "?", (), answer, judged.verdicts, judged.regions)

        def bare() -> None:
            """What no pipeline can do without: decode both files, read the answer, write as much JSON."""
            assert cv2.imread(str(image)) is not None and cv2.imread(str(depth_file), cv2.IMREAD_UNCHANGED) is not None
            json.dumps(json.loads(text.strip("`json\n")))
            json.dumps(written)

        scene = result = None
        ingest()
        judge()
        written = json.loads(to_json(result))
        baseline, whole, *parts = in_turn(
            15,
            bare,
            lambda: (ingest(), judge(), to_json(result)),
            ingest,
            judge,
            lambda: to_json(result),
        )
    yield against("overhead per item, against decoding and bare JSON", whole, baseline, _MOST)
    for name, value in zip(("ingest", "parse and verify", "json"), parts, strict=True):
        yield Figure(f"of it {name}", value, "ms", baseline, value / baseline)
