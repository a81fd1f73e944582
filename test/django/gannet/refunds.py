"""
What the payment platform gives back: the refunds that were asked for here, and what it
says of those that were not.

The worker asks for a refund, and the webhook hears of it, in any order and more than
once. Both tell it to the functions here, so that it does not matter who comes first.

Both work as the database role that has the ledger's access "staff" alone: it sees all
rows. The site's role sees none without an actor, and the platform is no user.
"""
import logging
import re

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import F, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from . import platform
from .ledger import call, from_minor_units, to_minor_units
from .models import (
    CreditNoteRefund,
    CreditNoteRefundPart,
    Payment,
    PlatformPart,
    Reversal,
    StripePayment,
)

logger = logging.getLogger(__name__)

DATABASE = "refunds"


def parts_of(refund_ids, database=DATABASE):
    """To what the money of these refunds goes back, with what the platform answered."""
    parts = CreditNoteRefundPart.objects.using(database).filter(refund__in=refund_ids)
    return parts.select_related("payment").order_by("pk").annotate(
        platform_ref=F("platform__platform_ref"),
        refusal=F("platform__refusal"),
        # Money that had gone and is back has another number in the ledger.
        charge=Coalesce(
            KeyTextTransform("charge", "payment__stripepayment__charge"),
            F("payment__provider_ref"),
            output_field=TextField(),
        ),
    )


def is_for_platform(part):
    return bool(part.charge) and part.payment.provider == platform.PROVIDER


def is_waited_for(part):
    """Whether the platform has not said yet what became of it."""
    return is_for_platform(part) and part.refusal is None


def is_by_hand(part):
    """Whether staff have to pay it some other way."""
    return not is_for_platform(part) or bool(part.refusal)


def lock(what, database=DATABASE, wait=True):
    """For one of us at a time, until the transaction ends; whether we have it."""
    function = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
    with connections[database].cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended(%s, 0))", [what])
        return wait or cursor.fetchone()[0]


# ---- the worker ----


def send(refund_id, database=DATABASE):
    """
    Has the platform make what is missing of a refund that is requested. It is asked with
    a key that is always the same, so to ask again does no harm.
    """
    with transaction.atomic(using=database):
        # Another worker may be at it. Only workers want this lock, so for as long as the
        # platform takes to answer nobody waits.
        if not lock(f"refund {refund_id} is sent", database, wait=False):
            return
        if not is_requested(refund_id, database):
            return
        waiting = [part for part in parts_of([refund_id], database) if is_waited_for(part)]
        answers = {part.pk: ask_platform(part) for part in waiting}
        lock(f"refund {refund_id}", database)
        for part in parts_of([refund_id], database):
            # What the webhook has heard meanwhile is newer.
            if is_waited_for(part) and answers.get(part.pk):
                note_answer(part, answers[part.pk], database)
        if is_requested(refund_id, database):
            conclude(refund_id, database)


def is_requested(refund_id, database):
    refund = CreditNoteRefund.objects.using(database).get(pk=refund_id)
    return refund.state == CreditNoteRefund.State.REQUESTED


def ask_platform(part):
    """Its answer, as columns of PlatformPart; None if nobody knows what became of it."""
    ids = {"credit_note_refund_id": part.refund_id, "payment_id": part.payment_id}
    key = f"refund-{part.refund_id}-{part.payment_id}"
    try:
        # It forgets keys after a while, but not what it has made.
        made = platform.find_refund(part.charge, ids) or platform.refund(
            part.charge, to_minor_units(part.amount), idempotency_key=key, metadata=ids
        )
    except platform.Refused as refusal:
        return {"platform_ref": None, "refusal": str(refusal)}
    except platform.NoAnswer as error:
        # It may have been made. Refunds that stay requested are sent again after a while.
        logger.warning("Refund %s, payment %s: %s", part.refund_id, part.payment_id, error)
        return None
    return answer_of(made)


def answer_of(made):
    """The same of a refund of the platform's."""
    if made["status"] == "failed":
        return {"platform_ref": None, "refusal": f"{made['id']} failed."}
    return {"platform_ref": made["id"], "refusal": ""}


def note_answer(part, answer, database=DATABASE):
    PlatformPart.objects.using(database).update_or_create(part_id=part.pk, defaults=answer)


def conclude(refund_id, database=DATABASE):
    """Ends a refund that is requested and locked, if nothing of it is left to do."""
    parts = list(parts_of([refund_id], database))
    if any(map(is_waited_for, parts)):
        return
    refusals = [part.refusal for part in parts if part.refusal]
    if refusals and not any(part.platform_ref for part in parts):
        # Nothing of it went out: all of it is a credit note again.
        reason = " ".join(refusals)[:1000]
        call("fail_refund", database, credit_note_refund_id=refund_id, reason=reason)
    elif not any(map(is_by_hand, parts)):
        confirm(refund_id, parts, database)
    # Else staff pay the rest some other way, and say so.


def confirm(refund_id, parts, database=DATABASE):
    made = [part.platform_ref for part in parts if part.platform_ref]
    # There is room for one. Of several, PlatformPart has them.
    key = {"provider": platform.PROVIDER, "provider_ref": made[0]} if len(made) == 1 else {}
    call("confirm_refund", database, credit_note_refund_id=refund_id, **key)


# ---- staff ----


@transaction.atomic
def paid_by_hand(refund_id):
    """What the platform does not give back was paid some other way."""
    lock(f"refund {refund_id}", DEFAULT_DB_ALIAS)
    parts = list(parts_of([refund_id], DEFAULT_DB_ALIAS))
    if any(map(is_waited_for, parts)):
        raise ValidationError("The payment platform has not made its part yet.")
    confirm(refund_id, parts, DEFAULT_DB_ALIAS)


# ---- the webhook ----


@transaction.atomic(using=DATABASE)
def refund_event(said):
    """A refund was made, or has failed."""
    lock(f"refund {said['id']} of the platform")
    # Events come late, and in any order: what counts is how it is now.
    made = platform.retrieve_refund(said["id"])
    part = part_with_key(made)
    if part is None:
        return refund_of_others(made)
    lock(f"refund {part.refund_id}")
    state = CreditNoteRefund.objects.using(DATABASE).get(pk=part.refund_id).state
    if state == CreditNoteRefund.State.REQUESTED:
        note_answer(part, answer_of(made))
        conclude(part.refund_id)
    elif state == CreditNoteRefund.State.DONE:
        if made["status"] == "failed":
            money_is_back(made, f"Refund {made['id']} failed")
    else:
        refund_of_others(made)


def part_with_key(made):
    """The part of a refund of ours that it is, by the key that we had sent."""
    key = [str(made["metadata"].get(name)) for name in ("credit_note_refund_id", "payment_id")]
    if not all(re.fullmatch("[0-9]{1,18}", number) for number in key):
        return None
    return parts_of([key[0]]).filter(
        payment=key[1],
        payment__provider=platform.PROVIDER,
        charge=made["charge"],
        amount=from_minor_units(made["amount"]),
    ).first()


def refund_of_others(made):
    """Somebody made it at the platform."""
    if made["status"] != "failed":
        # If staff have reported it, the ledger knows it by its id, and books nothing.
        money_is_gone(made, f"Refund {made['id']} at the platform")
        return
    known = {"provider": platform.PROVIDER}
    if (
        Reversal.objects.using(DATABASE).filter(reversal_ref=made["id"], **known).exists()
        or CreditNoteRefund.objects.using(DATABASE)
        .filter(provider_ref=made["id"], **known)
        .exists()
    ):
        money_is_back(made, f"Refund {made['id']} failed")


def dispute_withdrawn(dispute):
    """The card's holder says that it was not she who paid."""
    money_is_gone(dispute, f"Dispute {dispute['id']}")


def dispute_reinstated(dispute):
    """The dispute is won."""
    money_is_back(dispute, f"Dispute {dispute['id']} is won")


def money_is_gone(what, reference):
    # RP002 if we have not heard of the charge yet. The platform sends the event again.
    call(
        "record_reversal",
        DATABASE,
        provider=platform.PROVIDER,
        provider_ref=what["charge"],
        amount=from_minor_units(what["amount"]),
        reversal_ref=what["id"],
        reference=reference,
    )


@transaction.atomic(using=DATABASE)
def money_is_back(what, reference):
    """A payment like any other that has arrived, on the invoice that it once was for."""
    paid = {"provider": platform.PROVIDER, "provider_ref": what["charge"]}
    payment = Payment.objects.using(DATABASE).filter(**paid).first()
    if payment is None:
        raise ValidationError(f"There is no payment {what['charge']} yet.")
    payment_id = call(
        "record_payment",
        DATABASE,
        invoice_id=payment.invoice_id,
        amount=from_minor_units(what["amount"]),
        reference=reference,
        provider=platform.PROVIDER,
        provider_ref=what["id"],
    )
    # It can go back to the same charge once more.
    StripePayment.objects.using(DATABASE).get_or_create(
        payment_id=payment_id, defaults={"charge": what}
    )
