"""Calls regpaydb's functions, and turns their errors into Django's."""
from contextlib import contextmanager
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

# What a person can do about it, where the database's HINT is for developers.
ADVICE = {
    "RP002": "Please check the address or the number.",
    "RP004": "Please ask for an invoice of the registration as it is now.",
    "RP005": "Please change what is in the cart.",
    "RP007": "Refund it instead: what was paid becomes a credit note.",
    "RP009": "Please open the page again, and look whether it is recorded.",
    "RP010": "Please ask an administrator to add you to the staff.",
}

TRY_AGAIN = ("40001", "40P01")  # a transaction that others got in the way of, or a deadlock


def translate(error):
    """
    What a database error means to the site, or None if there is nothing a user can do.

    Takes Django's exception, whose cause is the driver's, or the driver's own:
    psycopg 3 calls the code sqlstate, psycopg2 pgcode.
    """
    cause = error.__cause__ or error
    sqlstate = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""
    if sqlstate == "42501":
        return PermissionDenied("You may not do this.")
    # Nothing is wrong with what was asked for, but with the moment. What the database
    # says of it is for developers.
    if sqlstate in TRY_AGAIN:
        return ValidationError(
            "Somebody else was changing the same at that moment. Nothing was done."
            " Please try again.",
            code=sqlstate,
        )
    # RP012 says that the ledger is missing or of another version: that is for
    # whoever runs the site, so let it be an error 500.
    if not sqlstate.startswith("RP") or sqlstate == "RP012":
        return None
    diag = cause.diag
    hint = ADVICE.get(sqlstate) or diag.message_hint or ""
    sentences = [
        diag.message_primary[0].upper() + diag.message_primary[1:] + ".",
        diag.message_detail,
        "" if "regpaydb." in hint else hint,
    ]
    return ValidationError(" ".join(filter(None, sentences)), code=sqlstate)


@contextmanager
def ledger_errors():
    """Class RP and TRY_AGAIN become ValidationError, with the SQLSTATE; 42501 PermissionDenied."""
    try:
        yield
    except Exception as error:
        translated = translate(error)
        if translated is None:
            raise
        raise translated from error


def call(function, database=DEFAULT_DB_ALIAS, **arguments):
    """
    The result of a function of regpaydb: call("balance_due", invoice_id=1).

    The names come from our own code, never from a request; the values are
    parameters. atomic() makes a savepoint, so that a transaction goes on after
    an error.
    """
    # Quoted, because one of the names is a reserved word: expire_invoices("limit").
    named = ", ".join(f'"{name}" => %s' for name in arguments)
    with ledger_errors(), transaction.atomic(database), connections[database].cursor() as cursor:
        cursor.execute(f"SELECT regpaydb.{function}({named})", list(arguments.values()))
        return cursor.fetchone()[0]


def call_for_rows(function, **arguments):
    """The same of one that returns a table: its rows, as dictionaries."""
    named = ", ".join(f'"{name}" => %s' for name in arguments)
    with ledger_errors(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM regpaydb.{function}({named})", list(arguments.values()))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


def from_minor_units(amount):
    """
    An amount of the conference's currency as payment platforms send it: 14900 is
    149.00 AUD, but 14900 JPY and 14.900 KWD.
    """
    return Decimal(amount).scaleb(-settings.CURRENCY_DECIMALS)


def to_minor_units(amount):
    return int(Decimal(amount).scaleb(settings.CURRENCY_DECIMALS))


def set_actor(user_id="", access_code=""):
    """
    On whose behalf the rest of this transaction acts; nobody's by default, and
    then the database role's own rights count.

    The third argument makes it end with the transaction. A plain SET would stay
    on the connection, and with pgbouncer go to whoever gets that next.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('regpaydb.user_id', %s, true),"
            " set_config('regpaydb.access_code', %s, true)",
            [str(user_id), access_code],
        )
