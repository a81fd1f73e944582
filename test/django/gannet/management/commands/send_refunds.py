"""
Has the payment platform make the refunds that were requested.

Any number of these may run. One that is killed leaves nothing half done: what it was
at is sent again, with the same key.
"""
import logging
import time
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand
from django.db import connections, transaction

from gannet.models import CreditNoteRefund, Outbox
from gannet.refunds import send

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--database", default="refunds", help="whose role may end refunds")
        parser.add_argument("--once", action="store_true", help="end when there is nothing to do")
        parser.add_argument(
            "--again-after", type=int, default=300, help="seconds after which to try again"
        )

    def handle(self, database, once, again_after, **options):
        next_time = time.monotonic()
        while True:
            worked = take_request(database)
            if time.monotonic() >= next_time:
                send_again(database, again_after)
                next_time = time.monotonic() + again_after
            if not worked and once:
                return
            if not worked:
                time.sleep(1)


def take_request(database):
    """Sends the refund of one row of the outbox, which is deleted; whether there was one."""
    with transaction.atomic(using=database):
        # Who sees the row knows that the request is committed.
        row = (
            Outbox.objects.using(database)
            .filter(kind="credit_note_refunded")
            .select_for_update(skip_locked=True)
            .order_by("pk")
            .first()
        )
        if row is None:
            return False
        refund = CreditNoteRefund.objects.using(database).get(credit_note=row.credit_note_id)
        try_to_send(refund.pk, database)
        # In the same transaction: should this process die, somebody takes it again.
        Outbox.objects.using(database).filter(pk=row.pk).delete()
    return True


def send_again(database, seconds):
    """
    Those of which nobody knows what became: the platform gave no answer, or the outbox
    lost the row.
    """
    with connections[database].cursor() as cursor:
        cursor.execute(
            "SELECT credit_note_refund_id FROM regpaydb.report_refunds_in_flight"
            " WHERE age >= %s ORDER BY age DESC",
            [timedelta(seconds=seconds)],
        )
        refund_ids = [row[0] for row in cursor.fetchall()]
    for refund_id in refund_ids:
        try_to_send(refund_id, database)


def try_to_send(refund_id, database):
    """If the ledger refuses what came of it, the refund stays in flight, and the others go on."""
    try:
        send(refund_id, database)
    except ValidationError as error:
        logger.error("Refund %s: %s", refund_id, " ".join(error.messages))
