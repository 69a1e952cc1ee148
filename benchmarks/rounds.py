"""Rounds: every play of a scenario once, then every play again, so that all of them see the same weather."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from job import Measurement, Play, measure

# What a play is not repeated after: it would only be the same again.
ENDS_A_PLAY = ("unsupported", "too_slow", "failed")


def play_rounds(
    plays: Sequence[Play], rounds: int, interpreters: Mapping[str, Path], directory: Path
) -> Iterator[Measurement]:
    """Play so many rounds and yield each measurement, with `round`, as it comes.

    Each round begins with another play, so that none always comes first.

    Args:
        plays: what is measured in each round.
        rounds: how many.
        interpreters: of each environment.
        directory: where database files are made.
    """
    ended: set[Play] = set()
    for number in range(rounds):
        for play in _turned(plays, number):
            if play in ended or (play.rounds is not None and number >= play.rounds):
                continue
            result = measure(play, interpreters[play.environment], directory)
            if any(word in result for word in ENDS_A_PLAY):
                ended.add(play)
            yield {**result, "round": number}


def _turned(plays: Sequence[Play], number: int) -> list[Play]:
    first = number % len(plays)
    return [*plays[first:], *plays[:first]]
