"""Messages survive as data, and a request's view of the log stands still."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.models import Message, MessageLog, MessageView, Role, ToolCall
from haltpoint.models.messages import MessageRecord

ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")
texts = st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
calls = st.builds(ToolCall, name=texts, args=st.dictionaries(texts, json_values) | texts, id=st.none() | texts)
messages = st.builds(
    Message,
    role=st.sampled_from(ROLES),
    content=st.none() | texts,
    tool_calls=st.lists(calls, max_size=2).map(tuple),
    tool_call_id=st.none() | texts,
    name=st.none() | texts,
    provider_data=json_values,
    is_error=st.booleans(),
)


def pickled(value: object) -> Any:
    return pickle.loads(pickle.dumps(value))


def log_of(*contents: str) -> MessageLog:
    return MessageLog(Message("user", content) for content in contents)


@given(messages)
def test_a_message_is_the_same_after_a_trip_through_json(message: Message) -> None:
    assert Message.from_dict(json.loads(json.dumps(message.to_dict()))) == message


def test_a_message_needs_no_more_than_its_role_in_data() -> None:
    assert Message.from_dict({"role": "user", "content": "Hi"}) == Message("user", "Hi")


def test_messages_are_frozen_and_hold_tool_calls_as_a_tuple() -> None:
    listed: Any = [ToolCall("f", {})]
    message = Message("assistant", tool_calls=listed)
    assert message.tool_calls == (ToolCall("f", {}),)
    with pytest.raises(AttributeError):
        message.content = "changed"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
def test_a_message_can_be_copied(duplicate: Any) -> None:
    message = Message("assistant", "text", (ToolCall("f", {"x": [1]}),), provider_data={"s": 1})
    assert duplicate(message) == message


def test_tool_call_arguments_are_a_mapping_of_their_own_or_json_text() -> None:
    given_args = {"x": 1}
    call = ToolCall("f", given_args)
    given_args["x"] = 2
    assert call.args == {"x": 1}
    assert ToolCall("f", '{"x": ').args == '{"x": '


@pytest.mark.parametrize(("args", "kind"), [(None, "NoneType"), ([1], "list"), (3, "int")])
def test_tool_call_arguments_of_another_type_are_refused_by_name(args: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=rf"ToolCall\('f', args=\.\.\.\).*{kind}"):
        ToolCall("f", args)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("call_1", "f", {"x": 1}), r"ToolCall\(id=\.\.\.\) must be a str or None, got dict"),
        (({"x": 1}, "f"), r"ToolCall\(name=\.\.\.\) must be a str, got dict"),
        ((None, {}), r"ToolCall\(name=\.\.\.\) must be a str, got None"),
        ((b"f", {}), r"ToolCall\(name=\.\.\.\) must be a str, got bytes"),
        (("f", {}, 7), r"ToolCall\(id=\.\.\.\) must be a str or None, got int"),
    ],
)
def test_a_tool_call_of_wrong_types_is_refused_with_what_was_given(arguments: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        ToolCall(*arguments)


def test_a_view_does_not_see_what_is_added_later() -> None:
    log = log_of("a", "b")
    view = log.view()
    log.append(Message("user", "c"))
    log.extend([Message("user", "d")])
    assert [message.content for message in view] == ["a", "b"]
    assert len(view) == 2
    assert len(log) == len(log.view()) == 4
    with pytest.raises(IndexError):
        view[2]
    assert view[-1].content == "b"
    assert Message("user", "c") not in view


def test_a_view_shares_the_messages_of_its_log() -> None:
    log = log_of("a")
    assert log.view()[0] is log.view()[0]


def test_a_view_equals_a_list_a_tuple_or_a_view_of_the_same_messages() -> None:
    log = log_of("a", "b")
    view = log.view()
    same = [Message("user", "a"), Message("user", "b")]
    assert view == same
    assert same == view
    assert view == tuple(same)
    assert view == log_of("a", "b").view()
    assert view != same[:1]
    assert view != [*same[:1], Message("user", "x")]
    assert view != "ab"


def test_a_view_is_shown_as_the_list_it_stands_for() -> None:
    assert repr(log_of("a").view()) == repr([Message("user", "a")])
    assert repr(log_of()) == "MessageLog([])"


def test_a_view_can_not_be_changed_or_hashed() -> None:
    view: Any = log_of("a").view()
    with pytest.raises(TypeError):
        view[0] = Message("user", "b")
    with pytest.raises(AttributeError):
        view.append(Message("user", "b"))
    with pytest.raises(TypeError):
        hash(view)


bounds = st.none() | st.integers(-8, 8)


@given(
    st.lists(messages, max_size=5),
    st.lists(messages, max_size=3),
    st.slices(6) | st.builds(slice, bounds, bounds, bounds.filter(lambda step: step != 0)),
)
def test_slices_of_a_view_are_those_of_a_list(before: list[Message], after: list[Message], part: slice) -> None:
    log = MessageLog(before)
    view: Sequence[Message] = log.view()
    log.extend(after)
    assert view[part] == before[part]
    assert list(reversed(view)) == before[::-1]


@given(st.lists(messages, max_size=6), st.lists(messages, max_size=3), st.integers(0, 8))
def test_replies_are_counted_from_an_index_to_the_end_of_the_view(
    before: list[Message], after: list[Message], start: int
) -> None:
    log = MessageLog(before)
    view = log.view()
    log.extend(after)
    assert view.count_replies(start) == sum(item.role == "assistant" for item in before[start:])


def record_of(message: Message) -> MessageRecord:
    """What the engine tells of a message."""
    calls = [(call.id or "", call.name, json.dumps(call.args)) for call in message.tool_calls]
    data = None if message.provider_data is None else json.dumps(message.provider_data)
    return (message.role, message.content, calls, message.tool_call_id, message.name, message.is_error, data)


CALLING = Message("assistant", None, (ToolCall("saw", {"board": [1, None]}, "1"),), provider_data={"signature": "x"})
ANSWERED = Message("tool", "sawn", tool_call_id="1", name="saw", is_error=True)


def test_messages_told_by_the_engine_are_made_when_they_are_looked_at() -> None:
    log = log_of("Hello")
    log.extend_with_records([record_of(CALLING)])
    view = log.view()
    log.extend_with_records([record_of(ANSWERED)])
    log.append(Message("assistant", "Done"))
    assert (len(view), view.count_replies()) == (2, 1)
    assert list(view) == [Message("user", "Hello"), CALLING]
    assert list(log.view()) == [Message("user", "Hello"), CALLING, ANSWERED, Message("assistant", "Done")]
    assert view[1] is log.view()[1]


def test_threads_that_look_at_a_log_for_the_first_time_see_the_same_messages() -> None:
    log = MessageLog()
    log.extend_with_records(record_of(CALLING) for _ in range(1000))
    view = log.view()
    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(lambda _: [id(message) for message in view], range(16)))
    assert seen == [seen[0]] * 16
    assert len(seen[0]) == 1000


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda view: pickle.loads(pickle.dumps(view))])
def test_a_copy_of_a_view_stands_by_itself(copied: Callable[[MessageView], MessageView]) -> None:
    log = log_of("Hello")
    view = log.view()
    duplicate = copied(view)
    log.append(Message("assistant", "Hi"))
    assert duplicate == view == [Message("user", "Hello")]
