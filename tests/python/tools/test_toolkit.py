"""Toolkits, and what may stand in `tools=[...]`."""

from __future__ import annotations

import functools
import gc
import weakref
from typing import Any

import pytest

from haltpoint.tools import ToolKit, UserControlFlowTools, define_tool, resolve_tools, tool


class Calculator(ToolKit):
    def __init__(self, offset: int = 0) -> None:
        self.offset = offset

    @tool
    def add(self, left: int, right: int) -> int:
        """Add."""
        return left + right + self.offset

    @tool(requires_confirmation=True)
    async def reset(self) -> str:
        """Reset."""
        return "done"

    @staticmethod
    @tool
    def inner_static(number: int) -> int:
        return number

    @tool
    @staticmethod
    def outer_static(number: int) -> int:
        return number

    @classmethod
    @tool
    def inner_class(cls, number: int) -> str:
        return f"{cls.__name__} {number}"

    @tool
    @classmethod
    def outer_class(cls, number: int) -> str:
        return f"{cls.__name__} {number}"

    def helper(self) -> str:
        return "not a tool"


class Account:
    """Not a toolkit."""

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, to: str) -> str:
        return f"{self.name} {to}"


class Plain(ToolKit):
    """Nothing is decorated."""

    def __init__(self) -> None:
        self.looked = False

    @property
    def expensive(self) -> int:
        self.looked = True
        return 1

    def one(self, x: int) -> int:
        return x

    def _hidden(self) -> None: ...

    @staticmethod
    def two() -> int:
        return 2


def test_the_decorated_methods_of_a_toolkit_are_its_tools_in_order() -> None:
    tools = resolve_tools([Calculator()])
    assert list(tools) == [
        "add",
        "reset",
        "inner_static",
        "outer_static",
        "inner_class",
        "outer_class",
    ]


def test_a_method_is_bound_and_its_self_is_not_in_the_schema() -> None:
    definition = resolve_tools([Calculator(offset=10)])["add"]
    assert list(definition.parameters["properties"]) == ["left", "right"]
    assert definition.function(**definition.bind({"left": 1, "right": "2"})) == 13
    assert definition.qualname == "Calculator.add"
    assert definition.module == __name__


def test_static_and_class_methods_work_in_both_orders_of_decoration() -> None:
    tools = resolve_tools([Calculator()])
    for name in ("inner_static", "outer_static"):
        assert tools[name].function(**tools[name].bind({"number": 4})) == 4
    for name in ("inner_class", "outer_class"):
        assert tools[name].function(**tools[name].bind({"number": 4})) == "Calculator 4"


def test_options_of_methods_are_kept() -> None:
    reset = resolve_tools([Calculator()])["reset"]
    assert reset.pause == "confirmation"
    assert reset.is_async


def test_decorated_methods_stay_methods() -> None:
    assert Calculator(1).add(1, 1) == 3
    assert Calculator.inner_static(3) == 3
    assert Calculator.outer_class(3) == "Calculator 3"


def test_without_a_decorated_method_all_public_ones_are_tools() -> None:
    toolkit = Plain()
    assert list(resolve_tools([toolkit])) == ["one", "two"]
    assert not toolkit.looked


def test_an_overridden_method_keeps_the_confirmation_of_the_one_below() -> None:
    class Guarded(ToolKit):
        @tool(requires_confirmation=True)
        def delete(self, path: str) -> str:
            return path

    class Louder(Guarded):
        def delete(self, path: str) -> str:
            return path.upper()

    class Free(Guarded):
        @tool
        def delete(self, path: str) -> str:
            return path

    louder = resolve_tools([Louder()])["delete"]
    assert louder.pause == "confirmation"
    assert louder.function(path="a") == "A"
    assert resolve_tools([Free()])["delete"].pause is None
    assert resolve_tools([Guarded()])["delete"].pause == "confirmation"


def test_a_subclass_may_take_a_tool_away() -> None:
    class Less(Calculator):
        reset = None  # type: ignore[assignment]  # pyright: ignore

    assert "reset" not in resolve_tools([Less()])


def test_methods_of_other_bases_count() -> None:
    class Mixin:
        @tool
        def extra(self) -> str:
            return "extra"

    class Combined(Mixin, Calculator):
        pass

    assert {"extra", "add"} <= set(resolve_tools([Combined()]))


def test_the_schema_of_a_method_is_shared_by_all_instances() -> None:
    first, second = Calculator(), Calculator()
    assert define_tool(first.add).parameters is define_tool(second.add).parameters


def test_a_toolkit_that_nobody_holds_is_collected() -> None:
    toolkit = Calculator()
    reference = weakref.ref(toolkit)
    resolve_tools([toolkit])
    del toolkit
    gc.collect()
    assert reference() is None


def test_functions_methods_and_objects_can_stand_side_by_side() -> None:
    def plain(x: int) -> int:
        return x

    class Callable:
        def __call__(self, x: int) -> int:
            return x

    ready = define_tool(Calculator().add)
    assert list(resolve_tools([plain, Plain().one, Callable(), ready])) == [
        "plain",
        "one",
        "Callable",
        "add",
    ]


def test_nothing_is_no_tools() -> None:
    assert resolve_tools(None) == {}
    assert resolve_tools(()) == {}


def test_the_same_tool_may_be_listed_twice() -> None:
    @tool
    def work() -> None: ...

    calculator = Calculator()
    tools = resolve_tools([work, work, calculator, calculator, calculator.add])
    assert len(tools) == 7


def test_the_flow_tools_of_an_agent_and_its_task_are_one_tool() -> None:
    assert list(resolve_tools([UserControlFlowTools(), UserControlFlowTools()])) == ["get_user_input"]


def test_two_tools_of_one_name_are_refused_and_both_are_named() -> None:
    @tool(name="add")
    def other(left: int) -> int:
        return left

    with pytest.raises(ValueError, match=r"Calculator\.add.*<locals>\.other"):
        resolve_tools([Calculator(), other])
    with pytest.raises(ValueError, match="'add'"):
        resolve_tools([Calculator(), Calculator()])


@pytest.mark.parametrize(
    ("tools", "advice"),
    [
        ([Calculator], r"hand over an instance: Calculator\(\)"),
        ([Calculator.add], "without its object"),
        (["add"], "give functions"),
        ([None], "give functions"),
        ("add", "must be a list"),
        (5, "must be a list"),
    ],
)
def test_what_can_be_no_tool_is_refused_with_advice(tools: Any, advice: str) -> None:
    with pytest.raises(TypeError, match=advice):
        resolve_tools(tools)


def test_a_plain_function_that_can_be_no_tool_is_refused_when_it_is_listed() -> None:
    def spread(*values: int) -> int:
        return sum(values)

    with pytest.raises(TypeError, match="values"):
        resolve_tools([spread])


class Mail(ToolKit):
    def __init__(self, account: str) -> None:
        self.account = account

    @tool(requires_confirmation=True)
    def send(self, to: str) -> str:
        """Send a mail."""
        return f"{self.account} {to}"

    @tool(name="count-mails")
    def count(self) -> int:
        return len(self.account)

    @staticmethod
    @tool
    def ping() -> str:
        return "pong"


def test_two_instances_of_a_toolkit_stand_side_by_side_with_prefixes() -> None:
    tools = resolve_tools([Mail("office").with_prefix("work"), Mail("flat").with_prefix("home"), Mail("spare")])
    assert list(tools) == [
        *("work_send", "work_count-mails", "work_ping"),
        *("home_send", "home_count-mails", "home_ping"),
        *("send", "count-mails", "ping"),
    ]
    assert [tools[name].function(to="ann") for name in ("work_send", "home_send", "send")] == [
        "office ann",
        "flat ann",
        "spare ann",
    ]
    assert {tools[name].pause for name in ("work_send", "home_send", "send")} == {"confirmation"}
    assert len({tools[name].digest for name in ("work_send", "home_send", "send")}) == 3


def test_a_tool_with_a_prefix_has_the_digest_of_one_that_was_given_the_name() -> None:
    @tool(name="work_send")
    def send(to: str) -> str:
        return to

    assert resolve_tools([Mail("office").with_prefix("work")])["work_send"].digest == define_tool(send).digest


def test_a_toolkit_with_a_prefix_may_be_listed_twice_and_its_schema_is_built_once() -> None:
    mail = Mail("office")
    tools = resolve_tools([mail.with_prefix("work"), mail.with_prefix("work")])
    assert list(tools) == ["work_send", "work_count-mails", "work_ping"]
    again = resolve_tools([mail.with_prefix("work"), Mail("flat").with_prefix("home")])
    assert again["work_send"].parameters is tools["work_send"].parameters is again["home_send"].parameters


def test_the_flow_tools_may_have_a_prefix() -> None:
    [definition] = resolve_tools([UserControlFlowTools().with_prefix("ask")]).values()
    assert definition.name == "ask_get_user_input"
    assert definition.dynamic_user_input


@pytest.mark.parametrize(
    ("prefix", "problem"),
    [
        ("a b", "'a b_send' can't be a tool's name.*another prefix than 'a b'"),
        ("büro", "another prefix than 'büro'"),
        ("x" * 60, "up to 64 letters"),
        ("", "must not be empty"),
    ],
)
def test_a_prefix_that_makes_unusable_names_is_refused_at_once(prefix: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Mail("office").with_prefix(prefix)


@pytest.mark.parametrize("prefix", [None, 5, b"work"])
def test_a_prefix_is_text(prefix: Any) -> None:
    with pytest.raises(TypeError, match="must be a str"):
        Mail("office").with_prefix(prefix)


def same_name(number: int) -> Any:
    @tool
    def work() -> int:
        return number

    return work


@pytest.mark.parametrize(
    ("tools", "advice"),
    [
        ([Mail("office"), Mail("flat")], r"tools=\[Mail\(\.\.\.\)\.with_prefix\(\"other\"\)\]"),
        ([Mail("office").send, Mail("flat").send], "with_prefix"),
        ([Mail("office").with_prefix("x"), Mail("flat").with_prefix("x")], "a prefix of its own"),
        ([Mail("office"), tool(name="send")(lambda: 1)], "with_prefix"),
        ([same_name(1), same_name(2)], r"rename one with @tool\(name=\.\.\.\)"),
        ([functools.partial(same_name(1)), functools.partial(same_name(2))], r"functools\.partial\(\.\.\.\)"),
        ([Account("office").send, Account("flat").send], r"functools\.partial\(\.\.\.\)"),
    ],
)
def test_a_name_that_is_there_twice_comes_with_a_remedy_that_works(tools: list[Any], advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        resolve_tools(tools)


def test_the_remedies_work() -> None:
    office, flat = Account("office"), Account("flat")
    other = tool(name="other")(functools.partial(flat.send))
    tools = resolve_tools([office.send, other])
    assert [tools[name].function(to="ann") for name in ("send", "other")] == ["office ann", "flat ann"]
    assert list(resolve_tools([Mail("office"), Mail("flat").with_prefix("other")]))[0::3] == ["send", "other_send"]
