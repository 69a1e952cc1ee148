"""A run that is worked on in a world of its own: a database, tools that note what they did, and a model with a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from haltpoint import (
    Agent,
    AgentRunOutput,
    FunctionModel,
    InMemoryDatabase,
    ModelReply,
    ModelRequest,
    RunRequirement,
    SqliteDatabase,
    ToolCall,
    UnresolvedRequirementsError,
    cancel_run,
    current_tool_call,
    tool,
)

__all__ = ["ANSWER", "KINDS", "Form", "PlannedCall", "World"]

Form = Literal["in place", "passed", "as dicts", "as copies"]
Database = InMemoryDatabase | SqliteDatabase

ANSWER = "finished"
KINDS = ["plain", "slow", "failing", "alone", "halting", "approved", "outside", "asked"]
_MOST_CALLS = 60


@dataclass(frozen=True)
class PlannedCall:
    """A call that the model is going to ask for.

    Attributes:
        tag: unique within the plan.
        kind: the tool.
        approves: what the person says, where one is asked.
        text: the note, the result or the answer that comes with it.
    """

    tag: str
    kind: str
    approves: bool
    text: str


class World:
    """A run with everything around it.

    Attributes:
        ledger: the tags of the calls whose tool ran.
        output: the latest output.
    """

    def __init__(self, plan: Sequence[Sequence[PlannedCall]], open_database: Callable[[], Database]) -> None:
        self.ledger: list[str] = []
        self._plan = plan
        self._calls = {call.tag: call for turn in plan for call in turn}
        self._tools = _tools(self.ledger)
        self._open = open_database
        self._database = open_database()
        self._agent = self._new_agent()
        self.output: AgentRunOutput = self._agent.do("Work.", return_output=True)

    def renew_agent(self) -> None:
        """Forget the agent, as another process would."""
        self._agent = self._new_agent()

    def reopen(self) -> None:
        """Close the database and open it again, where it outlives that."""
        if isinstance(self._database, SqliteDatabase):
            self.close()
            self._database = self._open()
            self._agent = self._new_agent()

    def cancel(self) -> None:
        """Cancel the run from outside; it can be cancelled while it is paused, and is left alone otherwise."""
        was_paused = self.output.is_paused
        assert self._database.cancel(self.output.run_id) == was_paused
        self.output = self._database.run(self.output.run_id)
        assert self.output.is_cancelled or not was_paused

    def proceed(self, form: Form, choose: Callable[[str], bool]) -> None:
        """Decide the requirements whose tags are chosen, and continue the run."""
        if self.output.is_complete:
            before = self.output.to_dict()
            assert self._continue(None).to_dict() == before
            return
        open_ones = [item for item in self.output.active_requirements if choose(self._call(item).tag)]
        if self.output.is_paused and not open_ones:
            self._check_refusal()
            return
        self.output = self._continue(self._decided(form, open_ones))

    def finish(self) -> None:
        """Decide everything and continue until the run is complete."""
        for _ in range(_MOST_CALLS):
            if self.output.is_complete:
                return
            self.proceed("passed", lambda tag: True)
        raise AssertionError(f"the run does not come to an end: {self.output.status}")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def check(self) -> None:
        """Hold what the world has come to against what is promised of every run."""
        assert len(set(self.ledger)) == len(self.ledger), "a finished step ran twice"
        stored = self._database.run(self.output.run_id)
        data = self.output.to_dict()
        assert stored.to_dict() == data
        assert AgentRunOutput.from_dict(data).to_dict() == data
        assert [tool.tool_args["tag"] for tool in self.output.tools or ()] == self._asked_for()
        self._check_ledger()
        assert self._database.check() == []

    def transcript(self) -> Any:
        """What must be the same in every world, ids and times left out."""
        return (
            [(message.role, message.content) for message in self.output.messages],
            [(item.tool_name, item.tool_args, item.result, item.tool_call_error) for item in self.output.tools or ()],
            [(item.kind, self._call(item).tag, item.decision is not None) for item in self.output.requirements or ()],
            (self.output.status, self.output.output, self.output.pause_reason),
        )

    def _new_agent(self) -> Agent:
        return Agent(FunctionModel(self._reply), db=self._database, tools=self._tools)

    def _reply(self, request: ModelRequest) -> ModelReply | str:
        _check_conversation(request)
        turn = request.replies_so_far
        if turn >= len(self._plan):
            return ANSWER
        return ModelReply(tool_calls=[_call_of(call) for call in self._plan[turn]])

    def _call(self, requirement: RunRequirement) -> PlannedCall:
        return self._calls[requirement.tool_execution.tool_args["tag"]]

    def _continue(self, requirements: list[Any] | None) -> AgentRunOutput:
        output: AgentRunOutput = self._agent.continue_run(
            run_id=self.output.run_id, requirements=requirements, return_output=True
        )
        return output

    def _check_refusal(self) -> None:
        try:
            self._continue([])
        except UnresolvedRequirementsError:
            return
        raise AssertionError("a paused run was continued without a decision")

    def _decided(self, form: Form, requirements: list[RunRequirement]) -> list[Any] | None:
        if form == "as copies":
            requirements = [RunRequirement.from_dict(item.to_dict()) for item in requirements]
        for requirement in requirements:
            _decide(requirement, self._call(requirement))
        if form == "as dicts":
            return [item.to_dict() for item in requirements]
        return requirements

    def _asked_for(self) -> list[str]:
        turns = sum(message.role == "assistant" and bool(message.tool_calls) for message in self.output.messages)
        return [call.tag for turn in self._plan[:turns] for call in turn]

    def _check_ledger(self) -> None:
        for execution in self.output.tools or ():
            call = self._calls[execution.tool_args["tag"]]
            forbidden = call.kind == "outside" or (call.kind == "approved" and not call.approves)
            assert not (forbidden and call.tag in self.ledger), "a call ran that nobody approved"
            if execution.result is not None:
                assert forbidden or call.tag in self.ledger, "a call has an outcome and never ran"


def _call_of(call: PlannedCall) -> ToolCall:
    return ToolCall(call.kind, {"tag": call.tag} | ({"style": "plain"} if call.kind == "asked" else {}))


def _decide(requirement: RunRequirement, call: PlannedCall) -> None:
    if requirement.needs_confirmation:
        if call.approves:
            requirement.confirm()
        else:
            requirement.reject(call.text)
    elif requirement.needs_user_input:
        for field in requirement.user_input_schema or ():
            if field["value"] is None:
                field["value"] = call.text
        requirement.tool_execution.answered = True
    else:
        requirement.set_external_execution_result(call.text)


def _check_conversation(request: ModelRequest) -> None:
    """Each call has exactly one result, in order, before the model is asked again."""
    expected: list[str | None] = []
    for message in request.messages:
        if message.role == "tool":
            assert expected and message.tool_call_id == expected.pop(0)
        else:
            assert not expected
            expected = [call.id for call in message.tool_calls]
    assert not expected


def _tools(ledger: list[str]) -> list[Any]:
    @tool
    def plain(tag: str) -> str:
        ledger.append(tag)
        return f"plain {tag}"

    @tool
    async def slow(tag: str) -> dict[str, str]:
        ledger.append(tag)
        return {"slow": tag}

    @tool
    def failing(tag: str) -> str:
        ledger.append(tag)
        raise RuntimeError(tag)

    @tool(sequential=True)
    def alone(tag: str) -> str:
        ledger.append(tag)
        return f"alone {tag}"

    @tool
    def halting(tag: str) -> str:
        ledger.append(tag)
        assert cancel_run(current_tool_call().run_id)
        return f"halted {tag}"

    @tool(requires_confirmation=True)
    def approved(tag: str) -> str:
        ledger.append(tag)
        return f"approved {tag}"

    @tool(external_execution=True)
    def outside(tag: str) -> str:
        raise AssertionError(tag)

    @tool(requires_user_input=True, user_input_fields=["name"])
    def asked(tag: str, style: str, name: str) -> str:
        ledger.append(tag)
        return f"{name} in {style} for {tag}"

    return [plain, slow, failing, alone, halting, approved, outside, asked]
