"""What the server says about itself and about relations."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipeline.records.relations import RELATIONS, Need, ValueUse
from pipeline.serve.schema.base import Answer


class RelationView(Answer):
    """A relation that claims may state."""

    name: str = Field(description="Its name in claims.", examples=["left_of"])
    english: list[str] = Field(description="Phrases that state it.", examples=[["to the left of", "left of"]])
    chinese: list[str] = Field(description="The same in Chinese.", examples=[["左边"]])
    objects: int = Field(description="How many objects the subject is related to.", examples=[1])
    need: Need = Field(description="The least that depth must carry for it to be judged.")
    value: ValueUse = Field(description="Whether a claim carries a number.")
    value_need: Need | None = Field(None, description="What depth must carry where a claim has a number.")
    symmetric: bool = Field(description="Whether subject and object may be exchanged.")


class Relations(Answer):
    """The closed registry of relations."""

    relations: list[RelationView]


def relations() -> Relations:
    """The registry as the API gives it."""
    return Relations(
        relations=[
            RelationView(
                name=name,
                english=list(entry.english),
                chinese=list(entry.chinese),
                objects=entry.objects,
                need=entry.need,
                value=entry.value,
                value_need=None if entry.value is ValueUse.NONE else entry.value_need,
                symmetric=entry.symmetric,
            )
            for name, entry in RELATIONS.items()
        ]
    )


class Health(Answer):
    """That the process answers."""

    status: str = Field(description="Always ok.", examples=["ok"])
    version: str = Field(description="Version of Theodolite.", examples=["0.1.0"])


class Ready(Answer):
    """Whether the models are loaded, and what the server runs on."""

    ready: bool = Field(description="Whether the models are loaded.")
    server: dict[str, Any] = Field({}, description="Models, choices and limits.")
