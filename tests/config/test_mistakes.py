from __future__ import annotations

import re

import pytest

from pipeline.api import load_config
from pipeline.config.mistakes import describe
from pipeline.records.errors import ConfigError

OF_RUN = {
    "nope=1": "There is no key nope; did you mean noise?",
    "xyzzy=1": "There is no key xyzzy; the configuration has the keys cache_dir, cache_gb, calibration, claims,",
    "nope/x=1": "There is no key nope/x; ",
    "dept=midas": "There is no key dept; did you mean depth or ",
    "dept.batch_size=1": "did you mean depth.batch_size or ",
    "qestion=Where?": "did you mean question or questions?",
    "depth.nope=1": "There is no key depth.nope; depth has the keys batch_size, ",
    "depth.bach_size=2": "did you mean depth.batch_size?",
    "input.foo=1": "There is no key input.foo; input has the keys anchors, camera, ",
    "input.camra=1": "did you mean input.camera?",
    "input.depth=d.png": "input.depth is a key of input=PATH only; choose it, or leave the key out.",
    "vlm.base_url=x": "vlm.base_url is a key of vlm=openai only; choose it, or leave the key out.",
    "vlm.top_k=1": "vlm.top_k is a key of vlm=nano, vlm=qwen3vl, vlm=qwen3vl_sampling, vlm=qwen3vl_thinking only",
    "depth.batch_size=1": " more only; choose one of them, or leave the key out.",
    "verify.risk=0.1": "did you mean verify.verifier.risk?",
    "verify.verifer.risk=0.1": "did you mean verify.verifier.risk?",
    "verify.verifier.settings.edge=1": "did you mean verify.verifier.settings.edge_px?",
    "query.second_look.crop=1": "query has the keys batch_size, budget, ",
    "noise.models.sensr.relative=1": "did you mean noise.models.sensor.relative or ",
    "hydra.nope=1": "hydra.nope",
    "depth=xyzzy": "There is no depth=xyzzy; choose one of depth_anything_3, depth_anything_v2, ",
    "depth=midass": "There is no depth=midass; did you mean depth=midas or ",
    "depth=midas/large": "did you mean depth=midas/dpt_large or ",
    "depth=midas_large": "did you mean depth=midas/dpt_large or ",
    "depth=midas/xyzzy": "Options: midas/dpt_beit_base_384, ",
    "noise={a: 1}": "noise must be the name of an option, such as default; noise.KEY=VALUE sets a key.",
    "vlm=": "There is no vlm=; choose one of nano, none, openai, ",
}
OF_OTHERS = {
    ("eval_depth", "vlm=none"): "There is no key vlm; the configuration has the keys cache_dir, cache_gb, dataset, ",
    ("eval_depth", "protocol=nyu"): "There is no protocol=nyu; ",
    ("eval_claims", "datset.count=1"): "did you mean dataset.count or ",
}


@pytest.mark.parametrize(
    "config_name, override, words",
    [*(("run", *item) for item in OF_RUN.items()), *((*at, to) for at, to in OF_OTHERS.items())],
)
def test_an_unknown_key_or_option_is_answered_on_one_line_with_the_nearest(
    config_name: str, override: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        load_config([override], config_name)
    assert "\n" not in str(caught.value)
    assert "provider=" not in str(caught.value)


def test_an_error_without_words_is_called_by_its_type() -> None:
    assert describe(ValueError()) == "ValueError"
