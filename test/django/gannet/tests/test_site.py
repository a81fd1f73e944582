"""Pages, actor, webhook and outbox, without a browser."""
import hashlib
import hmac
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from threading import Barrier
from unittest.mock import patch
from uuid import uuid4

from django.conf import settings
from django.contrib.messages import get_messages
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.http import Http404
from django.test import Client, TransactionTestCase
from django.urls import reverse

from gannet.ledger import call, ledger_errors, set_actor
from gannet.management.commands.consume_outbox import consume
from gannet.models import (
    Attendee,
    Cart,
    CartItem,
    CreditNote,
    CreditNoteRefund,
    DemoPayment,
    Invoice,
    LineItem,
    Outbox,
    Payment,
    Product,
    StripePayment,
)

from .base import LedgerTests
from .test_docs import PAGE


def actor():
    """What is set on this connection now; nothing is '', or NULL if nothing ever was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(current_setting('regpaydb.user_id', true), ''),"
            " coalesce(current_setting('regpaydb.access_code', true), '')"
        )
        return cursor.fetchone()


def at_once(count, work):
    """Runs it in so many threads, which all start together and have connections of their own."""
    barrier = Barrier(count, timeout=30)

    def thread(number):
        try:
            for each in connections.all():
                each.ensure_connection()
            barrier.wait()
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(thread, range(count)))


def send_event(event, secret=settings.STRIPE_WEBHOOK_SECRET, age=0):
    """Signed as the payment platform does it; the webhook's answer."""
    body = json.dumps(event)
    at = int(time.time()) - age
    signature = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return Client().post(
        reverse("stripe_webhook"),
        body,
        content_type="application/json",
        HTTP_STRIPE_SIGNATURE=f"t={at},v1={signature}",
    )


class AttendeeTests(LedgerTests, TransactionTestCase):
    def test_register_choose_and_check_out(self):
        product = self.product(stock=5)
        user = self.user()
        self.client.force_login(user)
        self.assertTemplateUsed(self.client.get(reverse("home")), "register.html")
        self.client.post(reverse("home"), {"recipient": "Ada\nBrandt Ltd", "email": "ada@example.org"})
        attendee = Attendee.objects.using("owner").get(user_id=user.pk)
        self.assertEqual(attendee.recipient, "Ada\nBrandt Ltd")
        self.assertEqual(len(attendee.access_code), 16)

        cart = {name: 0 for name in self.client.get(reverse("home")).context["cart"].fields}
        self.client.post(reverse("change_cart"), {**cart, str(product.pk): 1})
        home = self.client.post(
            reverse("change_cart"), {**cart, str(product.pk): 2, "check_out": ""}, follow=True
        )
        self.assertContains(home, "Here is your invoice.")
        self.assertEqual([invoice.value for invoice in home.context["invoices"]], [1280])

        refused = self.client.post(
            reverse("change_cart"), {**cart, str(product.pk): 6}, follow=True
        )
        self.assertContains(refused, "are left")
        self.assertContains(refused, "Please change what is in the cart.")

    def test_an_attendee_sees_her_own_only(self):
        ada, ben = self.attendee(), self.attendee("Ben Okafor")
        mine, his = self.invoice(ada), self.invoice(ben)
        self.client.force_login(ada.user)
        home = self.client.get(reverse("home"))
        self.assertEqual(list(home.context["invoices"]), [mine])
        for code, number in [(ada.access_code, his.pk), (ben.access_code, mine.pk), ("WRONG", mine.pk)]:
            self.assertEqual(self.client.get(reverse("invoice", args=[code, number])).status_code, 404)

    def test_new_access_url(self):
        ada = self.attendee()
        self.invoice(ada)
        self.client.force_login(ada.user)
        page = self.client.post(reverse("new_access_url"), follow=True)
        self.assertContains(page, "You have a new access URL. The old one does not work any more.")
        self.assertEqual(self.client.get(reverse("invoice", args=[ada.access_code])).status_code, 404)
        ada.refresh_from_db(using="owner")
        self.assertEqual(self.client.get(reverse("invoice", args=[ada.access_code])).status_code, 200)


    def test_who_did_it(self):
        """The database signs what a request does with its user."""
        ada, product = self.attendee(), self.product(price="100.00")
        self.client.force_login(ada.user)
        cart = {name: 0 for name in self.client.get(reverse("home")).context["cart"].fields}
        self.client.post(reverse("change_cart"), {**cart, str(product.pk): 1, "check_out": ""})
        invoice = Invoice.objects.using("owner").get(attendee=ada)
        self.assertEqual(invoice.issued_by, ada.user_id)
        self.client.post(reverse("pay", args=[ada.access_code, invoice.pk]))
        self.assertEqual(invoice.payments.get().entered_by, ada.user_id)
        self.assertEqual(
            set(Outbox.objects.using("owner").filter(invoice=invoice).values_list("entered_by")),
            {(ada.user_id,)},
        )


class AccessURLTests(LedgerTests, TransactionTestCase):
    def test_view_and_pay(self):
        ada = self.attendee()
        invoice = self.invoice(ada)
        page = self.client.get(reverse("invoice", args=[ada.access_code]))
        self.assertContains(page, "Professional ticket")
        self.assertContains(page, "Pay AUD 100.00")
        # The code is in the address: it must neither be kept nor told to others.
        self.assertIn("no-store", page["Cache-Control"])
        self.assertEqual(page["Referrer-Policy"], "same-origin")

        pay = reverse("pay", args=[ada.access_code, invoice.pk])
        page = self.client.post(pay, follow=True)
        self.assertContains(page, "Thank you. The payment has arrived.")
        self.assertEqual(self.fresh(invoice).status, "paid")
        self.assertEqual(DemoPayment.objects.using("owner").get().paid_by, "access URL")
        # Who holds a code is nobody that could sign.
        self.assertIsNone(self.fresh(invoice).payments.get().entered_by)

        page = self.client.post(pay, follow=True)
        self.assertContains(page, f"Invoice {invoice.pk} can&#x27;t be paid. It is paid.")
        self.assertEqual(self.fresh(invoice).payments.count(), 1)

    def test_wrong_codes_look_like_no_codes(self):
        ada = self.attendee()
        invoice = self.invoice(ada)
        pages = [
            self.client.get(reverse("invoice", args=["AAAABBBBCCCCDDDD"])),
            self.client.get(reverse("invoice", args=["AAAABBBBCCCCDDDD", invoice.pk])),
            self.client.get(reverse("invoice", args=[ada.access_code, 10**17])),
            self.client.post(reverse("pay", args=["AAAABBBBCCCCDDDD", invoice.pk])),
        ]
        self.assertEqual({page.status_code for page in pages}, {404})
        self.assertEqual(len({page.content for page in pages}), 1)
        self.assertNotIn(b"Ada", pages[0].content)
        self.assertEqual(self.fresh(invoice).status, "unpaid")

    def test_two_who_pay_at_once(self):
        ada = self.attendee()
        invoice = self.invoice(ada)
        pay = reverse("pay", args=[ada.access_code, invoice.pk])
        at_once(4, lambda number: Client().post(pay))
        self.assertEqual(self.fresh(invoice).status, "paid")
        self.assertEqual(self.fresh(invoice).payments.count(), 1)


class StaffPages(LedgerTests):
    """Ada, and a member of staff who is logged in."""

    def setUp(self):
        self.ada = self.attendee()
        self.clerk = self.staff()
        self.client.force_login(self.clerk)

    def post(self, name, *args, **data):
        data = {"token": uuid4(), **data} if name == "record_payment" else data
        return self.client.post(reverse(name, args=args), data, follow=True)

    def change(self, invoice, *quantities, **data):
        """
        The page's form as it is sent, with so many of the first lines returned, and taken
        instead what is a dictionary of products; with confirm=True what is shown is done.
        """
        data = {"reason": "", "fee": "", **data}
        for line, quantity in zip(invoice.lines.order_by("pk"), quantities):
            data[f"line_{line.pk}"] = quantity
        for product, quantity in data.pop("instead", {}).items():
            data[f"product_{product.pk}"] = quantity
        if data.get("confirm") is True:
            data["confirm"] = self.shown(invoice, data)
        return self.post("change_registration", invoice.pk, **data)

    def shown(self, invoice, data):
        """What the button says that has it done, if there is one."""
        look = {name: value for name, value in data.items() if name != "confirm"}
        page = self.post("change_registration", invoice.pk, **look)
        found = re.search(r'<button name="confirm" value="([^"]*)"', page.content.decode())
        return found[1] if found else ""

    def everything(self):
        """What a change of a registration could touch."""
        models = Cart, CartItem, CreditNote, Invoice, LineItem, Outbox, Payment
        return [list(model.objects.using("owner").order_by("pk").values()) for model in models]


class StaffTests(StaffPages, TransactionTestCase):
    def test_pages(self):
        invoice = self.invoice(self.ada)
        self.assertContains(self.client.get(reverse("staff_home")), f"Invoice {invoice.pk}")
        found = self.client.get(reverse("staff_home"), {"number": invoice.pk})
        self.assertRedirects(found, reverse("staff_invoice", args=[invoice.pk]))
        self.assertEqual(self.client.get("/staff/invoice/" + "9" * 30 + "/").status_code, 404)
        for number in "0", "x", "9" * 30:
            page = self.client.get(reverse("staff_home"), {"number": number})
            self.assertContains(page, f"There is no invoice {number}.")

    def test_manual_payment_refund_and_what_follows(self):
        invoice = self.invoice(self.ada)
        page = self.post("record_payment", invoice.pk, amount="130.00", reference="NB 7")
        self.assertContains(page, "The payment is recorded.")
        self.assertEqual(self.fresh(invoice).status, "paid")
        page = self.post("refund", invoice.pk)
        self.assertContains(page, "What was paid is a credit note now.")
        notes = CreditNote.objects.using("owner").filter(attendee=self.ada, state="unclaimed")
        self.assertEqual(sorted(note.value for note in notes), [30, 100])

        small, large = notes.order_by("value")
        page = self.post("charge_fee", invoice.pk, large.pk, percentage="10")
        self.assertContains(page, "The fee is invoiced")
        page = self.post("cash_out", invoice.pk, small.pk, reference="transfer 1")
        self.assertContains(page, "The credit note is cashed out.")
        refund = CreditNoteRefund.objects.using("owner").get(credit_note=small)
        self.assertEqual((refund.reference, refund.entered_by), ("transfer 1", self.clerk.pk))
        page = self.post("cash_out", invoice.pk, small.pk, reference="transfer 1")
        self.assertContains(page, f"Credit note {small.pk} is claimed already.")
        self.assertEqual([note.value for note in notes.all()], [90])

    def test_apply_a_note(self):
        first, second = self.invoice(self.ada), self.invoice(self.ada, "60.00")
        self.post("record_payment", first.pk, amount="100", reference="cheque")
        self.post("refund", first.pk)
        note = CreditNote.objects.using("owner").get(attendee=self.ada)
        page = self.post("apply_note", second.pk, note.pk)
        self.assertContains(page, "The credit note is applied.")
        self.assertEqual(self.fresh(second).status, "paid")

    def token(self, invoice):
        """The one in the form of the page as it is now."""
        page = self.client.get(reverse("staff_invoice", args=[invoice.pk])).content.decode()
        return re.search(r'<input type="hidden" name="token" value="(\S+)"', page)[1]

    def test_a_double_click_is_one_payment(self):
        invoice = self.invoice(self.ada)
        entry = {"amount": "100.00", "reference": "NB 7", "token": self.token(invoice)}
        for _ in range(2):
            page = self.post("record_payment", invoice.pk, **entry)
            self.assertContains(page, "The payment is recorded.")
        payment = self.fresh(invoice).payments.get()
        self.assertEqual((payment.provider, payment.entered_by), ("manual form", self.clerk.pk))
        # Another page, another payment.
        entry["token"] = self.token(invoice)
        self.post("record_payment", invoice.pk, **entry)
        self.assertEqual(call("available_credit", attendee_id=self.ada.pk), 100)

    def test_two_clicks_at_once(self):
        invoice = self.invoice(self.ada)
        entry = {"amount": "100.00", "reference": "NB 7", "token": self.token(invoice)}
        url = reverse("record_payment", args=[invoice.pk])
        clients = [Client() for _ in range(4)]
        for client in clients:
            client.force_login(self.clerk)
        answers = at_once(4, lambda number: clients[number].post(url, entry))
        self.assertEqual([answer.status_code for answer in answers], [302] * 4)
        self.assertEqual(self.fresh(invoice).payments.count(), 1)

    def test_the_next_payment_on_the_same_page(self):
        """Somebody went back to it: no payment goes missing without a word."""
        invoice = self.invoice(self.ada)
        entry = {"amount": "30.00", "reference": "NB 7", "token": self.token(invoice)}
        self.post("record_payment", invoice.pk, **entry)
        for change in {"amount": "40.00"}, {"reference": "NB 8"}:
            page = self.post("record_payment", invoice.pk, **{**entry, **change})
            self.assertContains(page, "Please open the page again, and look whether it is recorded.")
            self.assertNotContains(page, "The payment is recorded.")
        self.assertEqual(self.fresh(invoice).paid, 30)

    def test_a_negative_payment(self):
        """A refund that somebody made outside of the site, and reports."""
        invoice = self.paid()
        page = self.post("record_payment", invoice.pk, amount="-100.00", reference="Back to NB")
        self.assertContains(page, "The payment is recorded.")
        self.assertEqual(self.fresh(invoice).status, "refunded")
        self.assertContains(page, "Refund entered by staff")
        self.assertContains(page, f", by {self.clerk}: Back to NB")
        self.assertContains(page, "-100.00")
        page = Client().get(reverse("invoice", args=[self.ada.access_code, invoice.pk]))
        self.assertContains(page, "Refund entered by staff")
        self.assertNotContains(page, str(self.clerk))
        self.assertEqual(call("available_credit", attendee_id=self.ada.pk), 0)

    def test_a_refund_at_the_platform(self):
        invoices = [self.paid(), self.paid()]
        for invoice in invoices:
            self.post("refund", invoice.pk)
        first, second = CreditNote.objects.using("owner").filter(attendee=self.ada).order_by("pk")
        at_platform = {"reference": "to card 4242", "platform_ref": f"re_{first.pk}"}
        page = self.post("cash_out", invoices[0].pk, first.pk, **at_platform)
        self.assertContains(page, "The credit note is cashed out.")
        refund = CreditNoteRefund.objects.using("owner").get(credit_note=first)
        self.assertEqual(
            (refund.state, refund.provider, refund.provider_ref),
            ("done", "stripe", f"re_{first.pk}"),
        )
        # The platform's refund stands for one note; and it is done, or nothing is.
        page = self.post("cash_out", invoices[1].pk, second.pk, **at_platform)
        self.assertContains(page, "is not that of this refund.")
        second.refresh_from_db(using="owner")
        self.assertEqual(second.state, "unclaimed")

    def test_the_report_of_refunds(self):
        """Made by the platform or not, by staff or by a program: all of them are there."""
        invoices = [self.paid() for _ in range(3)]
        notes = [call("refund_invoice", invoice_id=invoice.pk) for invoice in invoices]
        at_platform = {"reference": "to card 4242", "platform_ref": f"re_{notes[0]}"}
        self.post("cash_out", invoices[0].pk, notes[0], **at_platform)
        self.post("cash_out", invoices[1].pk, notes[1], reference="transfer 1")
        call("refund_credit_note", credit_note_id=notes[2], reference="by itself")
        page = self.client.get(reverse("staff_refunds"))
        staff, value = str(self.clerk), Decimal("100.00")
        self.assertEqual(
            [
                (
                    row.credit_note_id,
                    row.owner,
                    row.reference,
                    row.platform_number,
                    row.by,
                    row.value,
                )
                for row in page.context["refunds"][:3]
            ],
            [
                (notes[2], "Ada Brandt", "by itself", None, None, value),
                (notes[1], "Ada Brandt", "transfer 1", None, staff, value),
                (notes[0], "Ada Brandt", "to card 4242", f"re_{notes[0]}", staff, value),
            ],
        )
        for words in "Ada Brandt", "transfer 1", f"re_{notes[0]}", f", by {staff}", "100.00":
            self.assertContains(page, words)

    def test_void(self):
        invoice = self.invoice(self.ada)
        page = self.post("void", invoice.pk, reason="Registered twice")
        self.assertContains(page, "The invoice is void.")
        self.assertContains(page, f"Void by {self.clerk}: Registered twice")
        page = self.post("void", self.paid().pk)
        self.assertContains(page, "Refund it instead: what was paid becomes a credit note.")

    def test_who_refunded_and_why(self):
        invoice = self.paid()
        page = self.post("refund", invoice.pk, reason="Can't travel")
        self.assertContains(page, f"Refunded by {self.clerk}: Can&#x27;t travel")
        invoice = self.fresh(invoice)
        self.assertEqual((invoice.closed_by, invoice.closed_reason), (self.clerk.pk, "Can't travel"))
        note = invoice.payments.get(kind="credit_note")
        self.assertEqual((note.reference, note.entered_by), ("Can't travel", self.clerk.pk))

    def test_a_reason_may_be_left_out(self):
        invoice = self.paid()
        page = self.post("refund", invoice.pk, reason="")
        self.assertContains(page, f"Refunded by {self.clerk}</p>")
        self.assertIsNone(self.fresh(invoice).closed_reason)

    def paid(self):
        invoice = self.invoice(self.ada)
        call("pay", invoice_id=invoice.pk, amount=100, reference="card")
        return invoice

    def test_what_the_attendee_will_get(self):
        invoice = self.manual(self.ada, ("Ticket", 2, "640.00"), ("Dinner", 1, "75.00"))
        page = self.client.get(reverse("staff_invoice", args=[invoice.pk]))
        self.assertContains(page, reverse("change_registration", args=[invoice.pk]))
        page = self.client.get(reverse("change_registration", args=[invoice.pk]))
        self.assertContains(page, "Show what the attendee gets")
        self.assertEqual(
            [(line.description, field.value()) for line, field in page.context["form"].line_rows()],
            [("Ticket", 0), ("Dinner", 0)],
        )

        before = self.everything()
        page = self.change(invoice, 1, 0, fee="20.50", reason="One comes alone")
        change = page.context["change"]
        self.assertEqual(
            [(line.description, line.quantity) for line in change["successor"].lines.all()],
            [("Ticket", 1), ("Dinner", 1)],
        )
        self.assertEqual(
            (change["successor"].value, change["fee"].value, change["credit"]),
            (715, Decimal("20.50"), Decimal("619.50")),
        )
        for amount in "1355.00", "-715.00", "-20.50", "619.50":
            self.assertContains(page, f">{amount}</td>")
        self.assertEqual(self.everything(), before)

        # Its other button leads back to what was chosen.
        page = self.change(invoice, 1, 0, fee="20.50", reason="One comes alone", edit="")
        self.assertContains(page, "Show what the attendee gets")
        form = page.context["form"]
        self.assertEqual([field.value() for _, field in form.line_rows()], ["1", "0"])
        self.assertEqual((form["fee"].value(), form["reason"].value()), ("20.50", "One comes alone"))
        self.assertEqual(self.everything(), before)

    def test_a_registration_is_changed(self):
        invoice = self.manual(self.ada, ("Ticket", 2, "640.00"), ("Dinner", 1, "75.00"))
        chosen = {"fee": "20.50", "reason": "One comes alone"}
        shown = self.change(invoice, 1, 0, **chosen).context["change"]
        page = self.change(invoice, 1, 0, **chosen, confirm=True)
        old = self.fresh(invoice)
        new = old.replaced_by
        self.assertRedirects(page, reverse("staff_invoice", args=[new.pk]))
        self.assertContains(page, "The registration is changed.")
        self.assertContains(page, f">invoice {old.pk}</a>")
        self.assertContains(page, f"Made by {self.clerk}.")
        # As it was shown.
        fee = Invoice.objects.using("owner").get(attendee=self.ada, replaces=None, status="paid")
        note = CreditNote.objects.using("owner").get(attendee=self.ada, state="unclaimed")
        self.assertEqual(
            (new.value, fee.value, note.value),
            (shown["successor"].value, shown["fee"].value, shown["credit"]),
        )
        self.assertEqual(fee.lines.get().description, f"Fee for a change of invoice {old.pk}")
        self.assertEqual((old.closed_by, old.closed_reason), (self.clerk.pk, "One comes alone"))
        page = self.client.get(reverse("staff_invoice", args=[old.pk]))
        self.assertContains(page, f">invoice {new.pk}</a>")
        self.assertNotContains(page, "Change this registration")
        # The attendee's pages say it, too.
        for one, other in (old, new), (new, old):
            page = Client().get(reverse("invoice", args=[self.ada.access_code, one.pk]))
            address = reverse("invoice", args=[self.ada.access_code, other.pk])
            self.assertContains(page, f'href="{address}">invoice {other.pk}</a>')

    def test_all_is_returned(self):
        invoice = self.manual(self.ada, ("Ticket", 2, "640.00"))
        page = self.change(invoice, 2)
        self.assertContains(page, "There is none: all of the invoice is returned.")
        page = self.change(invoice, 2, confirm=True)
        self.assertRedirects(page, reverse("staff_invoice", args=[invoice.pk]))
        self.assertEqual(self.fresh(invoice).status, "refunded")
        self.assertEqual(call("available_credit", attendee_id=self.ada.pk), 1280)

    def test_a_fee_of_all_that_is_left_over(self):
        invoice = self.manual(self.ada, ("Ticket", 2, "640.00"))
        self.assertContains(self.change(invoice, 1, fee="640"), '"number due">0.00</td>')
        self.change(invoice, 1, fee="640", confirm=True)
        self.assertEqual(call("available_credit", attendee_id=self.ada.pk), 0)

    def test_what_is_free(self):
        """What is left over is nothing, or an invoice of nothing."""
        invoice = self.manual(self.ada, ("Ticket", 1, "640.00"), ("Bag", 1, "0.00"))
        self.assertContains(self.change(invoice, 0, 1), '"number due">0.00</td>')
        page = self.change(invoice, 0, 1, fee="5")
        self.assertContains(page, "The attendee gets 0 back, which is less than the fee.")
        self.assertContains(self.change(invoice, 1, 0), '"number due">640.00</td>')
        self.change(invoice, 1, 0, confirm=True)
        bag = self.fresh(invoice).replaced_by
        self.assertEqual((bag.status, bag.value), ("paid", 0))
        self.assertEqual(call("available_credit", attendee_id=self.ada.pk), 640)

    def test_what_can_not_be_returned(self):
        lines = ("Ticket", 2, "100.00"), ("Discount", 1, "-10.00")
        invoice, unpaid = self.manual(self.ada, *lines), self.invoice(self.ada)
        before = self.everything()
        for data, words in [
            ({}, "Please say what is returned."),
            ({"quantities": (0, 0)}, "Please say what is returned."),
            ({"quantities": ("", "")}, "Please say what is returned."),
            ({"quantities": (3,)}, "less than or equal to 2"),
            ({"quantities": (-1,)}, "greater than or equal to 0"),
            ({"quantities": ("1.5",)}, "Enter a whole number."),
            ({"quantities": (1,), "fee": "-1"}, "greater than or equal to 0"),
            ({"quantities": (1,), "fee": "1.005"}, "no more than 2 decimal places"),
            ({"quantities": (1,), "reason": "x" * 1001}, "at most 1000 characters"),
            ({"quantities": (1,), "fee": "100.01"}, "The attendee gets 100.00 back, which is less than the fee."),
            # The ledger's.
            ({"quantities": (0, 1)}, "Return a discount together with what it was given on."),
            ({"quantities": (2, 0)}, "less than zero"),
        ]:
            for button in {}, {"confirm": True}:
                with self.subTest(words, button=button):
                    page = self.change(invoice, *data.get("quantities", ()), **button, **{
                        name: value for name, value in data.items() if name != "quantities"
                    })
                    self.assertContains(page, words)
                    self.assertContains(page, "Show what the attendee gets")
                    self.assertNotContains(page, "regpaydb.")
        page = self.change(unpaid, 1)
        self.assertContains(page, f"Invoice {unpaid.pk} is unpaid. Items of a paid invoice")
        self.assertEqual(self.everything(), before)
        self.assertEqual(self.client.get("/staff/invoice/0/change/").status_code, 404)

    def test_two_who_change_a_registration_at_once(self):
        invoice = self.manual(self.ada, ("Ticket", 3, "100.00"))
        data = {f"line_{invoice.lines.get().pk}": 1}
        data["confirm"] = self.shown(invoice, data)
        url = reverse("change_registration", args=[invoice.pk])
        clients = [Client() for _ in range(4)]
        for client in clients:
            client.force_login(self.clerk)
        answers = at_once(4, lambda number: clients[number].post(url, data))
        self.assertEqual(sorted(answer.status_code for answer in answers), [200, 200, 200, 302])
        for answer in answers:
            if answer.status_code == 200:
                self.assertContains(answer, f"Invoice {invoice.pk} is refunded.")
        self.assertEqual(self.fresh(invoice).replaced_by.value, 200)
        self.assertEqual(call("available_credit", attendee_id=self.ada.pk), 100)

    def test_a_change_is_all_or_nothing(self):
        invoice = self.manual(self.ada, ("Ticket", 2, "100.00"))
        before = self.everything()
        self.client.raise_request_exception = False
        with patch("gannet.views.redirect", side_effect=RuntimeError("a fault after it")):
            with self.assertLogs("django.request"):
                self.assertEqual(self.change(invoice, 1, confirm=True).status_code, 500)
        self.assertEqual(self.everything(), before)

    def test_mistakes_are_shown_in_words(self):
        invoice = self.paid()
        for data, words in [
            ({"amount": "ten", "reference": "x"}, "Amount: Enter a number."),
            ({"amount": "1.005", "reference": "x"}, "no more than 2 decimal places"),
            ({"amount": "1"}, "Reference: This field is required."),
            ({"amount": "1", "reference": "x", "token": ""}, "Token: This field is required."),
            ({"amount": "0", "reference": "x"}, "A payment of nothing is no payment."),
            ({"amount": "-101", "reference": "x"}, "can&#x27;t give back more than was paid on it"),
        ]:
            with self.subTest(words):
                page = self.post("record_payment", invoice.pk, **data)
                self.assertContains(page, words)
                self.assertNotContains(page, "regpaydb.")  # is for developers
        self.assertEqual(self.fresh(invoice).payments.count(), 1)


class SubstitutionTests(StaffPages, TransactionTestCase):
    """What is returned pays for what comes instead, in one transaction."""

    def setUp(self):
        super().setUp()
        self.ticket = self.product("640.00", stock=5)
        extras = self.category("Extra")
        self.dinner = self.product("75.00", stock=2, category=extras, name="Dinner")
        self.tour = self.product("60.00", stock=2, category=extras, name="Tour")
        self.bag = self.product("0.00", category=extras, name="Bag")
        self.old = self.bought(self.ada, {self.ticket: 1, self.dinner: 1})

    def assertUnchanged(self, words, *quantities, **data):
        """Neither by the look at it nor by the deed; the page says why."""
        before = self.everything()
        for button in {}, {"confirm": "65.00"}:
            page = self.change(self.old, *quantities, **data, **button)
            self.assertContains(page, words)
            self.assertContains(page, "Show what the attendee gets")
            self.assertNotContains(page, "regpaydb.")
        self.assertEqual(self.everything(), before)

    def amounts(self, page):
        """In the page's last table, in words."""
        table = page.content.decode().rpartition("<table>")[2]
        return re.findall(r"<t[dh]>(.*?)</t[dh]><td class=\"number.*?\">(.*?)</td>", table)

    def left(self, product):
        return call("available_stock", product_id=product.pk)

    def test_what_there_is(self):
        page = self.client.get(reverse("change_registration", args=[self.old.pk]))
        rows = {
            product: (product.price, product.available, field.label, field.value())
            for product, field in page.context["form"].product_rows()
        }
        for product, price, left in [
            (self.ticket, 640, 4),
            (self.dinner, 75, 1),
            (self.tour, 60, 2),
            (self.bag, 0, None),
        ]:
            self.assertEqual(rows[product], (price, left, product.name, 0))
            self.assertContains(page, product.name)
        self.assertContains(page, "any number")

    def test_what_the_attendee_will_get(self):
        before = self.everything()
        chosen = {"fee": "10", "reason": "A tour, no dinner", "instead": {self.tour: 1}}
        page = self.change(self.old, 0, 1, **chosen)
        change = page.context["change"]
        self.assertEqual(
            [(line.quantity, line.price) for line in change["successor"].lines.all()], [(1, 640)]
        )
        self.assertEqual([line.total for line in change["new"].lines.all()], [60])
        self.assertContains(page, f"Extra - {self.tour.name}")
        self.assertEqual(
            self.amounts(page),
            [
                ("Paid on this invoice, which is refunded", "715.00"),
                ("Items that remain", "-640.00"),
                ("Fee", "-10.00"),
                ("What comes instead", "-60.00"),
                ("Left over, as credit", "5.00"),
            ],
        )
        self.assertEqual((self.everything(), self.left(self.tour)), (before, 2))
        # Its other button leads back to what was chosen.
        page = self.change(self.old, 0, 1, **chosen, edit="")
        rows = {product: field.value() for product, field in page.context["form"].product_rows()}
        self.assertEqual((rows[self.tour], rows[self.bag]), ("1", None))
        self.assertEqual(self.everything(), before)

    def test_it_is_done_as_shown(self):
        page = self.change(self.old, 0, 1, fee="10", instead={self.tour: 1}, confirm=True)
        old = self.fresh(self.old)
        self.assertRedirects(page, reverse("staff_invoice", args=[old.replaced_by.pk]))
        self.assertContains(page, "The registration is changed.<")
        new = Invoice.objects.using("owner").get(attendee=self.ada, cart__items__product=self.tour)
        self.assertEqual((new.status, new.value, new.issued_by), ("paid", 60, self.clerk.pk))
        self.assertEqual((new.cart.status, old.replaced_by.cart.status), ("paid", "paid"))
        self.assertEqual(new.payments.get(amount__gt=0).kind, "credit_application")
        self.assertEqual((old.status, old.closed_by), ("refunded", self.clerk.pk))
        self.assertEqual(call("available_credit", attendee_id=self.ada.pk), 5)
        self.assertEqual((self.left(self.dinner), self.left(self.tour)), (2, 1))

    def test_what_is_left_to_pay(self):
        before = datetime.now(timezone.utc)
        page = self.change(self.old, 0, 1, instead={self.tour: 2})
        new = page.context["change"]["new"]
        self.assertEqual((new.status, new.paid, new.due), ("unpaid", 75, 45))
        self.assertContains(page, 'To be paid</th><td class="number due">45.00</td>')
        self.assertContains(page, f"until {new.due_time:%-d %B %Y, %H:%M} UTC")
        page = self.change(self.old, 0, 1, instead={self.tour: 2}, confirm=True)
        new = Invoice.objects.using("owner").get(attendee=self.ada, cart__items__product=self.tour)
        self.assertContains(page, f"45.00 is to be paid on invoice {new.pk}: please tell")
        # She is not at the page now, so what she gets instead is kept for a day.
        self.assertGreaterEqual(new.due_time, before + timedelta(days=1))
        self.client.post(reverse("pay", args=[self.ada.access_code, new.pk]))
        self.assertEqual(self.fresh(new).status, "paid")

    def test_all_is_replaced(self):
        old = self.bought(self.attendee(), {self.bag: 1, self.tour: 1})
        page = self.change(old, 1, 1, instead={self.dinner: 1}, confirm=True)
        new = Invoice.objects.using("owner").get(attendee=old.attendee, status="unpaid")
        self.assertRedirects(page, reverse("staff_invoice", args=[new.pk]))
        self.assertEqual((self.fresh(old).status, new.paid, new.due), ("refunded", 60, 15))

    def test_what_is_free(self):
        """An invoice of nothing is paid at once, and something for nothing is to be paid."""
        page = self.change(self.old, 0, 1, instead={self.bag: 1})
        new = page.context["change"]["new"]
        self.assertEqual((new.status, new.value), ("paid", 0))
        self.assertEqual(self.amounts(page)[-1], ("Left over, as credit", "75.00"))
        self.change(self.old, 0, 1, instead={self.bag: 1}, confirm=True)
        self.assertEqual(call("available_credit", attendee_id=self.ada.pk), 75)

        free = Invoice.objects.using("owner").get(attendee=self.ada, cart__items__product=self.bag)
        page = self.change(free, 1, instead={self.tour: 1})
        self.assertEqual(self.amounts(page)[0], ("Credit from before", "75.00"))
        self.change(free, 1, instead={self.tour: 1}, confirm=True)
        self.assertEqual(call("available_credit", attendee_id=self.ada.pk), 15)
        self.assertEqual(self.fresh(free).status, "void")

    def test_what_is_returned_can_be_taken(self):
        """Sold out, but for what comes back at that moment."""
        only = self.category("Workshop", stock=1)
        one, other = (self.product("60.00", category=only, name=name) for name in ("C", "SQL"))
        old = self.bought(self.ada, {one: 1})
        page = self.client.get(reverse("change_registration", args=[old.pk]))
        left = {product: product.available for product, _ in page.context["form"].product_rows()}
        self.assertEqual((left[one], left[other]), (0, 0))
        self.change(old, 1, instead={other: 1}, confirm=True)
        new = Invoice.objects.using("owner").get(attendee=self.ada, cart__items__product=other)
        self.assertEqual((new.status, self.left(one), self.left(other)), ("paid", 0, 0))

    def test_what_can_not_be_taken(self):
        required = self.category("Required", required=True)
        try:
            words = "Something of &quot;Required&quot; is required."
            self.assertUnchanged(words, 0, 1, instead={self.tour: 1})
        finally:
            required.delete(using="owner")
        Product.objects.using("owner").filter(pk=self.bag.pk).update(stock=0)
        for instead, words in [
            ({self.tour: 3}, f"Only 2 of &quot;{self.tour.name}&quot; are left."),
            ({self.tour: 1, self.bag: 1}, f"&quot;{self.bag.name}&quot; is sold out."),
            ({self.tour: -1}, "greater than or equal to 0"),
            ({self.tour: 1001}, "less than or equal to 1000"),
            ({self.tour: "x"}, "Enter a whole number."),
        ]:
            with self.subTest(words):
                self.assertUnchanged(words, 0, 1, instead=instead)
        words = "The attendee gets 75.00 back, which is less than the fee."
        self.assertUnchanged(words, 0, 1, instead={self.tour: 1}, fee="75.01")
        # Something else, but instead of what?
        self.assertUnchanged("Please say what is returned.", instead={self.tour: 1})

    def test_limits_count_what_is_kept(self):
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE regpaydb.product SET limit_per_attendee = 1 WHERE product_id = %s",
                [self.ticket.pk],
            )
        words = f"An attendee may have 1 of &quot;{self.ticket.name}&quot; at most."
        self.assertUnchanged(words, 0, 1, instead={self.ticket: 1})
        # But the one that is returned is not counted.
        page = self.change(self.old, 1, 1, instead={self.ticket: 1})
        self.assertEqual(page.context["change"]["new"].due, 0)

    def test_her_own_cart_is_left_alone(self):
        self.fill(self.ada, {self.tour: 1, self.bag: 2})
        page = self.client.get(reverse("change_registration", args=[self.old.pk]))
        for item in f"1 × {self.tour.name}", f"2 × {self.bag.name}":
            self.assertContains(page, f"<li>{item}</li>")
        self.assertNotContains(page, f'name="product_{self.tour.pk}"')
        words = "There is something in the attendee&#x27;s cart. It has to be bought or removed"
        for instead in {self.tour: 1}, {self.dinner: 1}:
            self.assertUnchanged(words, 0, 1, instead=instead)
        # A return alone has nothing to do with it.
        self.change(self.old, 0, 1, confirm=True)
        items = CartItem.objects.using("owner").filter(
            cart__attendee=self.ada, cart__status="active"
        )
        self.assertEqual(
            dict(items.values_list("product", "quantity")), {self.tour.pk: 1, self.bag.pk: 2}
        )
        self.assertEqual(call("available_credit", attendee_id=self.ada.pk), 75)

    def test_she_fills_her_cart_meanwhile(self):
        """Between the look at it and the deed, and while it is done."""
        data = {f"line_{self.old.lines.get(price=75).pk}": 1, f"product_{self.tour.pk}": 1}
        data["confirm"] = self.shown(self.old, data)
        cart_id = self.fill(self.ada, {self.bag: 1})
        page = self.post("change_registration", self.old.pk, **data)
        self.assertContains(page, "There is something in the attendee&#x27;s cart.")
        call("set_quantity", cart_id=cart_id, product_id=self.bag.pk, quantity=0)

        ada = Client()
        ada.force_login(self.ada.user)
        cart = {str(product.pk): 0 for product in Product.objects.using("owner").all()}

        def fill():
            try:
                return ada.post(
                    reverse("change_cart"), {**cart, str(self.tour.pk): 2}, follow=True
                )
            finally:
                connections.close_all()

        def call_meanwhile(function, **arguments):
            if function == "return_items":
                answers.append(pool.submit(fill))
                self.wait_for_lock()
            return call(function, **arguments)

        answers = []
        with ThreadPoolExecutor(1) as pool, patch("gannet.views.call", call_meanwhile):
            page = self.post("change_registration", self.old.pk, **data)
        self.assertContains(page, "The registration is changed.<")
        words = f"Cart {cart_id} is paid and can&#x27;t be changed."
        self.assertContains(answers[0].result(), words)
        new = Invoice.objects.using("owner").get(attendee=self.ada, cart=cart_id)
        self.assertEqual([(line.quantity, line.price) for line in new.lines.all()], [(1, 60)])

    def wait_for_lock(self):
        """Until somebody waits for one."""
        for _ in range(600):
            with connections["owner"].cursor() as cursor:
                # Others may be at work in other databases.
                cursor.execute(
                    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                    " WHERE NOT granted AND datname = current_database()"
                )
                if cursor.fetchone()[0]:
                    return
            time.sleep(0.05)
        self.fail("nobody waits")

    def test_another_attendees(self):
        """Lines are the invoice's own, and what comes instead is for whose it is."""
        his = self.bought(self.attendee("Ben Okafor"), {self.dinner: 1})
        line = his.lines.get().pk
        page = self.post("change_registration", self.old.pk, **{f"line_{line}": 1})
        self.assertContains(page, "Please say what is returned.")
        # Staff who attend have a cart, too.
        mine = Attendee(user_id=self.clerk.pk, recipient="Staff", email="staff@example.org")
        mine.save(using="owner")
        self.fill(mine, {self.bag: 1})
        self.change(his, 1, instead={self.tour: 1}, confirm=True)
        new = Invoice.objects.using("owner").get(cart__items__product=self.tour)
        self.assertEqual(new.attendee, his.attendee)
        item = CartItem.objects.using("owner").get(cart__attendee=mine, cart__status="active")
        self.assertEqual((item.product, item.quantity), (self.bag, 1))
        self.assertEqual(self.fresh(self.old).status, "paid")

    def test_the_note_pays_though_another_invoice_waits(self):
        """Then no invoice takes credit by itself, but this is what the note is for."""
        other = self.invoice(self.ada, "30.00")
        first, second = self.old, self.bought(self.ada, {self.dinner: 1})
        for old, quantities, fee, left in (first, (0, 1), "", 15), (second, (1,), "5", 25):
            self.change(old, *quantities, fee=fee, instead={self.tour: 1}, confirm=True)
            invoices = Invoice.objects.using("owner").filter(cart__items__product=self.tour)
            self.assertEqual(invoices.order_by("-pk").first().status, "paid")
            self.assertEqual(call("available_credit", attendee_id=self.ada.pk), left)
        self.assertEqual(self.fresh(other).paid, 0)

    def test_older_credit_is_taken_first(self):
        note = self.invoice(self.ada, "50.00")
        call("pay", invoice_id=note.pk, amount=50, reference="card")
        call("refund_invoice", invoice_id=note.pk)
        page = self.change(self.old, 0, 1, fee="5", instead={self.tour: 1})
        self.assertEqual(
            self.amounts(page),
            [
                ("Credit from before", "50.00"),
                ("Paid on this invoice, which is refunded", "715.00"),
                ("Items that remain", "-640.00"),
                ("Fee", "-5.00"),
                ("What comes instead", "-60.00"),
                ("Left over, as credit", "60.00"),
            ],
        )

    def test_what_was_shown_is_no_more(self):
        """Staff agree to figures. If these are others by now, they are shown again."""
        data = {f"line_{self.old.lines.get(price=75).pk}": 1, f"product_{self.tour.pk}": 1}
        data["confirm"] = self.shown(self.old, data)
        Product.objects.using("owner").filter(pk=self.tour.pk).update(price="70.00")
        before = self.everything()
        for confirm in data["confirm"], "":
            page = self.post("change_registration", self.old.pk, **{**data, "confirm": confirm})
            self.assertContains(page, "It is not what you were shown")
            self.assertEqual(self.amounts(page)[-1], ("Left over, as credit", "5.00"))
        self.assertEqual(self.everything(), before)
        data["confirm"] = self.shown(self.old, data)
        page = self.post("change_registration", self.old.pk, **data)
        self.assertContains(page, "The registration is changed.<")

    def test_a_double_click_is_one_change(self):
        data = {f"line_{self.old.lines.get(price=75).pk}": 1, f"product_{self.tour.pk}": 1}
        data["confirm"] = self.shown(self.old, data)
        url = reverse("change_registration", args=[self.old.pk])
        clients = [Client() for _ in range(3)]
        for client in clients:
            client.force_login(self.clerk)
        answers = at_once(3, lambda number: clients[number].post(url, data))
        answers.append(self.client.post(url, data))
        self.assertEqual(sorted(answer.status_code for answer in answers), [200, 200, 200, 302])
        for answer in answers:
            if answer.status_code == 200:
                self.assertContains(answer, f"Invoice {self.old.pk} is refunded.")
        self.assertEqual((self.left(self.dinner), self.left(self.tour)), (2, 1))
        self.assertEqual(call("available_credit", attendee_id=self.ada.pk), 15)

    def test_two_who_swap_crosswise(self):
        """One of them is in the other's way, at worst with a deadlock, and is told so."""
        stock = [self.product("60.00", stock=1) for _ in range(2)]
        invoices = [self.bought(self.attendee(), {product: 1}) for product in stock]
        both_returned = Barrier(2, timeout=30)

        def call_together(function, **arguments):
            if function == "set_quantity":
                both_returned.wait()
            return call(function, **arguments)

        def swap(number):
            client = Client()
            client.force_login(self.clerk)
            data = {f"line_{invoices[number].lines.get().pk}": 1}
            data[f"product_{stock[1 - number].pk}"] = 1
            data["confirm"] = "0.00 60.00 0.00"
            url = reverse("change_registration", args=[invoices[number].pk])
            return client.post(url, data)

        with patch("gannet.views.call", call_together):
            answers = at_once(2, swap)
        for answer, invoice in zip(answers, invoices):
            self.assertContains(answer, "Show what the attendee gets")
            self.assertEqual(self.fresh(invoice).status, "paid")
        self.assertIn("Please try again.", "".join(answer.content.decode() for answer in answers))

    def test_all_or_nothing(self):
        before = self.everything()
        self.client.raise_request_exception = False
        for function in "set_quantity", "invoice_cart", "charge_credit_note":

            def call_or_fail(name, **arguments):
                if name == function:
                    raise RuntimeError("a fault on the way")
                return call(name, **arguments)

            with patch("gannet.views.call", call_or_fail), self.assertLogs("django.request"):
                page = self.change(self.old, 0, 1, fee="1", instead={self.tour: 1}, confirm="x")
            self.assertEqual(page.status_code, 500)
        with patch("gannet.views.redirect", side_effect=RuntimeError("after it")):
            with self.assertLogs("django.request"):
                self.change(self.old, 0, 1, instead={self.tour: 1}, confirm="15.00 60.00 0.00")
        self.assertEqual(self.everything(), before)


class NotStaffTests(LedgerTests, TransactionTestCase):
    """
    The site's role may call every function. That an attendee, and whoever has her
    code, may not is the database's to say.
    """

    def setUp(self):
        self.ada, self.ben = self.attendee(), self.attendee("Ben Okafor")
        self.unpaid, self.paid = self.invoice(self.ada), self.invoice(self.ada)
        self.card = {"provider": "test", "provider_ref": f"ch_{self.paid.pk}"}
        call("pay", invoice_id=self.paid.pk, amount=130, reference="card", **self.card)
        self.note = CreditNote.objects.using("owner").get(attendee=self.ada)
        self.bag = self.product(price="0.00")
        his = self.invoice(self.ben)
        call("pay", invoice_id=his.pk, amount=100, reference="card")
        his = call("refund_invoice", invoice_id=his.pk)
        self.refund = call("request_refund", credit_note_id=his, reference="to Ben's bank")
        self.before = self.everything()

    def everything(self):
        rows = []
        for model in Attendee, Cart, Invoice, LineItem, Payment, CreditNote, CreditNoteRefund:
            rows += model.objects.using("owner").order_by("pk").values()
        return rows

    def actors(self):
        """Those who are not staff, in words for a failure, and as they are set."""
        yield "the attendee", (self.ada.user_id, "")
        yield "the holder of her code", ("", self.ada.access_code)
        yield "both", (self.ada.user_id, self.ada.access_code)
        yield "another attendee", (self.ben.user_id, "")
        yield "nobody", (0, "")

    def assertRefused(self, code, *args, **arguments):
        with self.assertRaises(ValidationError) as caught:
            call(*args, **arguments)
        self.assertEqual(caught.exception.code, code)

    def actions(self):
        """Every page of staff that does something, with what it takes."""
        payment = {"amount": "-10", "reference": "x", "token": uuid4()}
        yield reverse("record_payment", args=[self.paid.pk]), payment
        yield reverse("record_payment", args=[self.unpaid.pk]), {**payment, "amount": "100"}
        yield reverse("refund", args=[self.paid.pk]), {"reason": "x"}
        yield reverse("void", args=[self.unpaid.pk]), {"reason": "x"}
        yield reverse("apply_note", args=[self.unpaid.pk, self.note.pk]), {}
        cash_out = reverse("cash_out", args=[self.paid.pk, self.note.pk])
        yield cash_out, {"reference": "x"}
        yield cash_out, {"reference": "x", "platform_ref": "x"}
        yield reverse("ask_platform", args=[self.paid.pk, self.note.pk]), {}
        yield reverse("refund_is_done", args=[self.refund]), {}
        yield reverse("charge_fee", args=[self.paid.pk, self.note.pk]), {"percentage": "10"}
        items = {f"line_{self.paid.lines.get().pk}": "1"}
        change = reverse("change_registration", args=[self.paid.pk])
        yield change, items
        yield change, {**items, "confirm": "130.00"}
        items[f"product_{self.bag.pk}"] = "1"
        yield change, items
        yield change, {**items, "confirm": "130.00 0.00 0.00"}

    def test_pages(self):
        pages = [reverse("staff_home"), reverse("staff_refunds")]
        pages.append(reverse("staff_invoice", args=[self.paid.pk]))
        pages.append(reverse("change_registration", args=[self.paid.pk]))
        attendee, stranger = Client(), Client()
        attendee.force_login(self.ada.user)
        stranger.get(reverse("invoice", args=[self.ada.access_code]))
        requests = [("get", url, {}) for url in pages]
        requests += [("post", url, data) for url, data in self.actions()]
        for method, url, data in requests:
            with self.subTest(url):
                self.assertEqual(getattr(attendee, method)(url, data).status_code, 403)
                self.assertRedirects(
                    getattr(stranger, method)(url, {}),
                    reverse("login") + "?next=" + url,
                    fetch_redirect_response=False,
                )
        self.assertEqual(self.everything(), self.before)

    def test_pages_without_their_gate(self):
        """Should a view forget to ask who is staff."""
        with patch("gannet.views.is_staff", return_value=True):
            for url, data in self.actions():
                with self.subTest(url):
                    client = Client()
                    client.force_login(self.ada.user)
                    page = client.post(url, data)
                    said = " ".join(map(str, get_messages(page.wsgi_request)))
                    self.assertIn("The actor is not staff.", said + page.content.decode())
            self.client.force_login(self.ada.user)
            with self.assertRaisesMessage(ValidationError, "The actor is not staff."):
                self.client.get(reverse("staff_invoice", args=[self.paid.pk]))
            home = self.client.get(reverse("staff_home"))
            refunds = self.client.get(reverse("staff_refunds"))
        self.assertContains(refunds, "There is none.")
        self.assertEqual({invoice.attendee for invoice in home.context["invoices"]}, {self.ada})
        self.assertEqual(self.everything(), self.before)

    def test_functions(self):
        lines = json.dumps([{"description": "x", "price": "-1.00"}])
        items = json.dumps([{"line_item_id": self.paid.lines.get().pk}])
        invoice, note = self.unpaid.pk, self.note.pk
        arguments = {  # of those that need some
            "apply_credit_note": {"credit_note_id": note, "invoice_id": invoice},
            "cancellation_fee": {"credit_note_id": note, "percentage": 0},
            "charge_credit_note": {"credit_note_id": note, "lines": lines},
            "confirm_refund": {"credit_note_refund_id": self.refund},
            "fail_refund": {"credit_note_refund_id": self.refund, "reason": "x"},
            "manual_invoice": {"attendee_id": self.ada.pk, "due": timedelta(1), "lines": lines},
            "money_trail": {"payment_id": self.paid.payments.filter(amount__gt=0).get().pk},
            "payment_summary": self.card,
            "reconciliation": {"as_of": datetime.now(timezone.utc)},
            "record_manual_payment": {"invoice_id": invoice, "amount": 100, "reference": "x"},
            "refund_credit_note": {"credit_note_id": note, "reference": "x"},
            "refund_invoice": {"invoice_id": self.paid.pk},
            "refund_sources": {"credit_note_id": note},
            "request_refund": {"credit_note_id": note, "reference": "x"},
            "return_items": {"invoice_id": self.paid.pk, "items": items},
            "rotate_access_code": {"attendee_id": self.ada.pk},
            "void_invoice": {"invoice_id": invoice},
        }
        reference = (PAGE.parent / "reference.md").read_text()
        sections = re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", reference, re.M | re.S)
        of_staff = {name for name, text in sections if re.search("^- Access: staff", text, re.M)}
        self.assertLess(set(arguments), of_staff)
        calls = {function: arguments.get(function, {}) for function in of_staff}
        # The function is for access app, too, and the privilege for staff.
        calls["record_reversal"] = {**self.card, "amount": 1, "reversal_ref": "x"}
        signed = ("record_manual_payment", "refund_credit_note", "request_refund")
        for words, who in self.actors():
            for function, given in calls.items():
                if function == "rotate_access_code" and who[0] == self.ada.user_id:
                    continue  # her own
                with self.subTest(words, function=function), transaction.atomic():
                    set_actor(*who)
                    self.assertRefused("RP010", function, **given)
                    if function in signed:
                        given = {**given, "entered_by": self.staff().pk}
                        self.assertRefused("RP010", function, **given)
        self.assertEqual(self.everything(), self.before)

    def test_money_that_leaves(self):
        """A negative payment by plain SQL is staff's, too."""
        insert = "INSERT INTO regpaydb.payment (invoice_id, amount) VALUES (%s, -10)"

        def insert_negative(invoice):
            with ledger_errors(), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(insert, [invoice.pk])

        negative = {"invoice_id": self.paid.pk, "amount": -10, "reference": "x"}
        for words, who in self.actors():
            with self.subTest(words), transaction.atomic():
                set_actor(*who)
                # Of an invoice that isn't hers row security speaks first.
                with self.assertRaises((ValidationError, PermissionDenied)) as caught:
                    insert_negative(self.paid)
                if isinstance(caught.exception, ValidationError):
                    self.assertEqual(caught.exception.code, "RP010")
                self.assertRefused("RP003", "pay", **negative)
                self.assertRefused(
                    "RP003", "record_payment", provider="stripe", provider_ref="x", **negative
                )
        self.assertEqual(self.everything(), self.before)
        with transaction.atomic():
            set_actor(self.staff().pk)
            insert_negative(self.paid)
        self.assertEqual(self.fresh(self.paid).status, "refunded")


class ActorTests(LedgerTests, TransactionTestCase):
    def during(self, client, url, method="get"):
        """The actor in the midst of a request, and the one after it on the same connection."""
        seen = []

        def spy(execute, sql, params, many, context):
            result = execute(sql, params, many, context)
            if "set_config" in sql:
                seen.append(actor())
            return result

        with connection.execute_wrapper(spy):
            getattr(client, method)(url)
        return seen[-1], actor()

    def test_each_request_acts_for_its_user(self):
        ada = self.attendee()
        self.invoice(ada)
        nothing = ("", "")
        url = reverse("invoice", args=[ada.access_code])
        wrong = reverse("invoice", args=["WRONG"])
        self.assertEqual(self.during(self.client, url), (("", ada.access_code), nothing))
        for url in "/", "/no/such/page/":
            self.assertEqual(self.during(self.client, url), (("0", ""), nothing))
        self.client.force_login(ada.user)
        self.assertEqual(self.during(self.client, "/"), ((str(ada.user_id), ""), nothing))
        self.assertEqual(self.during(self.client, wrong), ((str(ada.user_id), "WRONG"), nothing))

    def test_the_webhook_acts_for_nobody(self):
        self.client.force_login(self.attendee().user)
        self.assertEqual(
            self.during(self.client, reverse("stripe_webhook"), "post"), (("", ""), ("", ""))
        )

    def test_who_sees_what(self):
        """The database itself hides other people's rows, in every table."""
        ada, ben = self.attendee(), self.attendee("Ben Okafor")
        for attendee in ada, ben:
            self.invoice(attendee, "30.00")
            invoice = self.invoice(attendee)
            call("pay", invoice_id=invoice.pk, amount=150, reference="card")
            cart_id = call("current_cart", attendee_id=attendee.pk)
            call("set_quantity", cart_id=cart_id, product_id=self.product().pk, quantity=1)
        owners = {
            Attendee: "user_id",
            Cart: "attendee__user_id",
            CartItem: "cart__attendee__user_id",
            Invoice: "attendee__user_id",
            LineItem: "invoice__attendee__user_id",
            Payment: "invoice__attendee__user_id",
            CreditNote: "attendee__user_id",
        }
        actors = [
            (ada.user_id, "", {ada.user_id}),
            ("", ben.access_code, {ben.user_id}),
            (ada.user_id, ben.access_code, {ada.user_id, ben.user_id}),
            ("", "WRONG", set()),
            (0, "", set()),
            ("", "", set()),
        ]
        for model, path in owners.items():
            with self.subTest(model.__name__):
                for user_id, access_code, expected in actors:
                    with transaction.atomic():
                        set_actor(user_id, access_code)
                        self.assertEqual(set(model.objects.values_list(path, flat=True)), expected)
                        self.assertFalse(Outbox.objects.exists())
                with transaction.atomic():
                    set_actor(self.staff().pk)
                    everybody = set(model.objects.values_list(path, flat=True))
                self.assertLessEqual({ada.user_id, ben.user_id}, everybody)

    def test_an_actor_pays_nothing_that_she_may_not_view(self):
        ada, invoice = self.attendee(), self.invoice(self.attendee("Ben Okafor"))
        payment = {"invoice_id": invoice.pk, "amount": 100, "reference": "x"}
        with transaction.atomic():
            set_actor(ada.user_id)
            with self.assertRaises(ValidationError) as caught:
                call("pay", **payment)
            self.assertEqual(caught.exception.code, "RP002")
            with self.assertRaises(PermissionDenied), ledger_errors(), transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(
                        "INSERT INTO regpaydb.payment (invoice_id, amount) VALUES (%s, 100)",
                        [invoice.pk],
                    )
        self.assertEqual(self.fresh(invoice).payments.count(), 0)

    def test_a_failed_request_leaves_nothing(self):
        ada = self.attendee()
        invoice = self.invoice(ada)
        self.client.raise_request_exception = False
        for fault in RuntimeError("a fault after the payment"), PermissionDenied(), Http404():
            with patch("gannet.views.redirect", side_effect=fault), self.assertLogs("django.request"):
                answer = self.client.post(reverse("pay", args=[ada.access_code, invoice.pk]))
            self.assertIn(answer.status_code, (500, 403, 404))
            self.assertEqual(self.fresh(invoice).payments.count(), 0)
            self.assertEqual(actor(), ("", ""))
        self.client.post(reverse("pay", args=[ada.access_code, invoice.pk]))
        self.assertEqual(self.fresh(invoice).payments.count(), 1)


class WebhookTests(LedgerTests, TransactionTestCase):
    def charge(self, invoice, amount=10000, charge_id=None):
        return {
            "type": "charge.succeeded",
            "data": {
                "object": {
                    "id": charge_id or f"ch_{invoice.pk}",
                    "amount": amount,
                    "currency": "aud",
                    "metadata": {"invoice_id": str(invoice.pk)},
                }
            },
        }

    def assertRecordedOnce(self, invoice, answers):
        self.assertEqual([answer.content for answer in answers], [b"recorded"] * 3)
        payment = self.fresh(invoice).payments.get()
        self.assertEqual((payment.amount, payment.provider_ref), (100, f"ch_{invoice.pk}"))
        self.assertIsNone(payment.entered_by)
        self.assertEqual(self.fresh(invoice).status, "paid")
        self.assertEqual(
            [row.payment_id for row in StripePayment.objects.all()], [payment.pk]
        )
        self.assertEqual(StripePayment.objects.get().charge["currency"], "aud")
        self.assertFalse(CreditNote.objects.using("owner").filter(attendee=invoice.attendee))

    def test_three_times_one_after_the_other(self):
        invoice = self.invoice(self.attendee())
        self.assertRecordedOnce(invoice, [send_event(self.charge(invoice)) for _ in range(3)])

    def test_three_times_at_once(self):
        for _ in range(5):
            StripePayment.objects.all().delete()
            invoice = self.invoice(self.attendee())
            self.assertRecordedOnce(
                invoice, at_once(3, lambda number: send_event(self.charge(invoice)))
            )

    def test_three_charges_at_once(self):
        """All of them are real money: what the invoice can't take is credit."""
        invoice = self.invoice(self.attendee())
        answers = at_once(
            3, lambda number: send_event(self.charge(invoice, charge_id=f"ch_{invoice.pk}_{number}"))
        )
        self.assertEqual([answer.status_code for answer in answers], [200] * 3)
        self.assertEqual(call("available_credit", attendee_id=invoice.attendee_id), 200)
        self.assertEqual(StripePayment.objects.count(), 3)

    def test_money_for_a_void_invoice_is_kept(self):
        invoice = self.invoice(self.attendee())
        call("void_invoice", invoice_id=invoice.pk)
        for _ in range(2):
            self.assertEqual(send_event(self.charge(invoice)).content, b"recorded")
        self.assertEqual(call("available_credit", attendee_id=invoice.attendee_id), 100)

    def test_what_is_refused(self):
        invoice = self.invoice(self.attendee())
        event = self.charge(invoice)
        self.assertEqual(send_event(event, secret="guessed").content, b"wrong signature")
        self.assertEqual(send_event(event, age=3600).content, b"the signature is too old")
        self.assertEqual(self.client.post(reverse("stripe_webhook"), {}).status_code, 400)
        self.assertEqual(self.client.get(reverse("stripe_webhook")).status_code, 405)
        self.assertEqual(send_event({"type": "charge.succeeded"}).status_code, 400)
        self.assertEqual(send_event({"type": "charge.failed"}).content, b"ignored")
        event["data"]["object"]["currency"] = "jpy"
        self.assertEqual(send_event(event).content, b"not the conference's currency")
        event["data"]["object"]["currency"] = "aud"
        for number in 2**62, 2**100, "x":
            event["data"]["object"]["metadata"]["invoice_id"] = str(number)
            self.assertEqual(send_event(event).status_code, 400)
        self.assertEqual(self.fresh(invoice).payments.count(), 0)
        self.assertEqual(send_event(self.charge(invoice, amount=-5000)).status_code, 400)
        # One reference, another amount or invoice.
        self.assertEqual(send_event(self.charge(invoice)).status_code, 200)
        other = self.invoice(self.attendee())
        for charge in (
            self.charge(invoice, amount=5000),
            self.charge(other, charge_id=f"ch_{invoice.pk}"),
        ):
            answer = send_event(charge)
            self.assertEqual(answer.status_code, 400)
            self.assertIn(b"is recorded with another payment", answer.content)
        self.assertEqual(self.fresh(invoice).payments.count(), 1)
        self.assertEqual(self.fresh(other).payments.count(), 0)
        self.assertEqual(StripePayment.objects.count(), 1)

    def test_both_rows_or_neither(self):
        invoice = self.invoice(self.attendee())
        with patch("gannet.views.StripePayment.objects.get_or_create", side_effect=RuntimeError):
            with self.assertRaises(RuntimeError):
                send_event(self.charge(invoice))
        self.assertEqual(self.fresh(invoice).payments.count(), 0)
        self.assertEqual(send_event(self.charge(invoice)).content, b"recorded")
        self.assertEqual(StripePayment.objects.count(), 1)


class OutboxTests(LedgerTests, TransactionTestCase):
    def setUp(self):
        Outbox.objects.using("owner").all().delete()  # of other tests
        self.ada = self.attendee()

    def paid_invoices(self, count):
        invoices = [self.invoice(self.ada) for _ in range(count)]
        for invoice in invoices:
            call("pay", invoice_id=invoice.pk, amount=100, reference="card")
        return [f"Invoice {invoice.pk} is paid" for invoice in invoices]

    def test_mail_is_sent(self):
        subjects = self.paid_invoices(3)
        call_command("consume_outbox", once=True)
        self.assertEqual([message.subject for message in mail.outbox], subjects)
        self.assertEqual(mail.outbox[0].to, [self.ada.email])
        self.assertEqual(Outbox.objects.using("owner").count(), 0)

    def test_mail_about_a_change(self):
        old = self.manual(self.ada, ("Ticket", 2, "100.00"))
        items = [{"line_item_id": old.lines.get().pk, "quantity": 1}]
        call("return_items", invoice_id=old.pk, items=json.dumps(items))
        new = self.fresh(old).replaced_by
        call_command("consume_outbox", once=True)
        self.assertEqual(
            [message.body.partition("\n\n")[2] for message in mail.outbox],
            [
                f"Invoice {old.pk} is paid: 200.00.\n",
                f"Invoice {old.pk} is refunded: 200.00.\nIt is replaced by invoice {new.pk}.\n",
                f"Invoice {new.pk} is paid: 100.00.\n",
            ],
        )

    def overpaid(self, attendee):
        """The credit note of what was too much."""
        invoice = self.invoice(attendee)
        call("pay", invoice_id=invoice.pk, amount=130, reference="card")
        return CreditNote.objects.using("owner").get(payment__invoice=invoice).pk

    def test_mail_about_refunds(self):
        done, failed = (self.overpaid(attendee) for attendee in (self.ada, self.attendee()))
        call("refund_credit_note", credit_note_id=done, reference="transfer 1")
        refund = call("request_refund", credit_note_id=failed, reference="card")
        call("fail_refund", credit_note_refund_id=refund, reason="The card is closed.")
        Outbox.objects.using("owner").filter(kind="invoice_updated").delete()
        call_command("consume_outbox", once=True)
        self.assertEqual(
            [message.subject for message in mail.outbox],
            [f"Credit note {done} is paid out", f"Credit note {failed} could not be paid out"],
        )
        self.assertEqual(mail.outbox[0].to, [self.ada.email])

    def test_mail_about_a_loss(self):
        """A platform takes back what she has spent elsewhere."""
        invoice = self.invoice(self.ada)
        payment = {"provider": "test", "provider_ref": f"ch_{invoice.pk}"}
        call("pay", invoice_id=invoice.pk, amount=100, reference="card", **payment)
        call("refund_invoice", invoice_id=invoice.pk)
        self.invoice(self.ada)  # takes the note
        call("record_reversal", **payment, amount=100, reversal_ref=f"dp_{invoice.pk}")
        Outbox.objects.using("owner").filter(kind="invoice_updated").delete()
        call_command("consume_outbox", once=True)
        (message,) = mail.outbox
        self.assertEqual(message.to, ["treasurer@gannet.example"])
        self.assertIn(f"took back 100.00 (dp_{invoice.pk}), of which 100.00 was spent", message.body)

    def test_two_workers_share_the_work(self):
        subjects = self.paid_invoices(30)
        taken = at_once(2, lambda number: sum(consume("worker", 5) for _ in range(20)))
        self.assertEqual(sum(taken), 60)  # made, and paid
        self.assertEqual(sorted(message.subject for message in mail.outbox), sorted(subjects))

    def test_a_worker_does_not_wait_for_another(self):
        self.paid_invoices(2)

        def work(number):
            if number == 1:
                barrier.wait()  # the other has its rows, and is still at it
                try:
                    return consume("worker", 10)
                finally:
                    barrier.wait()
            with transaction.atomic(using="worker"):
                held = consume("worker", 3)
                barrier.wait()
                barrier.wait()
            return held

        barrier = Barrier(2, timeout=30)
        self.assertEqual(at_once(2, work), [3, 1])

    def test_a_worker_that_dies_leaves_its_rows(self):
        subjects = self.paid_invoices(1)
        with self.assertRaises(RuntimeError):
            with transaction.atomic(using="worker"):
                consume("worker")
                raise RuntimeError("the plug is pulled")
        call_command("consume_outbox", once=True)
        self.assertEqual([message.subject for message in mail.outbox], subjects * 2)
