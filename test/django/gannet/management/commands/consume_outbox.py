"""
Sends mail about what happened in the ledger.

Any number of these may run: each takes rows that no other has.
"""
import time

from django.conf import settings
from django.core.mail import send_mail
from django.core.management.base import BaseCommand
from django.db import transaction

from gannet.models import CreditNote, Invoice, Outbox, Reversal

SUBJECTS = {
    Invoice.Status.PAID: "Invoice {0} is paid",
    Invoice.Status.REFUNDED: "Invoice {0} is refunded",
    Invoice.Status.VOID: "Invoice {0} is void",
}


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--database", default="worker", help="whose role may read the outbox")
        parser.add_argument("--once", action="store_true", help="end when the outbox is empty")

    def handle(self, database, once, **options):
        while True:
            taken = consume(database)
            if not taken and once:
                return
            if not taken:
                # Polling, because LISTEN does not work through pgbouncer's
                # transaction pooling.
                time.sleep(1)


def consume(database, limit=10):
    """Handles and deletes some rows; how many."""
    with transaction.atomic(using=database):
        rows = list(
            Outbox.objects.using(database)
            .exclude(kind="credit_note_refunded")  # is for send_refunds
            .select_for_update(skip_locked=True)
            .order_by("pk")[:limit]
        )
        for row in rows:
            handle(row, database)
        # Deleted in the transaction that holds their locks: should this process
        # die before the end, somebody takes them again. So mail is sent at least
        # once, not exactly once.
        Outbox.objects.using(database).filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def handle(row, database):
    if row.kind == "invoice_updated" and row.new_status in SUBJECTS:
        tell_of_invoice(row, database)
    elif row.kind in ("refund_done", "refund_failed"):
        tell_of_refund(row, database)
    elif row.kind == "reversal_loss":
        tell_staff_of_loss(row, database)


def with_attendee(rows, database, *columns):
    # These columns only: the worker's role may not read access codes.
    return (
        rows.objects.using(database)
        .select_related("attendee")
        .only(*columns, "attendee__recipient", "attendee__email")
    )


def write_to(attendee, subject, text):
    send_mail(
        subject,
        f"Dear {attendee.recipient},\n\n{text}",
        settings.DEFAULT_FROM_EMAIL,
        [attendee.email],
    )


def tell_of_invoice(row, database):
    invoice = with_attendee(Invoice, database, "value").get(pk=row.invoice_id)
    subject = SUBJECTS[row.new_status].format(invoice.pk)
    text = f"{subject}: {invoice.value}.\n"
    # Something was returned: she should not think that all of it was.
    successor = Invoice.objects.using(database).filter(replaces=invoice).only("pk").first()
    if successor and row.new_status != Invoice.Status.PAID:
        text += f"It is replaced by invoice {successor.pk}.\n"
    write_to(invoice.attendee, subject, text)


def tell_of_refund(row, database):
    note = with_attendee(CreditNote, database, "value").get(pk=row.credit_note_id)
    if row.kind == "refund_done":
        subject = f"Credit note {note.pk} is paid out"
        text = f"{subject}: {note.value}.\n"
    else:
        # The money is in a new credit note, so nothing is lost, and nobody has to hurry.
        subject = f"Credit note {note.pk} could not be paid out"
        text = f"{subject}: {note.value} are credit again. We will be in touch.\n"
    write_to(note.attendee, subject, text)


def tell_staff_of_loss(row, database):
    reversal = Reversal.objects.using(database).get(pk=row.reversal_id)
    send_mail(
        f"A reversal of payment {reversal.payment_id} is a loss",
        f"{reversal.provider} took back {reversal.amount} ({reversal.reversal_ref}), of which"
        f" {reversal.loss} was spent elsewhere already. See invoice {row.invoice_id}.\n",
        settings.DEFAULT_FROM_EMAIL,
        [settings.STAFF_EMAIL],
    )
