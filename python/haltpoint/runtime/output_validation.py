"""Final answers: whether one fits the response format, and what the model is told when it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.runtime.plan import ACCEPTED, Verdict
from haltpoint.tools.json_form import NotJsonError, dump_exact, parse_exact
from haltpoint.tools.validation import is_validation_error

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["MOST_CORRECTIONS", "AnyJson", "format_instructions", "judge"]

# How often a model is told that its answer does not fit, before the run gives up.
MOST_CORRECTIONS = 3


class AnyJson:
    """Stands for a response format whose class this process does not have.

    The answer must be JSON, and comes as plain data.
    """


def format_instructions(schema_text: str) -> str:
    """Return what the model is told about the form of its final answer."""
    return (
        "Your final answer must be a JSON value that fits the following JSON schema, and nothing else: "
        f"no explanation before or after it, no code fence.\n{schema_text}"
    )


def judge(text: str | None, response_format: Any, corrections: int) -> Verdict:
    """Return what becomes of a final answer.

    Args:
        text: the answer.
        response_format: `str`, or a pydantic model class.
        corrections: how often the model was told already that its answer does not fit.
    """
    if response_format is str:
        return ACCEPTED
    answer = _without_fence(text or "")
    name = "the answer" if response_format is AnyJson else response_format.__name__
    try:
        return _accepted(answer, response_format)
    except ValueError as error:
        return _refused(_problems(error), name, corrections)


def _accepted(answer: str, response_format: Any) -> Verdict:
    if response_format is AnyJson:
        return Verdict(output=dump_exact(parse_exact(answer)))
    # Pydantic imports parts of itself for it.
    with no_fork:
        from haltpoint.run.agent.answers import stored_answer

        stored = stored_answer(response_format, answer)
    return Verdict(output=stored.text, instance=stored.instance)


def _problems(error: ValueError) -> str:
    if is_validation_error(error):
        return "; ".join(_problem(detail) for detail in error.errors(include_url=False)[:10])
    return f"it {error}" if isinstance(error, NotJsonError) else str(error)


def _refused(problems: str, name: str, corrections: int) -> Verdict:
    reason = f"Your answer does not fit the required JSON schema of {name}: {problems}. Answer with the JSON alone."
    if corrections < MOST_CORRECTIONS:
        return Verdict(refused=_utf8(reason))
    message = f"the model's answer did not fit {name} after {corrections} corrections: {problems}"
    return Verdict(refused=_utf8(reason), gave_up=_utf8(message))


def _problem(detail: ErrorDetails) -> str:
    place = ".".join(str(part) for part in detail["loc"])
    return f"{place}: {detail['msg']}" if place else str(detail["msg"])


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _without_fence(text: str) -> str:
    """The JSON within a Markdown code fence, which models like to add whatever they are told."""
    stripped = text.strip()
    if not (stripped.startswith("```") and stripped.endswith("```")):
        return stripped
    return stripped[3:-3].removeprefix("json").strip()
