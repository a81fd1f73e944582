"""Models, operations and errors."""
import json
import os
from datetime import date, timedelta
from decimal import Decimal

import django
import psycopg
import psycopg2
from django.apps import apps
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, DataError, IntegrityError, connection, connections, transaction
from django.db.models import Count, DecimalField
from django.test import SimpleTestCase, TransactionTestCase, override_settings

from gannet.ledger import call, from_minor_units, ledger_errors, translate
from gannet.models import (
    CreditNote,
    CreditNoteRefund,
    DemoPayment,
    Invoice,
    Payment,
    PlatformRefund,
)

from .base import LedgerTests


class ModelTests(LedgerTests, TransactionTestCase):
    def ledger_models(self):
        models = apps.get_app_config("gannet").get_models()
        return [model for model in models if not model._meta.managed]

    def test_money_is_of_the_ledgers_currency(self):
        """The setting says what the ledger made of its currency."""
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT currency FROM regpaydb.conference")
            self.assertEqual(cursor.fetchone()[0], settings.CURRENCY)
            cursor.execute(
                "SELECT table_name, column_name, numeric_precision, numeric_scale"
                " FROM information_schema.columns"
                " WHERE table_schema = 'regpaydb' AND data_type = 'numeric'"
            )
            columns = {row[:2]: row[2:] for row in cursor.fetchall()}
        found = 0
        for model in self.ledger_models():
            table = model._meta.db_table.split('"')[-1]
            for field in model._meta.fields:
                if isinstance(field, DecimalField):
                    found += 1
                    self.assertEqual(
                        columns[table, field.column], (field.max_digits, field.decimal_places)
                    )
        self.assertEqual(found, 9)

    def test_models_fit_the_tables(self):
        """Every column of every model can be read, and rows come back by their keys."""
        attendee = self.attendee()
        card = {"provider": "test", "provider_ref": f"ch_{attendee.pk}"}
        cart_id = call("current_cart", attendee_id=attendee.pk)
        call("set_quantity", cart_id=cart_id, product_id=self.product().pk, quantity=1)
        self.invoice(attendee, "30.00")
        call("pay", invoice_id=call("invoice_cart", cart_id=cart_id), amount=700, reference="x")
        note = CreditNote.objects.using("owner").filter(attendee=attendee, state="unclaimed").get()
        call("refund_credit_note", credit_note_id=note.pk, reference="x")
        call("pay", invoice_id=self.invoice(attendee).pk, amount=100, reference="x", **card)
        call("record_reversal", amount=40, reversal_ref=f"dp_{attendee.pk}", **card)
        self.staff()
        self.assertEqual(len(self.ledger_models()), 15)
        for model in self.ledger_models():
            with self.subTest(model.__name__):
                row = model.objects.using("owner").order_by("-pk").first()
                self.assertEqual(model.objects.using("owner").get(pk=row.pk), row)

    def test_enum_columns(self):
        attendee = self.attendee()
        paid, unpaid = self.invoice(attendee), self.invoice(attendee)
        call("pay", invoice_id=paid.pk, amount=100, reference="card")
        invoices = Invoice.objects.using("owner").filter(attendee=attendee)
        self.assertEqual(list(invoices.filter(status="unpaid")), [unpaid])
        self.assertEqual(list(invoices.filter(status__in=["paid", "void"])), [paid])
        self.assertEqual(list(invoices.exclude(status=Invoice.Status.PAID)), [unpaid])
        self.assertEqual(
            dict(invoices.values_list("status").annotate(Count("pk"))), {"paid": 1, "unpaid": 1}
        )
        self.assertEqual(list(invoices.filter(payments__kind="payment")), [paid])
        self.assertEqual(invoices.get(status="paid").get_status_display(), "Paid")

    def test_a_row_that_the_database_changed(self):
        invoice = self.invoice(self.attendee())
        call("pay", invoice_id=invoice.pk, amount=100, reference="card")
        self.assertEqual(invoice.status, "unpaid")
        invoice.refresh_from_db(using="owner")
        self.assertEqual((invoice.status, invoice.paid), ("paid", 100))

    def test_due_is_balance_due(self):
        attendee = self.attendee()
        for paid in 0, 40, 100, 130:
            invoice = self.invoice(attendee)
            if paid:
                call("pay", invoice_id=invoice.pk, amount=paid, reference="card")
            invoice = self.fresh(invoice)
            self.assertEqual(invoice.due, call("balance_due", invoice_id=invoice.pk))

    def test_append_only_through_the_orm(self):
        invoice = self.invoice(self.attendee())
        payment_id = call("pay", invoice_id=invoice.pk, amount=100, reference="card")
        payment = Payment.objects.using("owner").get(pk=payment_id)
        for change in payment.save, payment.delete, self.fresh(invoice).delete:
            with self.assertRaises(ValidationError) as caught:
                with ledger_errors(), transaction.atomic(using="owner"):
                    change(using="owner")
            self.assertEqual(caught.exception.code, "RP011")

    def test_a_payment_with_data_of_our_own_stays(self):
        """The key of the site's row is the payment's, and there is no row without a payment."""
        invoice = self.invoice(self.attendee())
        payment_id = call("pay", invoice_id=invoice.pk, amount=100, reference="card")
        DemoPayment.objects.create(payment_id=payment_id, paid_by="employer")
        payment = Payment.objects.using("owner").get(pk=payment_id)
        self.assertEqual(payment.demopayment.paid_by, "employer")
        with self.assertRaises(IntegrityError):
            DemoPayment.objects.create(payment_id=payment_id + 1000000, paid_by="nobody")

    def test_a_refund_with_data_of_our_own_stays(self):
        invoice = self.invoice(self.attendee())
        call("pay", invoice_id=invoice.pk, amount=100, reference="card")
        note = call("refund_invoice", invoice_id=invoice.pk)
        refund_id = call("refund_credit_note", credit_note_id=note, reference="card")
        PlatformRefund.objects.create(refund_id=refund_id, platform_ref=f"re_{refund_id}")
        refund = CreditNoteRefund.objects.using("owner").get(pk=refund_id)
        self.assertEqual(refund.platformrefund.platform_ref, f"re_{refund_id}")
        self.assertEqual(refund.credit_note.payment.invoice, invoice)
        with self.assertRaises(IntegrityError):
            PlatformRefund.objects.create(refund_id=refund_id + 1000000, platform_ref="re_0")


class OperationTests(LedgerTests, TransactionTestCase):
    def note(self, attendee, price="100.00"):
        invoice = self.invoice(attendee, price)
        call("pay", invoice_id=invoice.pk, amount=price, reference="card")
        return call("refund_invoice", invoice_id=invoice.pk)

    def state(self, note):
        return CreditNote.objects.using("owner").get(pk=note).state

    def test_pay(self):
        invoice = self.invoice(self.attendee())
        self.assertEqual(call("validate_allowed_to_pay", invoice_id=invoice.pk), "")
        self.assertEqual(call("balance_due", invoice_id=invoice.pk), Decimal("100.00"))
        first = {
            "invoice_id": invoice.pk,
            "amount": Decimal("60.00"),
            "reference": "card 4242",
            "provider": "test",
            "provider_ref": f"ch_{invoice.pk}",
        }
        self.assertEqual(call("pay", **first), call("pay", **first))
        self.assertEqual(call("balance_due", invoice_id=invoice.pk), 40)
        call("pay", invoice_id=invoice.pk, amount=40, reference="cash")
        self.assertEqual(call("total_payments", invoice_id=invoice.pk), 100)
        self.assertEqual(call("update_status", invoice_id=invoice.pk), "paid")

    def test_record_payment(self):
        """What has arrived is recorded once, whatever state the invoice is in."""
        invoice = self.invoice(self.attendee())
        call("void_invoice", invoice_id=invoice.pk)
        payment = {
            "invoice_id": invoice.pk,
            "amount": 100,
            "reference": "NB 7",
            "provider": "bank",
            "provider_ref": f"NB {invoice.pk}",
            "value_date": date(2026, 3, 2),
        }
        payment_id = call("record_payment", **payment)
        self.assertEqual(call("record_payment", **payment), payment_id)
        self.assertEqual(call("available_credit", attendee_id=invoice.attendee_id), 100)
        row = Payment.objects.using("owner").get(pk=payment_id)
        self.assertEqual((row.value_date, row.entered_by), (date(2026, 3, 2), None))
        for change in {"amount": 99}, {"invoice_id": self.invoice(self.attendee()).pk}:
            with self.assertRaises(ValidationError) as caught:
                call("record_payment", **{**payment, **change})
            self.assertEqual(caught.exception.code, "RP009")

    def test_manual_payment_and_refund(self):
        invoice, staff = self.invoice(self.attendee()), self.staff()
        entry = {"invoice_id": invoice.pk, "reference": "cheque", "entered_by": staff.pk}
        call("record_manual_payment", amount=100, **entry)
        self.assertEqual(self.fresh(invoice).status, "paid")
        call("record_manual_payment", amount=-100, **entry)
        self.assertEqual(self.fresh(invoice).status, "refunded")
        self.assertEqual(
            list(self.fresh(invoice).payments.order_by("pk").values_list("kind", "amount", "entered_by")),
            [("manual", 100, staff.pk), ("manual", -100, staff.pk)],
        )
        self.assertEqual(
            [payment.title for payment in self.fresh(invoice).payments.order_by("pk")],
            ["Payment entered by staff", "Refund entered by staff"],
        )
        # Somebody has to sign it: the actor, where that is not said.
        del entry["entered_by"]
        with self.assertRaisesMessage(DatabaseError, 'argument "entered_by" must not be null'):
            call("record_manual_payment", amount=1, **entry)

    def test_void(self):
        invoice = self.invoice(self.attendee())
        call("void_invoice", invoice_id=invoice.pk)
        self.assertEqual(self.fresh(invoice).status, "void")

    def test_refund_and_apply(self):
        attendee = self.attendee()
        other = self.invoice(attendee, "30.00")
        note = self.note(attendee)
        self.assertEqual(call("available_credit", attendee_id=attendee.pk), 100)
        call("apply_credit_note", credit_note_id=note, invoice_id=other.pk)
        self.assertEqual((self.fresh(other).status, self.state(note)), ("paid", "applied"))
        self.assertEqual(call("available_credit", attendee_id=attendee.pk), 70)

    def test_refund_and_cash_out(self):
        attendee = self.attendee()
        note = self.note(attendee)
        call("refund_credit_note", credit_note_id=note, reference="transfer 1")
        self.assertEqual(self.state(note), "refunded")
        self.assertEqual(call("available_credit", attendee_id=attendee.pk), 0)

    def test_cancellation_fee(self):
        attendee = self.attendee()
        note = self.note(attendee)
        fee = call("cancellation_fee", credit_note_id=note, percentage=Decimal("12.5"))
        self.assertEqual((self.fresh(fee).status, self.fresh(fee).value), ("paid", Decimal("12.50")))
        self.assertEqual(call("available_credit", attendee_id=attendee.pk), Decimal("87.50"))
        self.assertIsNone(call("cancellation_fee", credit_note_id=self.note(attendee), percentage=0))

    def test_cart(self):
        attendee, product = self.attendee(), self.product(stock=3)
        cart_id = call("current_cart", attendee_id=attendee.pk)
        call("set_quantity", cart_id=cart_id, product_id=product.pk, quantity=2)
        call("extend_reservation", cart_id=cart_id, duration=timedelta(hours=2))
        call("validate_cart", cart_id=cart_id)
        self.assertEqual(call("available_stock", product_id=product.pk), 1)
        invoice_id = call("invoice_cart", cart_id=cart_id)
        self.assertEqual(self.fresh(invoice_id).value, 1280)
        call("set_quantity", cart_id=cart_id, product_id=product.pk, quantity=1)
        self.assertEqual(self.fresh(invoice_id).status, "void")
        self.assertEqual(call("expire_invoices", limit=1000), 0)
        call("set_quantity", cart_id=cart_id, product_id=product.pk, quantity=0)
        self.assertEqual(call("available_stock", product_id=product.pk), 3)

    def lines(self, invoice):
        lines = self.fresh(invoice).lines.order_by("pk")
        return list(lines.values_list("description", "quantity", "price"))

    def give_back(self, invoice, *quantities, **arguments):
        """Quantities of the first lines; None is all of one, and left to the default."""
        items = []
        for line, quantity in zip(self.fresh(invoice).lines.order_by("pk"), quantities):
            item = {"line_item_id": line.pk, "quantity": quantity}
            if quantity is None:
                del item["quantity"]
            if quantity != 0:
                items.append(item)
        return call("return_items", invoice_id=invoice.pk, items=json.dumps(items), **arguments)

    def test_return_items(self):
        """One of two tickets and the tutorial are kept, and nobody else can have them."""
        attendee = self.attendee()
        ticket, tutorial = self.product(stock=2), self.product("75.00", stock=1)
        cart_id = call("current_cart", attendee_id=attendee.pk)
        for product, quantity in (ticket, 2), (tutorial, 1):
            call("set_quantity", cart_id=cart_id, product_id=product.pk, quantity=quantity)
        invoice = self.fresh(call("invoice_cart", cart_id=cart_id))
        call("pay", invoice_id=invoice.pk, amount=1355, reference="card")
        bought = self.lines(invoice)
        self.assertEqual([quantity for _, quantity, _ in bought], [2, 1])

        note = call(
            "return_items",
            invoice_id=invoice.pk,
            items=json.dumps(
                [{"line_item_id": invoice.lines.get(quantity=2).pk, "quantity": 1}]
            ),
            reason="One comes alone",
        )
        self.assertEqual(CreditNote.objects.using("owner").get(pk=note).value, 640)
        self.assertEqual(call("available_credit", attendee_id=attendee.pk), 640)
        old = self.fresh(invoice)
        self.assertEqual((old.status, old.closed_reason), ("refunded", "One comes alone"))
        self.assertEqual(old.cart.status, "released")
        new = old.replaced_by
        self.assertEqual((new.replaces, new.status, new.value, new.paid), (old, "paid", 715, 715))
        self.assertEqual(self.lines(new), [(bought[0][0], 1, 640), bought[1]])
        self.assertEqual(
            (new.cart.status, dict(new.cart.items.values_list("product", "quantity"))),
            ("paid", {ticket.pk: 1, tutorial.pk: 1}),
        )
        for product, free in (ticket, 1), (tutorial, 0):
            self.assertEqual(call("available_stock", product_id=product.pk), free)

        # And again, until nothing remains: then it is a refund.
        self.assertEqual(
            CreditNote.objects.using("owner").get(pk=self.give_back(new, 0, None)).value, 75
        )
        last = self.fresh(new).replaced_by
        self.assertEqual((last.replaces, last.value), (new, 640))
        self.give_back(last, None)
        self.assertEqual(self.fresh(last).status, "refunded")
        self.assertFalse(Invoice.objects.using("owner").filter(replaces=last))
        self.assertEqual(call("available_credit", attendee_id=attendee.pk), 1355)
        for product, free in (ticket, 2), (tutorial, 1):
            self.assertEqual(call("available_stock", product_id=product.pk), free)

    def test_return_items_of_a_manual_invoice(self):
        """At the prices that were paid; a discount goes back like any other line."""
        lines = ("Ticket", 3, "100.00"), ("Group discount", 3, "-10.00"), ("Bag", 1, "0.00")
        invoice = self.manual(self.attendee(), *lines)
        note = self.give_back(invoice, 1, 1)
        self.assertEqual(CreditNote.objects.using("owner").get(pk=note).value, 90)
        new = self.fresh(invoice).replaced_by
        self.assertIsNone(new.cart)
        self.assertEqual(
            self.lines(new), [("Ticket", 2, 100), ("Group discount", 2, -10), ("Bag", 1, 0)]
        )
        # What was free is no credit.
        self.assertIsNone(self.give_back(new, 0, 0, 1))
        last = self.fresh(new).replaced_by
        self.assertEqual((last.status, last.value, last.lines.count()), ("paid", 180, 2))

    def test_what_can_not_be_returned(self):
        attendee = self.attendee()
        unpaid, other = self.invoice(attendee), self.manual(self.attendee(), ("Bag", 1, "5.00"))
        paid = self.manual(attendee, ("Ticket", 2, "100.00"), ("Discount", 1, "-10.00"))
        ticket, discount = paid.lines.order_by("pk")
        cases = [
            ("RP002", 2**62, [{"line_item_id": ticket.pk}]),
            ("RP002", paid.pk, [{"line_item_id": other.lines.get().pk}]),
            ("RP003", paid.pk, [{"line_item_id": ticket.pk, "quantity": 0}]),
            ("RP003", paid.pk, [{"line_item_id": ticket.pk, "quantity": 3}]),
            ("RP003", paid.pk, [{"line_item_id": ticket.pk}]),
            ("RP003", paid.pk, [{"line_item_id": discount.pk}]),
            ("RP008", unpaid.pk, [{"line_item_id": unpaid.lines.get().pk}]),
        ]
        for code, invoice_id, items in cases:
            with self.subTest(code, items=items), self.assertRaises(ValidationError) as caught:
                call("return_items", invoice_id=invoice_id, items=json.dumps(items))
            self.assertEqual(caught.exception.code, code)
        # What no form of ours sends is a mistake of the code's.
        for items in "{}", "[]", '[{"line_item_id": 1.5}]', '[{"line": 1}]':
            with self.subTest(items), self.assertRaises(DataError) as caught:
                call("return_items", invoice_id=paid.pk, items=items)
            cause = caught.exception.__cause__
            self.assertEqual(getattr(cause, "sqlstate", None) or cause.pgcode, "22023")
        self.assertEqual(self.fresh(paid).status, "paid")
        self.assertEqual(call("available_credit", attendee_id=attendee.pk), 0)

    def test_a_successor_is_one(self):
        """Which invoice it replaces is the engine's to say."""
        attendee = self.attendee()
        old, other = self.manual(attendee, ("Ticket", 2, "100.00")), self.invoice(attendee)
        self.give_back(old, 1)
        new = self.fresh(old).replaced_by
        for invoice, replaces in (new, None), (other, old):
            with self.assertRaises(ValidationError) as caught:
                with ledger_errors(), transaction.atomic(using="owner"):
                    Invoice.objects.using("owner").filter(pk=invoice.pk).update(replaces=replaces)
            self.assertEqual(caught.exception.code, "RP011")

    def test_substitution(self):
        """A workshop for another: the new invoice takes the note, all in one transaction."""
        attendee = self.attendee()
        old = self.manual(attendee, ("Ticket", 1, "640.00"), ("Tutorial", 1, "75.00"))
        with transaction.atomic():
            self.give_back(old, 0, 1)
            cart_id = call("current_cart", attendee_id=attendee.pk)
            workshop = self.product("90.00")
            call("set_quantity", cart_id=cart_id, product_id=workshop.pk, quantity=1)
            invoice_id = call("invoice_cart", cart_id=cart_id)
        self.assertEqual(self.fresh(old).replaced_by.value, 640)
        new = self.fresh(invoice_id)
        self.assertEqual((new.status, new.value, new.paid, new.due), ("unpaid", 90, 75, 15))
        self.assertEqual(call("available_credit", attendee_id=attendee.pk), 0)

    def test_charge_credit_note(self):
        attendee = self.attendee()
        note = self.note(attendee)
        lines = [{"description": "Fee", "price": "12.50"}, {"description": "Bag", "price": 5}]
        with self.assertRaises(ValidationError) as caught:
            call(
                "charge_credit_note",
                credit_note_id=note,
                lines=json.dumps([*lines, {"description": "More", "price": "82.51"}]),
            )
        self.assertEqual(caught.exception.code, "RP003")
        self.assertEqual(self.state(note), "unclaimed")
        charge = {"credit_note_id": note, "lines": json.dumps(lines), "due": timedelta(days=7)}
        charged = self.fresh(call("charge_credit_note", **charge))
        self.assertEqual((charged.status, charged.value), ("paid", Decimal("17.50")))
        self.assertEqual(charged.due_time - charged.issue_time, timedelta(days=7))
        self.assertEqual(self.lines(charged), [("Fee", 1, Decimal("12.50")), ("Bag", 1, 5)])
        self.assertEqual(self.state(note), "applied")
        self.assertEqual(call("available_credit", attendee_id=attendee.pk), Decimal("82.50"))
        with self.assertRaises(ValidationError) as caught:
            call("charge_credit_note", **charge)
        self.assertEqual(caught.exception.code, "RP006")

    def test_access_code(self):
        attendee = self.attendee()
        invoice = self.invoice(attendee)
        code = attendee.access_code
        self.assertEqual(call("invoice_for_access_code", access_code=code), invoice.pk)
        self.assertIs(call("can_view", invoice_id=invoice.pk, access_code=code), True)
        self.assertIs(call("can_view", invoice_id=invoice.pk, user_id=attendee.user_id), True)
        self.assertIs(call("can_view", invoice_id=invoice.pk, access_code="wrong"), False)
        new = call("rotate_access_code", attendee_id=attendee.pk)
        self.assertIs(call("can_view", invoice_id=invoice.pk, access_code=code), False)
        self.assertIs(call("can_view", invoice_id=invoice.pk, access_code=new), True)


class MinorUnitTests(SimpleTestCase):
    def test_currencies(self):
        for decimals, expected in (2, "149.00"), (0, "14900"), (3, "14.900"):
            with override_settings(CURRENCY_DECIMALS=decimals):
                self.assertEqual(str(from_minor_units(14900)), expected)


class DriverTests(LedgerTests, TransactionTestCase):
    def test_django_takes_psycopg_3(self):
        """From 4.2 on, where test/django/run does not hide it."""
        driver = os.environ.get("DRIVER") or ("psycopg" if django.VERSION >= (4, 2) else "psycopg2")
        for each in connections.all():
            each.ensure_connection()
            self.assertEqual(type(each.connection).__module__.split(".")[0], driver)


class ErrorTests(LedgerTests, TransactionTestCase):
    """Through Django, and on connections of both drivers of our own."""

    def drivers(self):
        """How to run a statement on each, as the site's role."""

        def by_django(sql, params=None):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql, params)

        parameters = {
            "host": connection.settings_dict["HOST"],
            "port": connection.settings_dict["PORT"] or None,
            "dbname": connection.settings_dict["NAME"],
            "user": connection.settings_dict["USER"],
        }
        yield "Django", by_django
        for driver in psycopg2, psycopg:
            session = driver.connect(**parameters)

            def by_driver(sql, params=None):
                try:
                    session.cursor().execute(sql, params)
                finally:
                    session.rollback()

            with self.subTest(driver.__name__):
                yield driver.__name__, by_driver
            session.close()

    def assertTranslated(self, execute, sql, params, code, words):
        with self.assertRaises(ValidationError) as caught:
            with ledger_errors():
                execute(sql, params)
        self.assertEqual(caught.exception.code, code)
        self.assertEqual(caught.exception.messages, [words])

    def test_class_rp_is_a_validation_error(self):
        invoice = self.invoice(self.attendee())
        call("pay", invoice_id=invoice.pk, amount=100, reference="card")
        user, pk = self.user().pk, invoice.pk
        names = []
        for name, execute in self.drivers():
            names.append(name)
            self.assertTranslated(
                execute,
                "SELECT regpaydb.validate_allowed_to_pay(invoice_id => %s)",
                [pk],
                "RP001",
                f"Invoice {pk} can't be paid. It is paid. Nothing more is due.",
            )
            self.assertTranslated(
                execute,
                "SELECT regpaydb.balance_due(invoice_id => %s)",
                [2**62],
                "RP002",
                f"There is no invoice {2**62}. It does not exist in this ledger, or may not be viewed."
                " Please check the address or the number.",
            )
            self.assertTranslated(
                execute,
                "SELECT regpaydb.pay(invoice_id => %s, amount => %s, reference => %s)",
                [pk, Decimal("0.001"), "card"],
                "RP003",
                "Amount has more than two decimals. Amounts are never rounded silently,"
                " and the conference's currency has two decimals. Round the amount first.",
            )
            self.assertTranslated(
                execute,
                "SELECT regpaydb.record_manual_payment("
                "invoice_id => %s, amount => %s, reference => %s, entered_by => %s)",
                [pk, Decimal("1.00"), "cheque", user],
                "RP010",
                f"User {user} is not staff. Only the users in the table staff enter this."
                " Please ask an administrator to add you to the staff.",
            )
        self.assertEqual(names, ["Django", "psycopg2", "psycopg"])

    def test_a_bad_moment_is_told_from_a_mistake(self):
        for name, execute in self.drivers():
            for code in "40001", "40P01":
                self.assertTranslated(
                    execute,
                    f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}', HINT = 'y'; END $$",
                    None,
                    code,
                    "Somebody else was changing the same at that moment. Nothing was done."
                    " Please try again.",
                )

    def test_no_privilege_is_permission_denied(self):
        for name, execute in self.drivers():
            for sql in (
                "UPDATE regpaydb.invoice SET paid = value",
                "DELETE FROM regpaydb.payment",
                "INSERT INTO regpaydb.credit_note (attendee_id, value) VALUES (1, 1)",
                "SELECT regpaydb.create_ledger('mine')",
            ):
                with self.assertRaises(PermissionDenied, msg=name):
                    with ledger_errors():
                        execute(sql)

    def test_other_errors_are_left_alone(self):
        invoice_id = self.invoice(self.attendee()).pk
        insert = "INSERT INTO regpaydb.payment (invoice_id, amount) VALUES (%s, %s)"
        for name, execute in self.drivers():
            for params, code in [((invoice_id, 0), "23514"), ((2**62, 1), "23503")]:
                with self.assertRaises((DatabaseError, psycopg2.Error, psycopg.Error)) as caught:
                    with ledger_errors():
                        execute(insert, params)
                cause = caught.exception.__cause__ or caught.exception
                self.assertEqual(getattr(cause, "sqlstate", None) or cause.pgcode, code, name)
            # A ledger that is not there is no mistake of the user's.
            with self.assertRaises((DatabaseError, psycopg2.Error, psycopg.Error)):
                with ledger_errors():
                    execute(
                        "SELECT set_config('regpaydb.ledger', 'elsewhere', true);"
                        "SELECT regpaydb.balance_due(invoice_id => 1)"
                    )
        self.assertIsNone(translate(ValueError("not the database's")))

    def test_a_transaction_goes_on_after_an_error(self):
        invoice = self.invoice(self.attendee())
        with transaction.atomic():
            with self.assertRaises(ValidationError):
                call("pay", invoice_id=invoice.pk, amount=0, reference="card")
            call("pay", invoice_id=invoice.pk, amount=100, reference="card")
        self.assertEqual(self.fresh(invoice).status, "paid")
