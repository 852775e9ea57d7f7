from __future__ import annotations

import numpy as np
import torch

from pipeline.models.vlm.qwen3vl.sampling import Sampling, TokenChooser

CPU = torch.device("cpu")
PROMPT = np.array([0, 1])


def choose(sampling: Sampling, scores: list[float], output: list[int]) -> int:
    chooser = TokenChooser(sampling, 1, CPU)
    return chooser.choose(torch.tensor([scores]), [0], [(PROMPT, output)])[0]


def test_greedy_takes_the_likeliest_of_each_row() -> None:
    chooser = TokenChooser(Sampling(), 2, CPU)
    scores = torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    assert chooser.choose(scores, [0, 1], [(PROMPT, []), (PROMPT, [])]) == [1, 0]


def test_the_presence_penalty_counts_the_output_once_and_never_the_prompt() -> None:
    sampling = Sampling(presence_penalty=1.5)
    assert choose(sampling, [5.0, 4.0, 0.0], []) == 0
    assert choose(sampling, [5.0, 4.0, 0.0], [0]) == 1
    assert choose(sampling, [6.0, 4.0, 0.0], [0, 0, 0]) == 0, "three times is once"


def test_the_repetition_penalty_counts_the_prompt_too() -> None:
    assert choose(Sampling(repetition_penalty=2.0), [5.0, 4.0, 3.0], []) == 2


def test_top_k_and_top_p_leave_the_unlikely_out() -> None:
    scores = [4.0, 3.9, -1.0, -2.0]
    for options in ({"top_k": 2, "top_p": 1.0}, {"top_k": 0, "top_p": 0.9}):
        drawn = {choose(Sampling(temperature=1.0, seed=seed, **options), scores, []) for seed in range(40)}  # type: ignore[arg-type]
        assert drawn == {0, 1}


def test_the_model_cards_numbers_are_recorded_and_greedy_settings_hide_the_unused() -> None:
    assert "temperature" not in Sampling().as_dict()
    settings = {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "presence_penalty": 1.5}
    assert Sampling(**settings).as_dict().items() >= (settings | {"do_sample": True}).items()  # type: ignore[arg-type]
