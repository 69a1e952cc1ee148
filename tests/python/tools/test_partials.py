"""Functions of which `functools.partial` has filled in a part: the model neither sees that part nor changes it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from haltpoint import Agent, InvalidResolutionError, ScriptedModel, ToolArgumentsError
from haltpoint.tools import ToolKit, define_tool, resolve_tools, tool
from support.replies import wants


@tool
def rows(table: str, tenant: str) -> str:
    """Count rows.

    Args:
        table: which table
        tenant: whose rows
    """
    return f"{table} of {tenant}"


@tool(requires_confirmation=True)
def pay(amount: int, to: str = "ann", *, fee: int = 0) -> str:
    return f"{amount} to {to}, {fee}"


def names(function: Callable[..., Any]) -> list[str]:
    return list(define_tool(function).parameters["properties"])


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*given: Any, **named: Any) -> Any:
        return function(*given, **named)

    return wrapper


class Shelf:
    def __init__(self, name: str) -> None:
        self.name = name

    def take(self, book: str, days: int) -> str:
        return f"{self.name} {book} {days}"


@pytest.mark.parametrize(
    ("function", "open_parameters"),
    [
        (functools.partial(rows, tenant="acme"), ["table"]),
        (functools.partial(rows, table="users"), ["tenant"]),
        (functools.partial(rows, "users"), ["tenant"]),
        (functools.partial(rows, "users", "acme"), []),
        (functools.partial(rows), ["table", "tenant"]),
        (functools.partial(functools.partial(pay, to="bob"), fee=3), ["amount"]),
        (functools.partial(functools.partial(pay, to="bob"), to="eve"), ["amount", "fee"]),
        (functools.partial(Shelf("top").take, days=3), ["book"]),
        (logged(functools.partial(rows, tenant="acme")), ["table"]),
        (functools.partial(logged(functools.partial(pay, to="bob")), fee=3), ["amount"]),
    ],
)
def test_what_is_filled_in_is_no_parameter(function: Callable[..., Any], open_parameters: list[str]) -> None:
    definition = define_tool(function)
    assert list(definition.parameters["properties"]) == open_parameters
    assert [item.name for item in definition.inputs] == open_parameters


def test_a_partial_that_already_has_attributes_of_its_own_nests() -> None:
    # Python merges plain partials, and keeps those that carry something.
    inner = functools.partial(pay, to="bob")
    inner.note = "mine"  # type: ignore[attr-defined]
    outer = functools.partial(inner, fee=2)
    assert outer.func is inner
    assert names(outer) == ["amount"]
    assert define_tool(outer).function(amount=1) == "1 to bob, 2"


@pytest.mark.parametrize("function", [functools.partial(rows, tenant="acme"), functools.partial(rows, "users")])
def test_a_call_that_names_what_is_filled_in_is_refused(function: Callable[..., Any]) -> None:
    definition = define_tool(function)
    everything = {"table": "users", "tenant": "other"}
    with pytest.raises(ToolArgumentsError, match="there is no such argument; the arguments are: t"):
        definition.parse_arguments(everything)
    with pytest.raises(ToolArgumentsError, match="there is no such argument"):
        definition.bind(everything)
    assert definition.argument_problems(everything)


def test_a_model_is_told_that_there_is_no_such_argument_and_the_call_does_not_run() -> None:
    model = ScriptedModel(
        [
            wants("rows", table="users", tenant="other"),
            lambda request: request.messages[-1].content,
        ]
    )
    answer = Agent(model, tools=[functools.partial(rows, tenant="acme")]).do("Count.")
    assert "tenant: there is no such argument; the arguments are: table" in answer


def test_the_call_runs_with_what_is_filled_in() -> None:
    model = ScriptedModel([wants("rows", table="users"), lambda request: request.messages[-1].content])
    assert Agent(model, tools=[functools.partial(rows, tenant="acme")]).do("Count.") == "users of acme"


def test_values_without_a_json_form_may_be_filled_in() -> None:
    def store(lock: threading.Lock, text: str) -> str:
        with lock:
            return text

    model = ScriptedModel([wants("store", text="kept"), lambda request: request.messages[-1].content])
    assert Agent(model, tools=[functools.partial(store, threading.Lock())]).do("Store.") == "kept"
    assert names(functools.partial(store, lock=threading.Lock())) == ["text"]


def test_an_approver_is_not_asked_about_it_and_cannot_change_it() -> None:
    agent = Agent(ScriptedModel([wants("pay", amount=5), "done"]), tools=[functools.partial(pay, to="bob")])
    output = agent.do("Pay.", return_output=True)
    requirement = output.requirements[0]
    assert "to" not in requirement.tool_execution.tool_args
    with pytest.raises(InvalidResolutionError, match="to: there is no such argument"):
        requirement.confirm(tool_args={"amount": 5, "to": "eve"})
    requirement.confirm(tool_args={"amount": 6})
    result = agent.continue_run(run_id=output.run_id, return_output=True)
    assert [item.result for item in result.tools] == ["6 to bob, 0"]


def test_a_form_does_not_offer_what_is_filled_in() -> None:
    @tool(requires_user_input=True, user_input_fields=["seat"])
    def book(flight: str, seat: str, airline: str) -> str:
        return f"{airline} {flight} {seat}"

    agent = Agent(
        ScriptedModel([wants("book", flight="SK1"), lambda request: request.messages[-1].content]),
        tools=[functools.partial(book, airline="SAS")],
    )
    output = agent.do("Book.", return_output=True)
    schema = output.requirements[0].user_input_schema or []
    assert [field["name"] for field in schema] == ["flight", "seat"]
    output.requirements[0].answer({"seat": "4A"})
    assert agent.continue_run(run_id=output.run_id) == "SAS SK1 4A"


def test_a_field_that_a_person_gives_can_not_be_filled_in() -> None:
    @tool(requires_user_input=True, user_input_fields=["seat"])
    def book(flight: str, seat: str) -> str:
        return f"{flight} {seat}"

    with pytest.raises(ValueError, match=r"user_input_fields of .*names seat.*functools.partial gives seat already"):
        resolve_tools([functools.partial(book, seat="1A")])
    with pytest.raises(ValueError, match=r"functools\.partial gives seat already"):
        tool(name="other")(functools.partial(book, seat="1A"))


@pytest.mark.parametrize("filled_in", [{"limit": 10}, {"amount": 50}])
def test_a_rule_may_ask_for_what_is_filled_in(filled_in: dict[str, int]) -> None:
    seen: list[tuple[int, int]] = []

    def above(amount: int, limit: int) -> bool:
        seen.append((amount, limit))
        return amount > limit

    @tool(requires_confirmation=above)
    def spend(amount: int, limit: int) -> str:
        return "spent"

    call = {name: value for name, value in {"limit": 10, "amount": 50}.items() if name not in filled_in}
    agent = Agent(ScriptedModel([wants("spend", **call), "done"]), tools=[functools.partial(spend, **filled_in)])
    assert agent.do("Spend.", return_output=True).is_paused
    assert seen == [(50, 10)]


def test_a_rule_may_ask_for_what_is_filled_in_by_position() -> None:
    @tool(requires_confirmation=lambda account, **_: account == "shared")
    def spend(account: str, amount: int) -> str:
        return "spent"

    for account, is_paused in (("shared", True), ("own", False)):
        model = ScriptedModel([wants("spend", amount=5), "done"])
        output = Agent(model, tools=[functools.partial(spend, account)]).do("Spend.", return_output=True)
        assert output.is_paused is is_paused


def test_a_partial_with_a_name_of_its_own_keeps_the_other_options() -> None:
    pay_bob = tool(name="pay_bob", timeout=5)(functools.partial(pay, to="bob"))
    tools = resolve_tools([pay, pay_bob])
    assert list(tools) == ["pay", "pay_bob"]
    assert tools["pay_bob"].pause == "confirmation"
    assert tools["pay_bob"].timeout == 5
    assert tool(functools.partial(pay, to="bob"))
    with pytest.raises(ValueError, match="can wait for one thing only"):
        tool(external_execution=True)(functools.partial(pay, to="bob"))


def test_the_decorator_itself_may_be_a_partial() -> None:
    confirmed = functools.partial(tool, requires_confirmation=True)

    @confirmed
    def bare(x: int) -> int:
        return x

    @confirmed(name="other")
    def named(x: int) -> int:
        return x

    assert [(item.name, item.pause) for item in resolve_tools([bare, named]).values()] == [
        ("bare", "confirmation"),
        ("other", "confirmation"),
    ]


def test_a_partial_of_a_method_without_its_object_is_refused() -> None:
    with pytest.raises(TypeError, match="is a method without its object"):
        define_tool(functools.partial(Shelf.take, days=3))
    assert names(functools.partial(Shelf.take, Shelf("top"), days=3)) == ["book"]


@pytest.mark.parametrize(
    "function", [functools.partial(rows, secret="s3cr3t"), functools.partial(rows, "a", "b", "s3cr3t")]
)
def test_a_partial_that_can_not_be_called_is_refused_without_showing_its_values(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"rows can't be a tool: functools.partial gives it arguments") as caught:
        define_tool(function)
    assert "s3cr3t" not in str(caught.value)


class Mail(ToolKit):
    def __init__(self, account: str) -> None:
        self.account = account

    @tool(requires_confirmation=True, timeout=7)
    def send(self, to: str, text: str) -> str:
        """Send a mail."""
        return f"{self.account} {to} {text}"

    alert = functools.partialmethod(send, to="ops")
    _quiet = functools.partialmethod(send, to="nobody")


class Notes(ToolKit):
    def write(self, book: str, text: str) -> str:
        return f"{book}: {text}"

    diary = functools.partialmethod(write, "diary")
    _log = functools.partialmethod(write, "log")


def test_a_partialmethod_is_a_tool_of_its_own_name_with_the_options_of_its_method() -> None:
    tools = resolve_tools([Mail("work")])
    assert list(tools) == ["send", "alert"]
    alert = tools["alert"]
    assert (alert.pause, alert.timeout, alert.description) == ("confirmation", 7, "Send a mail.")
    assert list(alert.parameters["properties"]) == ["text"]
    assert alert.function(text="fire") == "work ops fire"
    assert alert.digest != tools["send"].digest


def test_a_partialmethod_counts_among_undecorated_methods() -> None:
    tools = resolve_tools([Notes()])
    assert list(tools) == ["write", "diary"]
    assert tools["diary"].function(text="hi") == "diary: hi"


def test_a_toolkit_with_partialmethods_may_be_listed_twice() -> None:
    mail = Mail("work")
    assert list(resolve_tools([mail, mail])) == ["send", "alert"]
    assert list(resolve_tools([functools.partial(rows, "users"), functools.partial(rows, "users")])) == ["rows"]
    with pytest.raises(ValueError, match="two tools are named 'rows'"):
        resolve_tools([functools.partial(rows, "users"), functools.partial(rows, "orders")])
