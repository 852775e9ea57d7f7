"""What the pronouns of English prose may mean."""

from __future__ import annotations

from dataclasses import dataclass, field


class NotUnderstood(Exception):
    """A part of a sentence does not fit."""


@dataclass
class Memory:
    """What pronouns may mean.

    Args:
        subjects: Subjects of the last clause that had one.
        mentioned: Names of this and the last sentence, the latest last.
        counted: The noun that was counted last, for "one" and "the other".
    """

    subjects: list[str] = field(default_factory=list)
    mentioned: list[str] = field(default_factory=list)
    counted: str | None = None

    def note(self, *names: str) -> None:
        """Remember names as the latest."""
        for name in names:
            if name in self.mentioned:
                self.mentioned.remove(name)
            self.mentioned.append(name)

    def subject(self) -> list[str]:
        """What a pronoun means as a subject: the last subject.

        Raises:
            NotUnderstood: If there is none.
        """
        if not self.subjects:
            raise NotUnderstood
        return self.subjects

    def object(self, subjects: list[str]) -> str:
        """What a pronoun means as an object: the only other thing that was mentioned.

        Raises:
            NotUnderstood: If nothing was, or several things were.
        """
        others = [name for name in self.mentioned if name not in subjects]
        if len(others) != 1:
            raise NotUnderstood
        return others[0]
