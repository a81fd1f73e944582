"""Refunds that the payment platform makes, and what it takes back by itself."""
import os
import signal
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from itertools import count, permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from unittest.mock import patch

from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction
from django.test import Client, TransactionTestCase, override_settings
from django.urls import reverse

from gannet import platform
from gannet.ledger import call, from_minor_units, to_minor_units
from gannet.management.commands.consume_outbox import consume
from gannet.management.commands.send_refunds import take_request
from gannet.models import (
    CreditNote,
    CreditNoteRefund,
    CreditNoteRefundPart,
    Outbox,
    Payment,
    PlatformPart,
    Reversal,
)

from .base import LedgerTests
from .test_site import StaffPages, at_once, send_event


class PlatformTests(LedgerTests):
    """With a pretend platform that has done nothing yet."""

    def setUp(self):
        super().setUp()
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        books = override_settings(PLATFORM_FILE=os.path.join(folder.name, "books"))
        books.enable()
        self.addCleanup(books.disable)
        # Of other tests, whose charges this platform does not know.
        with connections["owner"].cursor() as cursor:
            cursor.execute("DELETE FROM regpaydb.outbox")
            cursor.execute("SELECT credit_note_refund_id FROM regpaydb.report_refunds_in_flight")
            for row in cursor.fetchall():
                call("fail_refund", credit_note_refund_id=row[0], reason="of another test")
            cursor.execute("DELETE FROM regpaydb.outbox")

    def card(self, invoice, amount, **charge):
        """Somebody pays by card, and the platform says so; the charge."""
        charge = platform.charge(amount * 100, {"invoice_id": str(invoice.pk)}, **charge)
        self.assertEqual(self.tell("charge.succeeded", charge).content, b"recorded")
        return charge["id"]

    def tell(self, kind, what):
        return send_event({"type": kind, "data": {"object": what}})

    def bank(self, invoice, amount):
        call("record_payment", invoice_id=invoice.pk, amount=amount, reference="NB 7",
             provider="bank", provider_ref=f"NB {invoice.pk}")

    def note(self, *amounts, bank=0, **charge):
        """Of an invoice that is paid by so many cards, and by the bank; and the charges."""
        invoice = self.invoice(self.attendee(), str(sum(amounts) + bank))
        charges = [self.card(invoice, amount, **charge) for amount in amounts]
        if bank:
            self.bank(invoice, bank)
        self.assertEqual(self.fresh(invoice).status, "paid")
        return call("refund_invoice", invoice_id=invoice.pk), charges

    def request(self, note):
        return call("request_refund", credit_note_id=note, reference=f"Credit note {note}")

    def requested(self, *amounts, **how):
        note, charges = self.note(*amounts, **how)
        return self.request(note), charges

    def work(self, again_after=300):
        call_command("send_refunds", once=True, again_after=again_after)

    def state(self, refund_id):
        return CreditNoteRefund.objects.using("owner").get(pk=refund_id).state

    def made(self, *charges):
        """What the platform has given back: how much of which charge."""
        made = [each for each in platform.refunds() if each["status"] == "succeeded"]
        return [(each["charge"], each["amount"] // 100) for each in made]

    def credit(self, refund_id):
        """That its attendee has."""
        note = CreditNoteRefund.objects.using("owner").get(pk=refund_id).credit_note
        return call("available_credit", attendee_id=note.attendee_id)

    def assertBooksAgree(self):
        """
        What went back to each charge is the same in the ledger and at the platform, and
        no more than it brought.
        """
        ledger = Counter()
        parts = CreditNoteRefundPart.objects.using("owner").filter(
            payment__provider="stripe", refund__state__in=["requested", "done"]
        )
        for part in parts.select_related("payment"):
            ledger[part.payment.provider_ref] += part.amount
        for reversal in Reversal.objects.using("owner").select_related("payment"):
            ledger[reversal.payment.provider_ref] += reversal.amount
        for charge, amount in self.made():
            ledger[charge] -= amount
        known = {each["charge"] for each in platform.refunds()}
        self.assertEqual({charge: ledger[charge] for charge in known}, dict.fromkeys(known, 0))


class PretendPlatformTests(PlatformTests, TransactionTestCase):
    def test_a_key_is_one_refund(self):
        charge = platform.charge(10000, {})["id"]
        first = platform.refund(charge, 4000, "key")
        self.assertEqual(platform.refund(charge, 4000, "key"), first)
        with self.assertRaises(platform.Refused):
            platform.refund(charge, 4001, "key")
        platform.refund(charge, 6000, "another")
        with self.assertRaises(platform.Refused):
            platform.refund(charge, 1, "third")
        self.assertEqual(self.made(), [(charge, 40), (charge, 60)])

    def test_no_answer(self):
        charge = platform.charge(10000, {}, silent=2)["id"]
        for _ in range(2):
            with self.assertRaises(platform.NoAnswer):
                platform.refund(charge, 4000, "key")
            self.assertEqual(self.made(), [(charge, 40)])
        self.assertEqual(platform.refund(charge, 4000, "key")["id"], platform.refunds()[0]["id"])

    def test_minor_units(self):
        for decimals, amount, minor in (2, "149.00", 14900), (0, "14900", 14900), (3, "1.5", 1500):
            with override_settings(CURRENCY_DECIMALS=decimals):
                self.assertEqual(to_minor_units(Decimal(amount)), minor)
                self.assertEqual(from_minor_units(minor), Decimal(amount))


class WorkerTests(PlatformTests, TransactionTestCase):
    def test_a_refund_is_made(self):
        refund_id, (charge,) = self.requested(100)
        self.work()
        refund = CreditNoteRefund.objects.using("owner").get(pk=refund_id)
        made = platform.refunds()[0]
        self.assertEqual(self.made(), [(charge, 100)])
        self.assertEqual(
            (refund.state, refund.provider, refund.provider_ref), ("done", "stripe", made["id"])
        )
        self.assertEqual(made["metadata"]["credit_note_refund_id"], refund_id)
        self.assertFalse(Outbox.objects.using("owner").filter(kind="credit_note_refunded"))
        self.work(0)
        self.assertEqual(len(platform.refunds()), 1)

    def test_part_by_part(self):
        """Two cards paid: the money of a part of it is that of the last one."""
        refund_id, charges = self.requested(60, 40)
        self.work()
        self.assertEqual(sorted(self.made()), sorted(zip(charges, (60, 40))))
        refund = CreditNoteRefund.objects.using("owner").get(pk=refund_id)
        self.assertEqual((refund.state, refund.provider_ref), ("done", None))
        self.assertEqual(
            set(PlatformPart.objects.values_list("platform_ref", flat=True)),
            {each["id"] for each in platform.refunds()},
        )

    def test_what_is_not_committed_is_not_sent(self):
        note, _ = self.note(100)
        with transaction.atomic():
            refund_id = self.request(note)
            self.assertEqual(at_once(1, lambda number: self.work(0)), [None])
            self.assertEqual(platform.refunds(), [])
        self.work()
        self.assertEqual((len(platform.refunds()), self.state(refund_id)), (1, "done"))

    def test_what_was_done_by_hand_is_not_sent(self):
        note, _ = self.note(100)
        call("refund_credit_note", credit_note_id=note, reference="cash")
        self.work(0)
        self.assertEqual(platform.refunds(), [])
        self.assertFalse(Outbox.objects.using("owner").filter(kind="credit_note_refunded"))

    def test_a_refusal(self):
        refund_id, _ = self.requested(100, refuses="The card was closed.")
        self.work()
        refund = CreditNoteRefund.objects.using("owner").get(pk=refund_id)
        self.assertEqual((refund.state, refund.failure_reason), ("failed", "The card was closed."))
        self.assertEqual((self.credit(refund_id), platform.refunds()), (100, []))
        self.assertEqual(Payment.objects.using("owner").get(failed_refund=refund).title,
                         "Came back, as a refund failed")

    def test_a_refusal_of_one_part(self):
        """What went out can't be undone: staff pay the rest some other way."""
        invoice = self.invoice(self.attendee(), "100")
        charges = [self.card(invoice, 60), self.card(invoice, 40, refuses="No such card.")]
        refund_id = self.request(call("refund_invoice", invoice_id=invoice.pk))
        for _ in range(2):
            self.work(0)
            self.assertEqual((self.state(refund_id), self.made()), ("requested", [(charges[0], 60)]))
        self.client.force_login(self.staff())
        page = self.client.get(reverse("staff_refunds"))
        self.assertContains(page, "40.00 some other way, by hand: No such card.")
        page = self.client.post(reverse("refund_is_done", args=[refund_id]), follow=True)
        self.assertContains(page, "The refund is done.")
        refund = CreditNoteRefund.objects.using("owner").get(pk=refund_id)
        self.assertEqual((refund.state, refund.provider_ref), ("done", platform.refunds()[0]["id"]))
        self.assertEqual(self.credit(refund_id), 0)

    def test_what_the_platform_has_not(self):
        """Some of it came by the bank, and goes back there by hand, when the rest is made."""
        refund_id, (charge,) = self.requested(60, bank=40)
        self.client.force_login(self.staff())
        done = reverse("refund_is_done", args=[refund_id])
        page = self.client.post(done, follow=True)
        self.assertContains(page, "The payment platform has not made its part yet.")
        self.assertNotContains(page, "The rest is paid")
        self.work()
        self.assertEqual((self.state(refund_id), self.made()), ("requested", [(charge, 60)]))
        page = self.client.get(reverse("staff_refunds"))
        self.assertContains(page, "40.00 to NB 7, by hand")
        self.assertContains(page, "The rest is paid")
        self.client.post(done)
        self.assertEqual(self.state(refund_id), "done")
        page = self.client.post(done, follow=True)
        self.assertEqual((self.state(refund_id), len(platform.refunds())), ("done", 1))

    def test_no_answer(self):
        """It was made, and the connection broke: asked again with the same key it says so."""
        refund_id, (charge,) = self.requested(100, silent=2)
        with patch("gannet.platform.find_refund", return_value=None):  # the key alone does
            with self.assertLogs("gannet.refunds", "WARNING") as logs:
                self.work()
                self.assertEqual(self.state(refund_id), "requested")
                self.work()  # too early to ask again
                self.assertEqual(len(logs.output), 1)
                self.work(0)
                self.assertEqual(self.state(refund_id), "requested")
            self.work(0)
        self.assertEqual((self.state(refund_id), self.made()), ("done", [(charge, 100)]))

    def test_a_platform_that_has_forgotten_the_key(self):
        """When the worker comes back after days, what was made is not made again."""
        invoice = self.invoice(self.attendee(), "40")
        charge = self.card(invoice, 100, silent=1)  # 60 of which are another note
        refund_id = self.request(call("refund_invoice", invoice_id=invoice.pk))
        with self.assertLogs("gannet.refunds", "WARNING"):
            self.work()
        platform.forget_keys()
        self.work(0)
        self.assertEqual((self.state(refund_id), self.made()), ("done", [(charge, 40)]))

    def test_no_answer_for_one_part(self):
        """Nothing fails as long as nobody knows what became of a part of it."""
        invoice = self.invoice(self.attendee(), "100")
        self.card(invoice, 60, silent=1)
        self.card(invoice, 40, refuses="No such card.")
        refund_id = self.request(call("refund_invoice", invoice_id=invoice.pk))
        with self.assertLogs("gannet.refunds", "WARNING"):
            self.work()
        self.assertEqual(self.state(refund_id), "requested")
        self.assertEqual(PlatformPart.objects.count(), 1)
        self.work(0)
        self.assertEqual((self.state(refund_id), PlatformPart.objects.count()), ("requested", 2))

    def test_a_row_that_the_outbox_lost(self):
        refund_id, _ = self.requested(100)
        Outbox.objects.using("owner").all().delete()
        self.work()
        self.assertEqual(self.state(refund_id), "requested")
        self.work(0)
        self.assertEqual((self.state(refund_id), len(platform.refunds())), ("done", 1))

    def test_one_that_the_ledger_refuses(self):
        """It does not keep the others from being sent."""
        bad, _ = self.requested(100)
        good, _ = self.requested(100)

        def call_or_refuse(function, database, **arguments):
            if arguments["credit_note_refund_id"] == bad:
                arguments["provider"] = ""  # no answer of the platform's is like that, but
                return call("pay", database, invoice_id=0, amount=1, reference="x")
            return call(function, database, **arguments)

        with patch("gannet.refunds.call", call_or_refuse):
            with self.assertLogs("gannet.management.commands.send_refunds", "ERROR"):
                self.work()
        self.assertEqual((self.state(bad), self.state(good)), ("requested", "done"))
        self.work(0)
        self.assertEqual((self.state(bad), len(platform.refunds())), ("done", 2))

    def test_mail_leaves_them(self):
        refund_id, _ = self.requested(100)
        while consume("worker", 100):
            pass
        self.work()
        self.assertEqual(self.state(refund_id), "done")

    def test_two_workers_share_the_work(self):
        requested = [self.requested(60, 40) for _ in range(15)]
        taken = at_once(3, lambda number: sum(take_request("refunds") for _ in range(15)))
        self.assertEqual(sum(taken), 15)
        self.assertEqual({self.state(refund_id) for refund_id, _ in requested}, {"done"})
        self.assertEqual(
            sorted(self.made()),
            sorted(pair for _, charges in requested for pair in zip(charges, (60, 40))),
        )

    def test_a_worker_does_not_wait_for_another(self):
        """Neither for its row nor for its refund, while the platform thinks."""
        first, _ = self.requested(100)
        second, _ = self.requested(100)
        barrier = Barrier(2, timeout=30)
        ask = platform.refund

        def ask_slowly(charge_id, amount, **arguments):
            if arguments["metadata"]["credit_note_refund_id"] == first:
                barrier.wait()  # the other works now
                barrier.wait()
            return ask(charge_id, amount, **arguments)

        def work(number):
            if number == 0:
                return take_request("refunds")
            barrier.wait()
            try:
                self.work(0)  # the first is in flight, too, but somebody has it
                return self.state(first), self.state(second)
            finally:
                barrier.wait()

        with patch("gannet.platform.refund", ask_slowly):
            self.assertEqual(at_once(2, work), [True, ("requested", "done")])
        self.assertEqual((self.state(first), len(platform.refunds())), ("done", 2))

    def test_workers_that_look_for_what_is_in_flight(self):
        requested = [self.requested(60, 40) for _ in range(8)]
        Outbox.objects.using("owner").all().delete()
        at_once(3, lambda number: self.work(0))
        self.work(0)
        self.assertEqual({self.state(refund_id) for refund_id, _ in requested}, {"done"})
        self.assertEqual(len(platform.refunds()), 16)


class KilledWorkerTests(PlatformTests, TransactionTestCase):
    """
    The worker's process is killed between every two steps: at each statement that writes,
    each commit and each question to the platform. The key alone has to keep it from being
    sent twice: neither this worker nor the next one looks for what was made.
    """

    def killed(self, step):
        """Whether a worker that is killed at this step gets there."""
        worker = Path(__file__).with_name("killed_worker.py")
        database = connections["refunds"].settings_dict["NAME"]
        done = subprocess.run(
            [sys.executable, str(worker), database, str(step)],
            env={
                **os.environ,
                "PLATFORM_FILE": settings.PLATFORM_FILE,
                "PYTHONPATH": str(worker.parent.parent.parent),
            },
            capture_output=True,
            text=True,
        )
        self.assertIn(done.returncode, (0, -signal.SIGKILL), done.stderr)
        return done.returncode != 0

    def test_at_every_step(self):
        for step in count(1):
            note, charges = self.note(60, 40)
            two = self.request(note)
            refused, _ = self.requested(100, refuses="The card was closed.")
            lost, (its_charge,) = self.requested(100)
            Outbox.objects.using("owner").filter(
                credit_note=CreditNoteRefund.objects.using("owner").get(pk=lost).credit_note_id
            ).delete()
            before = len(platform.refunds())
            with self.subTest(step):
                killed = self.killed(step)
                with patch("gannet.platform.find_refund", return_value=None):
                    self.work(0)
                self.assertEqual(
                    [self.state(each) for each in (two, refused, lost)], ["done", "failed", "done"]
                )
                self.assertEqual(
                    sorted(self.made()[before:]),
                    sorted([*zip(charges, (60, 40)), (its_charge, 100)]),
                )
                self.assertEqual(self.credit(refused), 100)
            if not killed:
                break
        self.assertBooksAgree()
        self.assertGreater(step, 20)


class WebhookTests(PlatformTests, TransactionTestCase):
    def assertTold(self, kind, what, times=3):
        """Each event comes three times."""
        answers = [self.tell(kind, what) for _ in range(times)]
        self.assertEqual({answer.content for answer in answers}, {b"recorded"})

    def test_before_the_worker_has_it(self):
        """Made, but the worker got no answer: the platform's event ends it."""
        refund_id, (charge,) = self.requested(100, silent=1)
        with self.assertLogs("gannet.refunds", "WARNING"):
            self.work()
        self.assertTold("refund.created", platform.refunds()[0])
        self.assertEqual(self.state(refund_id), "done")
        self.work(0)
        self.assertEqual(self.made(), [(charge, 100)])
        self.assertFalse(Reversal.objects.using("owner").filter(payment__provider_ref=charge))
        self.assertBooksAgree()

    def test_while_the_worker_is_at_it(self):
        refund_id, (charge,) = self.requested(100)
        ask = platform.refund
        barrier = Barrier(2, timeout=30)

        def ask_and_wait(*args, **arguments):
            made = ask(*args, **arguments)
            barrier.wait()
            barrier.wait()
            return made

        def act(number):
            if number == 0:
                return take_request("refunds")
            barrier.wait()
            try:
                self.assertTold("refund.created", platform.refunds()[0])
                return self.state(refund_id)
            finally:
                barrier.wait()

        with patch("gannet.platform.refund", ask_and_wait):
            self.assertEqual(at_once(2, act), [True, "done"])
        self.assertEqual((self.state(refund_id), self.made()), ("done", [(charge, 100)]))

    def test_it_fails_while_the_worker_is_at_it(self):
        """The worker's answer is older than what the webhook has heard."""
        ask = platform.refund

        def ask_and_fail(*args, **arguments):
            made = ask(*args, **arguments)
            if made["amount"] == 4000:
                failed = platform.fail_refund(made["id"])
                at_once(1, lambda number: self.assertTold("refund.failed", failed))
            return made

        with patch("gannet.platform.refund", ask_and_fail):
            refund_id, _ = self.requested(40)
            self.work()
            self.assertEqual((self.state(refund_id), self.credit(refund_id)), ("failed", 40))
            refund_id, _ = self.requested(60, 40)
            self.work()
            self.assertEqual(self.state(refund_id), "requested")
        part = PlatformPart.objects.using("owner").get(part__refund=refund_id, part__amount=40)
        self.assertIn("failed.", part.refusal)

    def test_after_the_worker(self):
        refund_id, _ = self.requested(60, 40)
        self.work()
        for made in platform.refunds():
            self.assertTold("refund.created", made)
        self.assertEqual(self.state(refund_id), "done")
        self.assertBooksAgree()

    def test_part_by_part(self):
        """It is done when all parts are, whoever hears of them, and at once."""
        refund_id, charges = self.requested(60, 40, silent=1)
        with self.assertLogs("gannet.refunds", "WARNING"):
            self.work()
        first, second = platform.refunds()
        self.assertTold("refund.created", second)
        self.assertEqual(self.state(refund_id), "requested")
        self.assertTold("refund.created", first)
        self.assertEqual(self.state(refund_id), "done")

        refund_id, charges = self.requested(60, 40, silent=1)
        with self.assertLogs("gannet.refunds", "WARNING"):
            self.work()
        made = platform.refunds()[2:] * 3
        answers = at_once(6, lambda number: self.tell("refund.created", made[number]))
        self.assertEqual({answer.content for answer in answers}, {b"recorded"})
        self.assertEqual(self.state(refund_id), "done")
        self.assertBooksAgree()

    def test_it_fails_before_it_is_done(self):
        refund_id, _ = self.requested(100, silent=1)
        with self.assertLogs("gannet.refunds", "WARNING"):
            self.work()
        created = platform.refunds()[0]
        failed = platform.fail_refund(created["id"])
        # In any order: what counts is how it is.
        for kind, what in ("refund.created", created), ("refund.failed", failed):
            self.assertTold(kind, what)
            self.assertEqual((self.state(refund_id), self.credit(refund_id)), ("failed", 100))
        self.work(0)
        self.assertFalse(Reversal.objects.using("owner").filter(reversal_ref=created["id"]))
        self.assertBooksAgree()

    def test_it_fails_and_the_worker_hears_it_first(self):
        refund_id, _ = self.requested(100, silent=1)
        with self.assertLogs("gannet.refunds", "WARNING"):
            self.work()
        failed = platform.fail_refund(platform.refunds()[0]["id"])
        self.work(0)
        self.assertEqual((self.state(refund_id), self.credit(refund_id)), ("failed", 100))
        self.assertTold("refund.failed", failed)
        self.assertEqual(self.credit(refund_id), 100)

    def test_it_fails_when_it_is_done(self):
        """The money comes back after all, as a payment: the refund stays what it is."""
        refund_id, (charge,) = self.requested(100)
        self.work()
        failed = platform.fail_refund(platform.refunds()[0]["id"])
        self.assertTold("refund.failed", failed)
        self.assertEqual((self.state(refund_id), self.credit(refund_id)), ("done", 100))
        # And can be asked for again: it goes to the same charge.
        old = CreditNoteRefund.objects.using("owner").get(pk=refund_id).credit_note
        note = CreditNote.objects.using("owner").get(attendee=old.attendee, state="unclaimed")
        again = self.request(note.pk)
        self.work()
        self.assertEqual((self.state(again), self.made()), ("done", [(charge, 100)]))
        self.assertTold("refund.created", platform.refunds()[1])
        self.assertEqual((self.state(again), self.credit(again)), ("done", 0))

    def test_one_that_was_made_after_all(self):
        """Staff took it for failed. What went out is a reversal, of what came back."""
        refund_id, (charge,) = self.requested(100, silent=1)
        with self.assertLogs("gannet.refunds", "WARNING"):
            self.work()
        call("fail_refund", credit_note_refund_id=refund_id, reason="No answer")
        self.assertEqual(self.credit(refund_id), 100)
        self.assertTold("refund.created", platform.refunds()[0])
        reversal = Reversal.objects.using("owner").get(payment__provider_ref=charge)
        self.assertEqual((reversal.amount, reversal.loss, self.credit(refund_id)), (100, 0, 0))
        self.assertBooksAgree()

    def test_one_of_others(self):
        """Somebody made it at the platform: the ticket is not covered any more."""
        invoice = self.invoice(self.attendee())
        charge = self.card(invoice, 100)
        made = platform.refund(charge, 3000)
        self.assertTold("refund.created", made)
        reversal = Reversal.objects.using("owner").get(reversal_ref=made["id"])
        self.assertEqual((reversal.amount, reversal.loss), (30, 0))
        self.assertEqual(self.fresh(invoice).status, "refunded")
        self.assertEqual(call("available_credit", attendee_id=invoice.attendee_id), 70)
        title = "Taken back by the payment platform"
        self.assertEqual(Payment.objects.using("owner").get(reversal=reversal).title, title)
        page = Client().get(reverse("invoice", args=[invoice.attendee.access_code, invoice.pk]))
        self.assertContains(page, title)
        self.assertBooksAgree()
        # And then it fails.
        self.assertTold("refund.failed", platform.fail_refund(made["id"]))
        self.assertEqual(call("available_credit", attendee_id=invoice.attendee_id), 100)

    def test_one_of_others_that_failed_before_we_heard_of_it(self):
        invoice = self.invoice(self.attendee())
        made = platform.refund(self.card(invoice, 100), 3000)
        failed = platform.fail_refund(made["id"])
        for kind, what in ("refund.failed", failed), ("refund.created", made):
            self.assertTold(kind, what)
        self.assertEqual(self.fresh(invoice).status, "paid")
        self.assertEqual(call("available_credit", attendee_id=invoice.attendee_id), 0)

    def test_one_with_a_key_that_is_not_ours(self):
        """Somebody wrote it there: it is one of others."""
        invoice = self.invoice(self.attendee())
        refund_id, _ = self.requested(30)
        payment = CreditNoteRefundPart.objects.using("owner").get(refund=refund_id).payment_id
        for number, key in enumerate([
            {"credit_note_refund_id": "x", "payment_id": payment},
            {"credit_note_refund_id": 10**30, "payment_id": payment},
            {"credit_note_refund_id": refund_id},
            {"credit_note_refund_id": refund_id, "payment_id": payment},
        ]):
            made = platform.refund(self.card(invoice, 100), 3000, metadata=key)
            self.assertTold("refund.created", made, times=1)
            self.assertEqual(Reversal.objects.using("owner").get(reversal_ref=made["id"]).amount, 30)
        self.assertEqual(self.state(refund_id), "requested")

    def test_one_that_staff_reported(self):
        """On the platform's own pages, and then here: the event has nothing to add."""
        note, (charge,) = self.note(100)
        made = platform.refund(charge, 10000)
        invoice = CreditNote.objects.using("owner").get(pk=note).payment.invoice_id
        self.client.force_login(self.staff())
        self.client.post(
            reverse("cash_out", args=[invoice, note]),
            {"reference": "to card 4242", "platform_ref": made["id"]},
        )
        self.assertTold("refund.created", made)
        self.assertFalse(Reversal.objects.using("owner").filter(reversal_ref=made["id"]))
        self.assertBooksAgree()
        refund_id = CreditNoteRefund.objects.using("owner").get(credit_note=note).pk
        self.assertTold("refund.failed", platform.fail_refund(made["id"]))
        self.assertEqual((self.state(refund_id), self.credit(refund_id)), ("done", 100))

    def dispute(self, charge, amount):
        return {
            "id": charge.replace("ch_", "dp_"),
            "charge": charge,
            "amount": amount * 100,
            "currency": "aud",
        }

    def test_a_dispute(self):
        invoice = self.invoice(self.attendee())
        charge = self.card(invoice, 100)
        dispute = self.dispute(charge, 100)
        self.assertTold("charge.dispute.funds_withdrawn", dispute)
        self.assertEqual(self.fresh(invoice).status, "refunded")
        self.assertEqual(Reversal.objects.using("owner").get(reversal_ref=dispute["id"]).loss, 0)
        self.assertTold("charge.dispute.funds_reinstated", dispute)
        self.assertEqual(call("available_credit", attendee_id=invoice.attendee_id), 100)
        payment = Payment.objects.using("owner").get(provider="stripe", provider_ref=dispute["id"])
        self.assertEqual((payment.invoice, payment.amount), (invoice, 100))

    def test_a_charge_that_came_twice(self):
        """The card's holder disputes one of them: what the other pays for stays paid."""
        for disputed in 0, 1:
            invoice = self.invoice(self.attendee())
            charges = [self.card(invoice, 100), self.card(invoice, 100)]
            self.assertEqual(call("available_credit", attendee_id=invoice.attendee_id), 100)
            self.assertTold(
                "charge.dispute.funds_withdrawn", self.dispute(charges[disputed], 100)
            )
            self.assertEqual(self.fresh(invoice).status, "paid")
            self.assertEqual(call("available_credit", attendee_id=invoice.attendee_id), 0)

    def test_money_that_was_spent(self):
        """Then a reversal is a loss, and is told."""
        ada = self.attendee()
        first = self.invoice(ada)
        charge = self.card(first, 100)
        call("refund_invoice", invoice_id=first.pk)
        self.assertEqual(self.invoice(ada).status, "paid")
        self.assertTold("charge.dispute.funds_withdrawn", self.dispute(charge, 100))
        reversal = Reversal.objects.using("owner").get(payment__provider_ref=charge)
        self.assertEqual((reversal.loss, reversal.reversing_payment), (100, None))
        self.assertTrue(Outbox.objects.using("owner").filter(kind="reversal_loss", invoice=first))

    def test_out_of_order(self):
        """
        What comes before the payment's own event is refused, and sent again until it is
        recorded. In the end all is there once, in whatever order it came.
        """
        for order in permutations(range(3)):
            invoice = self.invoice(self.attendee())
            charge = platform.charge(10000, {"invoice_id": str(invoice.pk)})
            dispute = self.dispute(charge["id"], 100)
            events = [
                ("charge.succeeded", charge),
                ("charge.dispute.funds_withdrawn", dispute),
                ("charge.dispute.funds_reinstated", dispute),
            ]
            waiting = [events[number] for number in order] * 3
            rounds = 0
            while waiting and rounds < 3:
                waiting = [each for each in waiting if self.tell(*each).status_code == 400]
                rounds += 1
            self.assertEqual(waiting, [])
            self.assertEqual(rounds, 1 if order[0] == 0 else 2)
            payments = Payment.objects.using("owner").filter(invoice=invoice)
            received = payments.filter(kind__in=["payment", "reversal"])
            self.assertEqual(sorted(received.values_list("amount", flat=True)), [-100, 100, 100])
            paid = self.fresh(invoice).paid
            self.assertEqual(
                paid + call("available_credit", attendee_id=invoice.attendee_id), 100
            )

    def test_a_refund_before_its_charge(self):
        invoice = self.invoice(self.attendee())
        charge = platform.charge(10000, {"invoice_id": str(invoice.pk)})
        made = platform.refund(charge["id"], 10000)
        answer = self.tell("refund.created", made)
        self.assertEqual(answer.status_code, 400)
        self.assertIn(b"There is no payment", answer.content)
        self.assertTold("charge.succeeded", charge)
        self.assertTold("refund.created", made)
        self.assertEqual(self.fresh(invoice).status, "refunded")
        self.assertBooksAgree()

    def test_what_is_refused(self):
        invoice = self.invoice(self.attendee())
        charge = self.card(invoice, 100)
        for kind, what, words in [
            ("refund.created", {"id": "re_0", "currency": "aud"}, b"no such refund: re_0"),
            ("refund.created", {"id": "re_0", "currency": "jpy"}, b"not the conference's currency"),
            ("charge.dispute.funds_withdrawn", self.dispute(charge, 101), b"is reversed than it"),
            ("charge.dispute.funds_withdrawn", {"id": "dp_0", "currency": "aud"}, b"charge"),
            ("charge.dispute.funds_reinstated", self.dispute("ch_0", 1), b"There is no payment"),
        ]:
            answer = self.tell(kind, what)
            self.assertEqual(answer.status_code, 400)
            self.assertIn(words, answer.content)
        event = {"type": "charge.dispute.funds_withdrawn"}
        event["data"] = {"object": self.dispute(charge, 100)}
        self.assertEqual(send_event(event, secret="guessed").status_code, 400)
        self.assertEqual(self.fresh(invoice).status, "paid")
        self.assertFalse(Reversal.objects.using("owner").filter(payment__provider_ref=charge))

    def test_at_once(self):
        """Each event three times, all at the same moment."""
        for _ in range(5):
            invoice = self.invoice(self.attendee())
            charge = self.card(invoice, 100)
            events = [("refund.created", platform.refund(charge, 4000))]
            events += [("charge.dispute.funds_withdrawn", self.dispute(charge, 60))]
            answers = at_once(6, lambda number: self.tell(*events[number % 2]))
            self.assertEqual({answer.content for answer in answers}, {b"recorded"})
            amounts = Reversal.objects.using("owner").filter(payment__provider_ref=charge)
            self.assertEqual(sorted(amounts.values_list("amount", flat=True)), [40, 60])


class StaffRefundTests(PlatformTests, StaffPages, TransactionTestCase):
    def setUp(self):
        super().setUp()
        self.ada = self.attendee()
        self.clerk = self.staff()
        self.client.force_login(self.clerk)

    def test_the_platform_is_asked(self):
        note, (charge,) = self.note(60, bank=40)
        invoice = CreditNote.objects.using("owner").get(pk=note).payment.invoice_id
        page = self.client.get(reverse("staff_invoice", args=[invoice]))
        self.assertContains(page, f"60.00 of {charge}, of which 60.00 can go back")
        self.assertContains(page, "<li>40.00 of NB 7</li>")
        page = self.post("ask_platform", invoice, note)
        self.assertContains(page, "The payment platform is asked to pay it back.")
        self.assertEqual(platform.refunds(), [])
        page = self.post("ask_platform", invoice, note)
        self.assertContains(page, f"Credit note {note} is claimed already.")
        refund = CreditNoteRefund.objects.using("owner").get(credit_note=note)
        self.assertEqual(
            (refund.state, refund.reference, refund.entered_by),
            ("requested", f"Credit note {note}", self.clerk.pk),
        )
        page = self.client.get(reverse("staff_refunds"))
        self.assertContains(page, "On its way")
        self.assertContains(page, f"60.00 to {charge}<")
        self.work()
        page = self.client.get(reverse("staff_refunds"))
        self.assertContains(page, f"60.00 to {charge}: {platform.refunds()[0]['id']}<")

    def test_where_the_money_of_a_charge_is(self):
        """Staff ask by the number that the platform has, and the attendee knows."""
        invoice = self.invoice(self.ada, "60")
        charge = self.card(invoice, 100)
        page = self.client.get(reverse("staff_home"), {"number": charge})
        note = CreditNote.objects.using("owner").get(attendee=self.ada)
        self.assertContains(
            page,
            f"{charge}: 100.00: 60.00 on invoice {invoice.pk} (paid),"
            f" 40.00 in credit note {note.pk}",
        )
        for number in "ch_0", "x" * 201, "x\0", "é":
            page = self.client.get(reverse("staff_home"), {"number": number})
            self.assertContains(page, "There is no invoice")

    def test_where_no_platform_is_involved(self):
        invoice = self.invoice(self.ada)
        self.bank(invoice, 100)
        call("refund_invoice", invoice_id=invoice.pk)
        page = self.client.get(reverse("staff_invoice", args=[invoice.pk]))
        self.assertContains(page, "100.00 of NB 7")
        self.assertContains(page, "Cash out")
        self.assertNotContains(page, "Pay back by the payment platform")

    def test_a_charge_of_which_nothing_is_left(self):
        """A dispute was faster: what is in the note can't go back to the card any more."""
        first = self.invoice(self.ada)
        charge = self.card(first, 100)
        call("refund_invoice", invoice_id=first.pk)
        second = self.invoice(self.ada)
        self.assertEqual(second.status, "paid")
        dispute = {"id": "dp_x" + charge, "charge": charge, "amount": 10000, "currency": "aud"}
        self.assertEqual(
            self.tell("charge.dispute.funds_withdrawn", dispute).content, b"recorded"
        )
        call("refund_invoice", invoice_id=second.pk)
        page = self.client.get(reverse("staff_invoice", args=[second.pk]))
        self.assertNotContains(page, "Pay back by the payment platform")

    def test_a_failed_one_is_shown(self):
        refund_id, _ = self.requested(100, refuses="The card was closed.")
        self.work()
        page = self.client.get(reverse("staff_refunds"))
        self.assertContains(page, "Failed")
        self.assertContains(page, "The card was closed.")
        # Its money is a note again, which can be asked for once more.
        refund = CreditNoteRefund.objects.using("owner").get(pk=refund_id)
        note = CreditNote.objects.using("owner").get(
            attendee=refund.credit_note.attendee, state="unclaimed"
        )
        page = self.client.get(reverse("staff_invoice", args=[note.payment.invoice_id]))
        self.assertContains(page, "of which 100.00 can go back")
