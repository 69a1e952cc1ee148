"""The journal of a run as a timeline, made from nothing but the run's public output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from terminal import line, pause, styled

if TYPE_CHECKING:
    from haltpoint import AgentRunOutput, RunRequirement
    from haltpoint.run.agent.output import StepResult

_ENDINGS = {
    "completed": ("●", "green", "completed"),
    "paused": ("■", "yellow", "paused; the process has ended"),
    "waiting": ("■", "yellow", "paused; the worker looks for other runs"),
    "killed": ("✖", "red", "killed by SIGKILL, in the middle of two calls"),
}


@dataclass(frozen=True)
class Chapter:
    """What one process did of the run.

    Attributes:
        pid: the process.
        ending: how it ended: "paused", "waiting", "killed" or "completed".
        steps: how many of the run's steps had their outcome by then.
    """

    pid: int
    ending: str
    steps: int


def print_timeline(output: AgentRunOutput, chapters: list[Chapter], attempts: Mapping[str, int]) -> None:
    """Print the run.

    Args:
        output: the completed run.
        chapters: the processes that had a part in it, in order.
        attempts: for tools that were started more than once: how often.
    """
    line(f"  {styled('The journal', 'bold')} of run {output.run_id}\n")
    texts = _texts(output, attempts)
    requirements = iter(output.requirements)
    bounds = [0, *(chapter.steps for chapter in chapters)]
    for chapter, (first, last) in zip(chapters, pairwise(bounds), strict=True):
        _print_chapter(chapter, output.step_results[first:last], texts)
        if chapter.ending in ("paused", "waiting"):
            _print_decision(next(requirements))


def _texts(output: AgentRunOutput, attempts: Mapping[str, int]) -> dict[int, str]:
    """What each step was, by its number. A model's steps are its messages, in the same order."""
    replies = (message for message in output.new_messages() if message.role == "assistant")
    texts: dict[int, str] = {}
    for step in output.step_results:
        kind, _, name = step.name.rpartition(":")
        if kind:
            times = attempts.get(name, 1)
            again = f" at attempt {times}, under the same key" if times > 1 else ""
            texts[step.step_number] = f"{name} {styled(step.message or '', 'dim')}{styled(again, 'yellow')}"
        else:
            calls = " and ".join(call.name for call in next(replies).tool_calls)
            texts[step.step_number] = f"asks for {calls}" if calls else "answers"
    return texts


def _print_chapter(chapter: Chapter, steps: list[StepResult], texts: Mapping[int, str]) -> None:
    processes = _once(f"process {chapter.pid}")
    for step in steps:
        is_tool = ":" in step.name
        kind = styled(f"{'tool' if is_tool else 'model':<6}", "blue" if is_tool else "cyan")
        number = styled(f"{step.step_number:>2}", "dim")
        line(f"  {next(processes):<15} │ {number}  {kind} {texts[step.step_number]}")
        pause(0.05)
    mark, colour, text = _ENDINGS[chapter.ending]
    line(f"  {next(processes):<15} {styled(f'{mark}     {text}', colour)}")


def _once(text: str) -> Iterator[str]:
    yield text
    while True:
        yield ""


def _print_decision(requirement: RunRequirement) -> None:
    decision = (requirement.decision or {}).get("type")
    when = "" if requirement.decided_at is None else f"{requirement.decided_at:%H:%M:%S} UTC"
    text = f"◆     {requirement.kind} of {requirement.tool_execution.tool_name}: {decision}"
    line(f"  {'you':<15} {styled(text, 'magenta')} {styled(when, 'dim')}")
