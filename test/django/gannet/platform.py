"""
A pretend payment platform, which stands for Stripe's library and for Stripe.

It keeps its books in a file of its own, so it forgets nothing when the site or the
database crash, and can be asked afterwards what it has really done. Amounts are in minor
units, as the platforms have them.
"""
import json
import sqlite3
from contextlib import contextmanager
from uuid import uuid4

from django.conf import settings

PROVIDER = "stripe"  # what the ledger calls it

BOOKS = """
CREATE TABLE IF NOT EXISTS charge (
    id TEXT PRIMARY KEY, amount INTEGER, currency TEXT, metadata TEXT,
    refuses TEXT,       -- why nothing of it can be refunded, if so
    silent INTEGER      -- how many more refunds of it are made, but not answered
);
CREATE TABLE IF NOT EXISTS refund (
    id TEXT PRIMARY KEY, charge TEXT, amount INTEGER, currency TEXT, metadata TEXT,
    status TEXT, idempotency_key TEXT UNIQUE
);
"""


class Refused(Exception):
    """It says no, and will say no again."""


class NoAnswer(Exception):
    """Nobody knows whether it has done it. To ask again with the same key does no harm."""


@contextmanager
def books():
    """One transaction in them."""
    database = sqlite3.connect(settings.PLATFORM_FILE, timeout=60, isolation_level=None)
    database.row_factory = sqlite3.Row
    try:
        database.execute("BEGIN IMMEDIATE")
        for statement in BOOKS.split(";"):
            database.execute(statement)
        yield database
        database.execute("COMMIT")
    finally:
        database.close()


def as_object(row):
    """As its API and its events have it."""
    return {**row, "metadata": json.loads(row["metadata"])}


def charge(amount, metadata, refuses="", silent=0):
    """Somebody pays by card."""
    row = {
        "id": f"ch_{uuid4().hex[:16]}",
        "amount": amount,
        "currency": settings.CURRENCY.lower(),
        "metadata": json.dumps(metadata),
    }
    with books() as database:
        database.execute(
            "INSERT INTO charge VALUES (:id, :amount, :currency, :metadata, :refuses, :silent)",
            {**row, "refuses": refuses, "silent": silent},
        )
    return as_object(row)


def refund(charge_id, amount, idempotency_key=None, metadata=None):
    """Gives back some of a charge, once for each key; keys are forgotten after a while."""
    with books() as database:
        made = database.execute(
            "SELECT * FROM refund WHERE idempotency_key = ?", [idempotency_key]
        ).fetchone()
        if made is None:
            made = make_refund(database, charge_id, amount, idempotency_key, metadata or {})
        elif (made["charge"], made["amount"]) != (charge_id, amount):
            raise Refused("This key was used for another refund.")
        silent = database.execute(
            "UPDATE charge SET silent = silent - 1 WHERE id = ? AND silent > 0", [charge_id]
        ).rowcount
    if silent:
        raise NoAnswer("The connection timed out.")
    return as_object(dict(made))


def make_refund(database, charge_id, amount, key, metadata):
    charge = database.execute("SELECT * FROM charge WHERE id = ?", [charge_id]).fetchone()
    if charge is None:
        raise Refused(f"No such charge: {charge_id}.")
    if charge["refuses"]:
        raise Refused(charge["refuses"])
    gone = database.execute(
        "SELECT coalesce(sum(amount), 0) FROM refund WHERE charge = ? AND status <> 'failed'",
        [charge_id],
    ).fetchone()[0]
    if gone + amount > charge["amount"]:
        raise Refused("That is more than is left of the charge.")
    refund_id = f"re_{uuid4().hex[:16]}"
    database.execute(
        "INSERT INTO refund VALUES (?, ?, ?, ?, ?, 'succeeded', ?)",
        [refund_id, charge_id, amount, charge["currency"], json.dumps(metadata), key],
    )
    return database.execute("SELECT * FROM refund WHERE id = ?", [refund_id]).fetchone()


def find_refund(charge_id, metadata):
    """Of this charge, with this metadata; None if there is none."""
    return next(
        (
            each
            for each in refunds()
            if (each["charge"], each["metadata"]) == (charge_id, metadata)
        ),
        None,
    )


def forget_keys():
    """Some time has passed."""
    with books() as database:
        database.execute("UPDATE refund SET idempotency_key = NULL")


def retrieve_refund(refund_id):
    """As it is now. ValueError if there is none."""
    with books() as database:
        row = database.execute("SELECT * FROM refund WHERE id = ?", [refund_id]).fetchone()
    if row is None:
        raise ValueError(f"no such refund: {refund_id}")
    return as_object(dict(row))


def fail_refund(refund_id):
    """The bank sends it back, days later: the card is no more."""
    with books() as database:
        database.execute("UPDATE refund SET status = 'failed' WHERE id = ?", [refund_id])
    return retrieve_refund(refund_id)


def refunds():
    """All that it has made."""
    with books() as database:
        rows = database.execute("SELECT * FROM refund ORDER BY rowid").fetchall()
    return [as_object(dict(row)) for row in rows]
