"""S9's Chat Completions server: a program that prints the port it listens on, and serves until it is killed.

`POST /STEPS/v1/chat/completions` answers with one call of the tool while the conversation has fewer than STEPS tool
results, and then with the final text. The results are found by counting the key that only they have; the body is never
parsed. `GET /processor-time` answers with the seconds of processor time that the server has used.

Standard library only. HTTP/1.1 with keep-alive, for clients that send a Content-Length and do not pipeline.
"""

from __future__ import annotations

import asyncio
import json
import time

import common

HOST = "127.0.0.1"
MODEL = "gpt-4o-mini"
KEY_OF_RESULTS = b'"tool_call_id"'
END_OF_HEAD = b"\r\n\r\n"


def _response(body: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


def _completion(message: dict[str, object], finish_reason: str) -> bytes:
    completion = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    return json.dumps(completion).encode()


def _completion_with_call() -> bytes:
    """With `%d` where the number of the call belongs: in its id, and in its arguments."""
    function = {"name": common.TOOL, "arguments": '{"number": %d}'}
    call = {"id": "call_%d", "type": "function", "function": function}
    return _completion({"content": None, "tool_calls": [call]}, "tool_calls")


CALL = _completion_with_call()
FINAL = _response(_completion({"content": common.FINAL}, "stop"))
NOT_FOUND = _response(b'{"error": {"message": "unknown path"}}', b"404 Not Found")


def answer(request_line: bytes, results: int) -> bytes:
    """The response to a request whose body has so many tool results."""
    if request_line.startswith(b"GET /processor-time "):
        return _response(b"%r" % time.process_time())
    method, path, _ = request_line.split(b" ", 2)
    _, steps, rest = path.split(b"/", 2)
    if method != b"POST" or rest != b"v1/chat/completions":
        return NOT_FOUND
    return _response(CALL % (results, results)) if results < int(steps) else FINAL


class Connection(asyncio.Protocol):
    """A connection: collects a request until it is complete, then answers it."""

    def __init__(self) -> None:
        self._received = bytearray()
        # Where the body begins and ends; None until the head is complete.
        self._body: tuple[int, int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the answers."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take the next piece of a request."""
        self._received += data
        if self._body is None and END_OF_HEAD in self._received:
            head, _, _ = self._received.partition(END_OF_HEAD)
            begin = len(head) + len(END_OF_HEAD)
            self._body = begin, begin + _content_length(head)
        if self._body is not None and len(self._received) >= self._body[1]:
            results = self._received.count(KEY_OF_RESULTS, *self._body)
            request_line, _, _ = bytes(self._received[: self._body[0]]).partition(b"\r\n")
            self._received.clear()
            self._body = None
            self._transport.write(answer(request_line, results))


def _content_length(head: bytearray) -> int:
    _, _, value = head.lower().partition(b"\r\ncontent-length:")
    return int(value.partition(b"\r\n")[0] or 0)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, HOST, 0, backlog=1_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
