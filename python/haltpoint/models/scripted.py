"""A model that follows a script: for tests, and for demonstrations without a network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from haltpoint.exceptions import ModelError
from haltpoint.models.base import ModelReply, ModelRequest, as_reply
from haltpoint.models.function import ReplyFunction, call_reply_function

__all__ = ["ScriptedModel", "ScriptedReply"]

ScriptedReply: TypeAlias = "str | ModelReply | Exception | ReplyFunction"


class ScriptedModel:
    """A model whose replies are written down in advance.

    Reply i answers the request whose run holds i assistant messages. The place in the script thus follows
    from the conversation alone: a process that continues the run goes on where the last one stopped, and a request
    that is repeated gets the same reply.

    Args:
        replies: for each request a ModelReply, a str (a final text), an exception to raise, or a plain or async
            function of the request that returns one of the first two.
        name: how runs record the model.

    Attributes:
        requests: every request received, in order.

    Raises:
        TypeError: a reply is none of these.
    """

    def __init__(self, replies: Iterable[ScriptedReply], name: str = "scripted") -> None:
        self.name = name
        self.requests: list[ModelRequest] = []
        if isinstance(replies, str):
            raise TypeError("ScriptedModel needs a list of replies, got a str")
        self._replies: list[ScriptedReply] = [_checked_reply(reply, index) for index, reply in enumerate(replies)]

    async def request(self, request: ModelRequest) -> ModelReply:
        """Answer with the reply that the conversation has come to.

        Raises:
            ModelError: the script is at its end.
        """
        self.requests.append(request)
        reply = self._reply_at(request.replies_so_far)
        if isinstance(reply, Exception):
            # Raised anew each time, so that frames of earlier requests do not pile up in it.
            raise reply.with_traceback(None)
        if callable(reply):
            return await call_reply_function(reply, request, self.name)
        return as_reply(reply, self.name)

    def __repr__(self) -> str:
        return f"ScriptedModel({len(self._replies)} replies, name={self.name!r})"

    def _reply_at(self, index: int) -> ScriptedReply:
        if index < len(self._replies):
            return self._replies[index]
        raise ModelError(
            f"the script of model {self.name!r} is at its end: it holds {len(self._replies)} replies, "
            f"and the run asks for number {index + 1}",
            provider=self.name,
            retryable=False,
        )


def _checked_reply(reply: ScriptedReply, index: int) -> ScriptedReply:
    if isinstance(reply, (str, ModelReply, Exception)) or callable(reply):
        return reply
    raise TypeError(
        f"reply {index} of a ScriptedModel must be a ModelReply, a str, an exception or a function, "
        f"got {type(reply).__name__}"
    )
