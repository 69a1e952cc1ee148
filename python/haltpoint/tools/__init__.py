"""Tools: functions that a model may call, and what is known about them."""

from .context import ToolCallContext, current_tool_call
from .decorator import tool
from .definition import ToolDefinition, define_tool
from .reconcile import InDoubtCall, NotStarted, Unknown
from .registry import registered_tool
from .resolve import resolve_tools
from .toolkit import ToolKit
from .user_input import UserControlFlowTools, UserInputField

__all__ = [
    "InDoubtCall",
    "NotStarted",
    "ToolCallContext",
    "ToolDefinition",
    "ToolKit",
    "Unknown",
    "UserControlFlowTools",
    "UserInputField",
    "current_tool_call",
    "define_tool",
    "registered_tool",
    "resolve_tools",
    "tool",
]
