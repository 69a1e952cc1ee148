"""Who is let in, and what other sites' pages can not do."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
from typing import Any

import pytest

from support.command import CommandLine
from support.databases import on_files
from support.inbox import Inbox

_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class _Browser:
    """What a browser that signed in sends."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        answer = inbox.ask("GET", f"/?token={inbox.token}")
        self.cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie}

    def form(self, run_id: str) -> tuple[str, str]:
        """The address and the token of the first form of a run's page."""
        page = self._inbox.ask("GET", f"/runs/{run_id}", headers=self.headers).text
        action = re.search(r'action="(/requirements/[^"]+)"', page)
        token = re.search(r'name="form_token" value="([0-9a-f]+)"', page)
        assert action and token
        return action[1], token[1]


@pytest.mark.parametrize("path", ["/", "/history", "/runs", "/runs/x", "/events", "/nothing", "/api/runs", "/api/x"])
def test_without_the_token_nothing_is_shown(inbox: Inbox, path: str, painting: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {inbox.token}"}):
        answer = inbox.ask("GET", path, headers=headers)
        assert answer.status == 401
        assert painting not in answer.text and "paint" not in answer.text


def test_the_token_is_taken_out_of_the_address_at_once(inbox: Inbox) -> None:
    answer = inbox.ask("GET", f"/runs?status=PAUSED&token={inbox.token}")
    assert (answer.status, answer.headers["Location"]) == (303, "/runs?status=PAUSED")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and inbox.token not in cookie
    assert inbox.ask("GET", "/runs", headers={"Cookie": cookie.partition(";")[0]}).status == 200


def test_a_wrong_token_opens_nothing(inbox: Inbox) -> None:
    answer = inbox.ask("GET", "/?token=wrong")
    assert (answer.status, answer.headers["Set-Cookie"]) == (303, None)
    assert inbox.submit("/sign-in", {"token": "wrong"}).status == 401
    assert inbox.submit("/sign-in", {"token": ""}).status == 401


def test_an_address_can_not_send_a_visitor_elsewhere(inbox: Inbox) -> None:
    answer = inbox.ask("GET", f"//evil.example/?token={inbox.token}")
    assert not answer.headers["Location"].startswith("//")


def test_the_token_can_be_typed(inbox: Inbox) -> None:
    answer = inbox.submit("/sign-in", {"token": inbox.token})
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert inbox.ask("GET", "/", headers={"Cookie": cookie}).status == 200


def test_a_session_can_not_be_made_up(inbox: Inbox) -> None:
    name, _, session = _Browser(inbox).cookie.partition("=")
    content, _, mac = session.rpartition(".")
    later = f"{content.partition('.')[0]}.99999999999"
    for forged in (f"{later}.{mac}", f"{content}.{mac[:-1]}x", mac, "", ".", "..", "\xe9.1.x"):
        headers = {"Cookie": f"{name}={forged}"}
        assert inbox.ask("GET", "/", headers=headers).status == 401


def test_another_servers_session_opens_nothing(inbox: Inbox, cli: CommandLine) -> None:
    with Inbox(cli) as other:
        assert inbox.ask("GET", "/", headers=_Browser(other).headers).status == 401
        value = _Browser(other).cookie.partition("=")[2]
        name = _Browser(inbox).cookie.partition("=")[0]
        assert inbox.ask("GET", "/", headers={"Cookie": f"{name}={value}"}).status == 401


def test_who_signs_out_is_out(inbox: Inbox, painting: str) -> None:
    browser = _Browser(inbox)
    _, token = browser.form(painting)
    assert inbox.submit("/sign-out", {}, **browser.headers).status == 403
    answer = inbox.submit("/sign-out", {"form_token": token}, **browser.headers)
    assert (answer.status, "Max-Age=0" in answer.headers["Set-Cookie"]) == (303, True)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost@evil", ""])
def test_a_request_for_another_host_is_refused(inbox: Inbox, host: str) -> None:
    assert inbox.get("/api/runs", Host=host).status == 400
    assert inbox.get("/static/inbox.css", Host=host).status == 400


def test_the_machines_own_names_are_known(inbox: Inbox) -> None:
    port = inbox.host.rpartition(":")[2]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST"):
        assert inbox.get("/api/runs", Host=host).status == 200


_FORGED: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost:1"},
    {"Origin": "null"},
]


@pytest.mark.parametrize("headers", _FORGED)
def test_another_sites_page_can_not_decide(inbox: Inbox, painting: str, headers: dict[str, str]) -> None:
    browser = _Browser(inbox)
    action, token = browser.form(painting)
    fields = {"form_token": token, "action": "approve"}
    assert inbox.submit(action, fields, **browser.headers, **headers).status == 403
    assert len(inbox.get("/api/requirements").json["items"]) == 1


def test_a_form_needs_the_token_of_its_own_session(inbox: Inbox, painting: str) -> None:
    browser, other = _Browser(inbox), _Browser(inbox)
    action, token = browser.form(painting)
    for given in ({}, {"form_token": ""}, {"form_token": "\xe9"}, {"form_token": other.form(painting)[1]}):
        assert inbox.submit(action, {**given, "action": "approve"}, **browser.headers).status == 403
    origin = {"Origin": inbox.address, "Sec-Fetch-Site": "same-origin"}
    (waiting,) = inbox.get("/api/requirements").json["items"]
    fields = {"form_token": token, "action": "approve", "digest": waiting["digest"]}
    decided = inbox.submit(action, fields, **browser.headers, **origin)
    assert (decided.status, decided.headers["Location"].partition("?")[0]) == (303, f"/runs/{painting}")


def test_the_api_takes_a_session_only_with_its_token(inbox: Inbox, painting: str) -> None:
    browser = _Browser(inbox)
    action, token = browser.form(painting)
    headers = {**browser.headers, "Content-Type": "application/json"}
    body = '{"type": "confirm"}'
    assert inbox.ask("GET", "/api/runs", headers=headers).status == 200
    assert inbox.ask("POST", f"/api{action}", headers=headers, body=body).status == 403
    assert inbox.ask("POST", f"/api{action}", headers={**headers, "X-Form-Token": token}, body=body).status == 200


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/runs", "/api/nothing", "/static/inbox.js", "/static/nothing"])
def test_each_answer_tells_browsers_what_it_may_do(inbox: Inbox, path: str) -> None:
    headers: Any = inbox.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert {name: headers[name] for name in _SAFE} == _SAFE
    assert headers["Cache-Control"] == "no-store"


def test_the_token_reaches_no_page_and_no_log(cli: CommandLine, painting: str) -> None:
    with Inbox(cli) as inbox:
        browser = _Browser(inbox)
        pages = [
            inbox.ask("GET", path, headers=browser.headers).text for path in ("/", f"/runs/{painting}", "/nothing")
        ]
        inbox.ask("GET", f"/nothing?token={inbox.token}x")
        inbox.process.terminate()
        out, err = inbox.process.communicate(timeout=30)
    assert inbox.token not in "".join((*pages, out, err))


def test_the_server_stops_though_somebody_watches(cli: CommandLine, painting: str) -> None:
    with Inbox(cli) as inbox:
        connection = http.client.HTTPConnection(inbox.host, timeout=30)
        connection.request("GET", "/events", headers=inbox.bearer)
        response = connection.getresponse()
        assert response.readline().startswith(b"event: change")
        inbox.process.terminate()
        assert b"change" not in response.read()
        inbox.process.wait(30)
        connection.close()
        assert inbox.process.stderr.read() == ""


def test_to_be_reached_from_elsewhere_a_name_must_be_given(cli: CommandLine, painting: str) -> None:
    refused = cli("serve", "--host", "0.0.0.0", "--port", "0")
    assert (refused.code, "--allow-host" in refused.err) == (2, True)
    with Inbox(cli, "--allow-host", "inbox.example") as inbox:
        assert inbox.get("/api/runs", Host="inbox.example").status == 200
        refused_there = inbox.get("/api/runs", Host="other.example")
        assert (refused_there.status, refused_there.json["error"]) == (400, "wrong_host")
        page = inbox.get("/runs", Host="other.example")
        assert (page.status, page.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")


def test_an_address_in_the_place_of_a_name_is_wrong_usage(cli: CommandLine, painting: str) -> None:
    refused = cli("serve", "--port", "0", "--allow-host", "http://x")
    assert (refused.code, "without a scheme, a port or a path" in refused.err) == (2, True)


def test_a_signal_to_end_ends_it_in_order(inbox: Inbox) -> None:
    assert inbox.get("/api/runs").status == 200
    inbox.process.terminate()
    assert inbox.process.wait(30) == 0
    assert inbox.process.stderr.read() == ""


def test_a_port_that_is_taken_is_said(inbox: Inbox, cli: CommandLine) -> None:
    refused = cli("serve", "--port", inbox.host.rpartition(":")[2])
    assert (refused.code, "can't listen" in refused.err) == (1, True)


@pytest.mark.parametrize("package", ["jinja2", "starlette", "uvicorn"])
def test_without_the_extra_it_is_said_what_to_install(package: str, cli: CommandLine, painting: str) -> None:
    program = (
        f"import sys; sys.modules[{package!r}] = None; sys.argv[1:] = ['serve', '--db', {str(cli.db_file)!r}]; "
        "from haltpoint.cli import main; sys.exit(main())"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (finished.returncode, "pip install 'haltpoint[cli,inbox]'" in finished.stderr) == (1, True)
    assert package in finished.stderr and "Traceback" not in finished.stderr


@on_files
def test_a_missing_file_is_not_created(tmp_path: Any) -> None:
    cli = CommandLine(tmp_path / "nothing.db")
    assert cli("serve", "--port", "0").code == 3
    assert not cli.db_file.exists()


def test_a_malformed_origin_is_refused(inbox: Inbox) -> None:
    malformed = [
        "http://[",
        "http://[::1",
        "http://h\u00f6st",
        "//x",
        "http://",
        "",
        "http://a b",
        "x",
        "http://a/path",
    ]
    for origin in malformed:
        for path in ("/", "/sign-in", "/api/runs", "/static/inbox.css"):
            for method in ("GET", "POST"):
                answer = inbox.ask(method, path, headers={**inbox.bearer, "Origin": origin})
                assert (answer.status, "Origin header" in answer.text) == (400, True), (origin, path, method)


def test_an_origin_of_another_page_may_look_with_the_token(inbox: Inbox) -> None:
    for origin in ("null", "https://elsewhere.example:8443", "http://[::1]:80", "moz-extension://a-b"):
        assert inbox.get("/api/runs", Origin=origin).status == 200
