"""Validators that end a program while a decision is checked: the loop that all synchronous calls share goes on.

Annotations are no text here: those of tools within functions could not be evaluated then.
"""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from haltpoint import Agent, InvalidResolutionError, RunRequirement, ScriptedModel, SqliteDatabase, tool
from support.replies import wants

# Without the loop nothing ends the wait for it but the end of the program.
pytestmark = pytest.mark.timeout(60, method="thread")

RAISED = {"an interrupt": KeyboardInterrupt, "an exit": SystemExit}


def _change(requirement: RunRequirement) -> None:
    requirement.confirm(tool_args={"to": "bob"})


def _fill_in(requirement: RunRequirement) -> None:
    (field,) = requirement.user_input_schema or ()
    field["value"] = "bob"


DECISIONS: dict[str, tuple[Callable[[RunRequirement], None], dict[str, Any]]] = {
    "changed arguments": (_change, {"requires_confirmation": True}),
    "an answer": (_fill_in, {"requires_user_input": True, "user_input_fields": ["to"]}),
}


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("form", ["commit", "continue_run", "time limit", "hitl_handler"])
def test_the_next_call_works(db: SqliteDatabase, form: str, decision: str, raised: str) -> None:
    decide, options = DECISIONS[decision]
    armed = True

    def check(value: str) -> str:
        if armed and value == "bob":
            raise RAISED[raised]
        return value

    @tool(**options)
    def pay(to: Annotated[str, AfterValidator(check)]) -> str:
        """Pay somebody."""
        return f"paid {to}"

    agent = Agent(ScriptedModel([wants("pay", to="ann"), "done"]), db=db, tools=[pay])
    output = agent.do("Pay.", return_output=True)
    (requirement,) = output.active_requirements
    ways: dict[str, Callable[[], object]] = {
        "commit": requirement.commit,
        "continue_run": lambda: agent.continue_run(run_id=output.run_id, requirements=[requirement]),
        "time limit": lambda: agent.continue_run(run_id=output.run_id, requirements=[requirement], timeout=60),
        "hitl_handler": lambda: agent.continue_run(run_id=output.run_id, hitl_handler=decide),
    }
    if form != "hitl_handler":
        decide(requirement)
    # An interrupt ends the program; any other exception of a validator says that the value does not fit.
    with pytest.raises(KeyboardInterrupt if raised == "an interrupt" else InvalidResolutionError):
        ways[form]()
    assert Agent(ScriptedModel(["fine"]), db=db).do("Another.") == "fine"
    assert "requirement_decided" not in [entry["kind"] for entry in db.journal(output.run_id)]
    armed = False
    assert agent.continue_run(run_id=output.run_id, hitl_handler=decide) == "done"
