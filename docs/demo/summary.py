"""What is left of the play in the world outside."""

from __future__ import annotations

from services import BANK, CUSTOMER_FILE, MAIL_SERVER, Services
from terminal import line, styled


def print_services(services: Services) -> None:
    """Print what each service was asked for, and why it was no more."""
    refunds, mails = len(services.log(BANK)), len(services.log(MAIL_SERVER))
    notes = services.log(CUSTOMER_FILE)
    keys = len({note["key"] for note in notes})
    line(f"\n  {styled('What the world outside saw', 'bold')}\n")
    if refunds:
        _print_service(BANK, "1 refund", "finished: never runs again")
    else:
        _print_service(BANK, "no refund", "rejected: never ran")
    _print_service(CUSTOMER_FILE, f"asked {len(notes)} times, {keys} key", "declared idempotent: repeated, same key")
    _print_service(MAIL_SERVER, f"{mails} message{'s' * (mails > 1)}", "in doubt: never repeated without your word")


def _print_service(name: str, count: str, why: str) -> None:
    line(f"  {name:<16} {styled(f'{count:<22}', 'green')} {styled(why, 'dim')}")
