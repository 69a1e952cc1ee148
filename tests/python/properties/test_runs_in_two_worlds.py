"""The same plan and the same decisions, in any order of steps, lead to the same run in memory and on disk."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from haltpoint import InMemoryDatabase, SqliteDatabase
from properties.worlds import ANSWER, KINDS, Form, PlannedCall, World

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
_CALLS = st.tuples(st.sampled_from(KINDS), st.booleans(), _TEXTS)
_PLANS = st.lists(st.lists(_CALLS, min_size=1, max_size=3), max_size=4)
_FORMS: st.SearchStrategy[Form] = st.sampled_from(["in place", "passed", "as dicts", "as copies"])


class TwoWorlds(RuleBasedStateMachine):
    """A run in memory and the same run in a file, worked on step by step."""

    @initialize(plan=_PLANS)
    def begin(self, plan: list[list[tuple[str, bool, str]]]) -> None:
        turns = [
            [PlannedCall(f"{turn}.{place}", *call) for place, call in enumerate(calls)]
            for turn, calls in enumerate(plan)
        ]
        self._directory = Path(tempfile.mkdtemp())
        self.worlds = [
            World(turns, InMemoryDatabase),
            World(turns, lambda: SqliteDatabase(self._directory / "runs.db", durability="normal")),
        ]

    @rule(form=_FORMS, chosen=st.sets(st.integers(0, 2)))
    def proceed(self, form: Form, chosen: set[int]) -> None:
        for world in self.worlds:
            world.proceed(form, lambda tag: int(tag.split(".")[1]) in chosen)

    @rule()
    def renew_the_agents(self) -> None:
        for world in self.worlds:
            world.renew_agent()

    @rule()
    def reopen_the_file(self) -> None:
        for world in self.worlds:
            world.reopen()

    @rule()
    def cancel(self) -> None:
        for world in self.worlds:
            world.cancel()

    @invariant()
    def every_promise_is_kept(self) -> None:
        for world in self.worlds:
            world.check()

    def teardown(self) -> None:
        for world in self.worlds:
            world.finish()
            world.check()
        in_memory, on_disk = (world.transcript() for world in self.worlds)
        assert in_memory == on_disk
        assert in_memory[3] == ("COMPLETED", ANSWER, None)
        assert sorted(self.worlds[0].ledger) == sorted(self.worlds[1].ledger)
        self.worlds[1].close()
        shutil.rmtree(self._directory)


TestTwoWorlds = TwoWorlds.TestCase
TestTwoWorlds.settings = settings(
    max_examples=40,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
