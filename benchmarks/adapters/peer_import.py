"""How long the imports take that a peer's documentation begins with; measured as those of haltpoint are.

Mode: the peer's environment. `steps` says what is imported: 0 the package or packages, 1 also what an agent with a
store in SQLite needs, and a first tool is made.
"""

from __future__ import annotations

import common
from haltpoint_import import sampled

TOOL = '''
async def lookup(number: int) -> str:
    """Look a number up."""
    return f"ok: {number}"
'''

PROGRAMS = {
    "upsonic": (
        "import os; os.environ['UPSONIC_TELEMETRY'] = 'false'; import upsonic",
        "from upsonic import Agent, Task\nfrom upsonic.storage import Memory, SqliteStorage\n"
        f"from upsonic.tools import tool\n@tool{TOOL}",
    ),
    "agno": (
        "import agno.agent",
        f"from agno.agent import Agent\nfrom agno.db.sqlite import SqliteDb\nfrom agno.tools import tool\n@tool{TOOL}",
    ),
    "langgraph": (
        "import langgraph.graph",
        "from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver\nfrom langgraph.graph import StateGraph\n"
        f"from langgraph.prebuilt import ToolNode\nfrom langchain_core.tools import tool\n@tool{TOOL}",
    ),
    "openai_agents": (
        "import agents",
        f"from agents import Agent, Runner, SQLiteSession, function_tool\n@function_tool{TOOL}",
    ),
    "pydantic_ai_dbos": (
        "import dbos, pydantic_ai",
        "from dbos import DBOS\nfrom pydantic_ai import Agent, Tool\n"
        f"from pydantic_ai.durable_exec.dbos import DBOSDurability\n@Tool{TOOL}",
    ),
}


def importing(job: common.Job) -> common.Outcome:
    """The peer that the mode names."""
    return sampled(job, PROGRAMS[job.mode][job.steps])


if __name__ == "__main__":
    common.main("peer_import", None, {"import": importing})
