"""Rounds: every play of a scenario once, then every play again, so that all of them see the same weather."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from job import Measurement, Play, measure

# What a play is not repeated after: it would only be the same again.
ENDS_A_PLAY = ("unsupported", "too_slow", "failed")
# What takes longer than so many seconds averages the weather itself, and is measured in fewer rounds.
LONG_SECONDS = 10.0
ROUNDS_OF_LONG_PLAYS = 2


def play_rounds(
    plays: Sequence[Play], rounds: int, interpreters: Mapping[str, Path], directory: Path
) -> Iterator[Measurement]:
    """Play so many rounds and yield each measurement, with `round`, as it comes.

    Each round begins with another play, so that none always comes first. A play that cannot be done, or fails, is not
    repeated; one that takes long is measured in two rounds.

    Args:
        plays: what is measured in each round.
        rounds: how many.
        interpreters: of each environment.
        directory: where database files are made.
    """
    rounds_of = {play: min(rounds, play.rounds or rounds) for play in plays}
    for number in range(rounds):
        for play in _turned(plays, number):
            if number < rounds_of[play]:
                began = time.monotonic()
                result = measure(play, interpreters[play.environment], directory)
                rounds_of[play] = min(rounds_of[play], _rounds_after(result, time.monotonic() - began, rounds))
                yield {**result, "round": number}


def _rounds_after(result: Measurement, taken: float, rounds: int) -> int:
    """In how many rounds a play is worth measuring, once it came to this and took so many seconds."""
    if any(word in result for word in ENDS_A_PLAY):
        return 0
    return ROUNDS_OF_LONG_PLAYS if taken > LONG_SECONDS else rounds


def _turned(plays: Sequence[Play], number: int) -> list[Play]:
    first = number % len(plays)
    return [*plays[first:], *plays[:first]]
