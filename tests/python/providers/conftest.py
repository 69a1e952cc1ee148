"""The loopback provider, for all tests of this folder."""

from support.provider_server import provider_server

__all__ = ["provider_server"]
