"""Pages, actor, webhook and outbox, without a browser."""
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from unittest.mock import patch

from django.conf import settings
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
    DemoPayment,
    Invoice,
    LineItem,
    Outbox,
    Payment,
    StripePayment,
)

from .base import LedgerTests


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
        self.client.post(reverse("new_access_url"))
        self.assertEqual(self.client.get(reverse("invoice", args=[ada.access_code])).status_code, 404)
        ada.refresh_from_db(using="owner")
        self.assertEqual(self.client.get(reverse("invoice", args=[ada.access_code])).status_code, 200)


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


class StaffTests(LedgerTests, TransactionTestCase):
    def setUp(self):
        self.ada = self.attendee()
        self.client.force_login(self.staff())

    def post(self, name, *args, **data):
        return self.client.post(reverse(name, args=args), data, follow=True)

    def test_staff_only(self):
        invoice = self.invoice(self.ada)
        pages = [
            ("get", reverse("staff_home")),
            ("get", reverse("staff_invoice", args=[invoice.pk])),
            ("post", reverse("record_payment", args=[invoice.pk])),
            ("post", reverse("refund", args=[invoice.pk])),
            ("post", reverse("void", args=[invoice.pk])),
            ("post", reverse("apply_note", args=[invoice.pk, 1])),
            ("post", reverse("cash_out", args=[invoice.pk, 1])),
            ("post", reverse("charge_fee", args=[invoice.pk, 1])),
        ]
        attendee = Client()
        attendee.force_login(self.ada.user)
        for method, url in pages:
            with self.subTest(url):
                self.assertEqual(getattr(attendee, method)(url).status_code, 403)
                self.assertRedirects(
                    getattr(Client(), method)(url),
                    reverse("login") + "?next=" + url,
                    fetch_redirect_response=False,
                )
        self.assertEqual(self.fresh(invoice).status, "unpaid")

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

    def test_void(self):
        invoice = self.invoice(self.ada)
        self.assertContains(self.post("void", invoice.pk), "The invoice is void.")
        page = self.post("void", self.paid().pk)
        self.assertContains(page, "Refund it instead: what was paid becomes a credit note.")

    def paid(self):
        invoice = self.invoice(self.ada)
        call("pay", invoice_id=invoice.pk, amount=100, reference="card")
        return invoice

    def test_mistakes_are_shown_in_words(self):
        invoice = self.paid()
        for data, words in [
            ({"amount": "ten", "reference": "x"}, "Amount: Enter a number."),
            ({"amount": "1.005", "reference": "x"}, "no more than 2 decimal places"),
            ({"amount": "1"}, "Reference: This field is required."),
            ({"amount": "0", "reference": "x"}, "A payment of nothing is no payment."),
            ({"amount": "-101", "reference": "x"}, "can&#x27;t give back more than was paid on it"),
        ]:
            with self.subTest(words):
                page = self.post("record_payment", invoice.pk, **data)
                self.assertContains(page, words)
                self.assertNotContains(page, "regpaydb.")  # is for developers
        self.assertEqual(self.fresh(invoice).payments.count(), 1)


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
        self.assertEqual(self.during(self.client, url), (("0", ada.access_code), nothing))
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
            (0, ben.access_code, {ben.user_id}),
            (ada.user_id, ben.access_code, {ada.user_id, ben.user_id}),
            (0, "WRONG", set()),
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

    def send(self, event, secret=settings.STRIPE_WEBHOOK_SECRET, age=0):
        body = json.dumps(event)
        at = int(time.time()) - age
        signature = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
        return Client().post(
            reverse("stripe_webhook"),
            body,
            content_type="application/json",
            HTTP_STRIPE_SIGNATURE=f"t={at},v1={signature}",
        )

    def assertRecordedOnce(self, invoice, answers):
        self.assertEqual([answer.content for answer in answers], [b"recorded"] * 3)
        payment = self.fresh(invoice).payments.get()
        self.assertEqual((payment.amount, payment.provider_ref), (100, f"ch_{invoice.pk}"))
        self.assertEqual(self.fresh(invoice).status, "paid")
        self.assertEqual(
            [row.payment_id for row in StripePayment.objects.all()], [payment.pk]
        )
        self.assertEqual(StripePayment.objects.get().charge["currency"], "aud")
        self.assertFalse(CreditNote.objects.using("owner").filter(attendee=invoice.attendee))

    def test_three_times_one_after_the_other(self):
        invoice = self.invoice(self.attendee())
        self.assertRecordedOnce(invoice, [self.send(self.charge(invoice)) for _ in range(3)])

    def test_three_times_at_once(self):
        for _ in range(5):
            StripePayment.objects.all().delete()
            invoice = self.invoice(self.attendee())
            self.assertRecordedOnce(
                invoice, at_once(3, lambda number: self.send(self.charge(invoice)))
            )

    def test_three_charges_at_once(self):
        """All of them are real money: what the invoice can't take is credit."""
        invoice = self.invoice(self.attendee())
        answers = at_once(
            3, lambda number: self.send(self.charge(invoice, charge_id=f"ch_{invoice.pk}_{number}"))
        )
        self.assertEqual([answer.status_code for answer in answers], [200] * 3)
        self.assertEqual(call("available_credit", attendee_id=invoice.attendee_id), 200)
        self.assertEqual(StripePayment.objects.count(), 3)

    def test_money_for_a_void_invoice_is_kept(self):
        invoice = self.invoice(self.attendee())
        call("void_invoice", invoice_id=invoice.pk)
        for _ in range(2):
            self.assertEqual(self.send(self.charge(invoice)).content, b"recorded")
        self.assertEqual(call("available_credit", attendee_id=invoice.attendee_id), 100)

    def test_what_is_refused(self):
        invoice = self.invoice(self.attendee())
        event = self.charge(invoice)
        self.assertEqual(self.send(event, secret="guessed").content, b"wrong signature")
        self.assertEqual(self.send(event, age=3600).content, b"the signature is too old")
        self.assertEqual(self.client.post(reverse("stripe_webhook"), {}).status_code, 400)
        self.assertEqual(self.client.get(reverse("stripe_webhook")).status_code, 405)
        self.assertEqual(self.send({"type": "charge.succeeded"}).status_code, 400)
        self.assertEqual(self.send({"type": "charge.failed"}).content, b"ignored")
        event["data"]["object"]["currency"] = "jpy"
        self.assertEqual(self.send(event).content, b"not the conference's currency")
        event["data"]["object"]["currency"] = "aud"
        for number in 2**62, 2**100:
            event["data"]["object"]["metadata"]["invoice_id"] = str(number)
            self.assertEqual(self.send(event).status_code, 400)
        self.assertEqual(self.fresh(invoice).payments.count(), 0)
        # One reference, another amount.
        self.assertEqual(self.send(self.charge(invoice)).status_code, 200)
        answer = self.send(self.charge(invoice, amount=5000))
        self.assertEqual(answer.status_code, 400)
        self.assertIn(b"is recorded with another payment", answer.content)
        self.assertEqual(self.fresh(invoice).payments.count(), 1)


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
