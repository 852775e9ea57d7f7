"""What both trainings share: a budget of time, a learning rate over it, a log, and state to go on from."""

from __future__ import annotations

import copy
import json
import math
import os
import platform
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import distributed, nn

Batch = TypeVar("Batch")

WEIGHTS = "model.safetensors"
_WARM_UP = 0.02
_LEAST_RATE = 0.02
_CLIP = 1.0
_SAVE_MINUTES, _LOG_STEPS = 4.0, 50


def prefetched(make: Callable[[], Batch], ahead: int = 3) -> Iterator[Batch]:
    """Batches without end, which a thread makes ahead of the training.

    Args:
        make: Makes the next batch.
        ahead: How many lie ready.
    """
    pool = ThreadPoolExecutor(1)
    try:
        ready = deque(pool.submit(make) for _ in range(ahead))
        while True:
            ready.append(pool.submit(make))
            yield ready.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def join_processes() -> int:
    """Number of this process under torchrun; 0 without it.

    Two processes of one thread train faster on two cores than one process of two threads.
    """
    if "WORLD_SIZE" not in os.environ:
        return 0
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return distributed.get_rank()


def stored_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Weights of a model's folder, in the number formats in which they are stored.

    Raises:
        ValueError: If they are damaged.
        OSError: If they cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / WEIGHTS)
    except SafetensorError:
        raise ValueError(f"{folder / WEIGHTS} is damaged.") from None


class Training:
    """The clock, the optimizers, the log and the saved state of one training, in one process or several.

    Args:
        folder: Where state and log are kept; what is there is gone on from.
        modules: Everything that is trained.
        minutes: Length of the training, over all its parts.
        rate: Largest learning rate.
        weight_decay: Of matrices.
    """

    def __init__(self, folder: Path, modules: nn.ModuleDict, minutes: float, rate: float, weight_decay: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.modules, self.minutes, self.rate = folder, modules, minutes, rate
        matrices = [p for name, p in modules.named_parameters() if p.ndim == 2 and _is_hidden(name)]
        chosen = set(map(id, matrices))
        others = [p for p in modules.parameters() if id(p) not in chosen]
        # Orthogonal steps for hidden matrices (Jordan et al. 2024), the usual ones for everything else.
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
        ]
        if matrices:
            self.optimizers.append(
                torch.optim.Muon(
                    matrices, lr=rate, weight_decay=weight_decay, momentum=0.95, adjust_lr_fn="match_rms_adamw"
                )
            )
        self.seconds = 0.0
        self.steps = self.images = 0
        self._bar = Progress(
            TextColumn("Training"), BarColumn(), TextColumn("{task.percentage:.1f} %"), TimeRemainingColumn()
        )
        self._task = self._bar.add_task("training", total=1.0)
        self._state = folder / "state.pt"
        if self._state.is_file():
            self._load()
        self._started = time.monotonic() - self.seconds
        self._tick()
        self._saved = self.seconds
        self._recent: dict[str, list[float]] = {}
        self.is_first = not distributed.is_initialized() or distributed.get_rank() == 0
        if self.is_first:
            self._bar.start()

    def _tick(self) -> None:
        self.seconds = time.monotonic() - self._started
        self.progress = min(self.seconds / (60 * self.minutes), 1.0)

    def _average(self) -> None:
        """Average gradients and clocks over all processes."""
        parameters = [p for p in self.modules.parameters() if p.grad is not None]
        clock = torch.tensor([self.progress], device=parameters[0].device)
        flat = torch.cat([*(p.grad.flatten() for p in parameters if p.grad is not None), clock])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        self.progress = float(flat[-1])
        parts = flat[:-1].split([p.numel() for p in parameters])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)

    def step(self, loss: torch.Tensor, images: int) -> None:
        """One step down."""
        loss.backward()
        self._tick()
        if distributed.is_initialized():
            self._average()
            images *= distributed.get_world_size()
        decayed = _LEAST_RATE + (1 - _LEAST_RATE) * (1 + math.cos(math.pi * self.progress)) / 2
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate * min(1.0, self.progress / _WARM_UP) * decayed
        nn.utils.clip_grad_norm_(self.modules.parameters(), _CLIP)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        self.images += images
        self._bar.update(self._task, completed=self.progress)

    def log(self, **figures: torch.Tensor) -> None:
        """Take figures of a step; every 50 steps, their means become one line of the log and of the screen."""
        if not self.is_first:
            return
        for name, value in figures.items():
            self._recent.setdefault(name, []).append(float(value.detach()))
        if self.steps % _LOG_STEPS:
            return
        line: dict[str, float] = {"minutes": round(self.seconds / 60, 2), "steps": self.steps, "images": self.images}
        line |= {name: round(sum(values) / len(values), 4) for name, values in self._recent.items()}
        self._recent.clear()
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._bar.console.print(" ".join(f"{name}={value}" for name, value in line.items()), highlight=False)

    def write(self, output: Path, model: Any, processor: Any, **facts: Any) -> None:
        """Keep the state and write the model's folder, every few minutes and at the end.

        It is an ordinary folder of transformers, with the weights in bfloat16.

        Args:
            output: The model's folder.
            model: The model.
            processor: Its processor.
            **facts: What the model's card tells besides.
        """
        is_due = self.progress >= 1 or self.seconds - self._saved > 60 * _SAVE_MINUTES
        if self.is_first and is_due:
            self._saved = self.seconds
            self.save()
            copied = copy.deepcopy(model).to(torch.bfloat16)
            copied.config.dtype = "bfloat16"
            copied.save_pretrained(output)
            processor.save_pretrained(output)
            (output / "training.json").write_text(json.dumps(self._summary() | facts, indent=2) + "\n")
        if self.progress >= 1:
            self._bar.stop()

    def save(self) -> None:
        """Keep the state; a stop while it is written loses nothing."""
        if not self.is_first:
            return
        state = {
            "modules": self.modules.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "seconds": self.seconds,
            "steps": self.steps,
            "images": self.images,
        }
        part = self._state.with_suffix(".part")
        torch.save(state, part)
        part.rename(self._state)

    def _load(self) -> None:
        try:
            state = torch.load(self._state, weights_only=True)
            self.modules.load_state_dict(state["modules"])
            for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(kept)
            self.seconds, self.steps, self.images = state["seconds"], state["steps"], state["images"]
        except Exception as error:  # Damaged files raise almost anything.
            raise ValueError(
                f"{self._state} is damaged, or the state of another model; delete it to begin anew."
            ) from error

    def _summary(self) -> dict[str, Any]:
        """What the model's card tells about the training."""
        cores = f"{os.cpu_count()} {platform.machine()} CPU cores"
        return {
            "hours": round(self.seconds / 3600, 2),
            "steps": self.steps,
            "images": self.images,
            "machine": torch.cuda.get_device_name() if torch.cuda.is_available() else cores,
            "torch": torch.__version__,
        }


def _is_hidden(name: str) -> bool:
    return not any(part in name for part in ("embed", "lm_head", "heads."))
