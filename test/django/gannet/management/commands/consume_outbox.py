"""
Sends mail about what happened in the ledger.

Any number of these may run: each takes rows that no other has.
"""
import time

from django.conf import settings
from django.core.mail import send_mail
from django.core.management.base import BaseCommand
from django.db import transaction

from gannet.models import Invoice, Outbox

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
    if row.kind != "invoice_updated" or row.new_status not in SUBJECTS:
        return
    # These columns only: the worker's role may not read access codes.
    invoice = (
        Invoice.objects.using(database)
        .select_related("attendee")
        .only("value", "attendee__recipient", "attendee__email")
        .get(pk=row.invoice_id)
    )
    subject = SUBJECTS[row.new_status].format(invoice.pk)
    text = f"Dear {invoice.attendee.recipient},\n\n{subject}: {invoice.value}.\n"
    # Something was returned: she should not think that all of it was.
    successor = Invoice.objects.using(database).filter(replaces=invoice).only("pk").first()
    if successor and row.new_status != Invoice.Status.PAID:
        text += f"It is replaced by invoice {successor.pk}.\n"
    send_mail(
        subject,
        text,
        settings.DEFAULT_FROM_EMAIL,
        [invoice.attendee.email],
    )
