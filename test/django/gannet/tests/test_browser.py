"""People at work, in a real browser, without JavaScript."""
import os
import time

from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.urls import reverse

from gannet.ledger import call
from gannet.models import CreditNote

from .base import LedgerTests
from .browser import Browser


class BrowserTests(LedgerTests, StaticLiveServerTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.browser.command("DELETE", "/cookie")
        self.ada = self.attendee("Ada Brandt\nKestrel Instruments Pty Ltd\nHobart")

    def open(self, name, *args):
        self.browser.open(self.live_server_url + reverse(name, args=args))

    def log_in(self, user):
        user.set_password("secret")
        user.save()
        self.open("login")
        self.browser.type("username", user.username)
        self.browser.type("password", "secret")
        self.browser.press("Log in")
        self.assertSees(f"Log out {user}", "//header")

    def assertSees(self, words, where="//main"):
        """At last: after a click the old page may still be there for a moment."""
        end = time.monotonic() + 20
        while True:
            try:
                return self.assertIn(words, self.browser.text(where))
            except AssertionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def assertStatus(self, status):
        self.assertSees(status, "//h1/*[contains(@class, 'status')]")

    def look(self, name):
        """For developers: with SHOTS=folder, what the page looks like."""
        if folder := os.environ.get("SHOTS"):
            self.browser.screenshot(f"{folder}/{name}.png")

    def test_an_employer_pays(self):
        invoice = self.invoice(self.ada, "1240.00")
        self.open("invoice", self.ada.access_code)
        self.assertSees("Kestrel Instruments Pty Ltd")
        self.assertSees("Professional ticket")
        self.assertStatus("Unpaid")
        self.look("employer-unpaid")
        self.browser.press("Pay AUD 1240.00")
        self.assertStatus("Paid")
        self.assertSees("Thank you. The payment has arrived.")
        self.assertSees(f"Demo payment {invoice.pk}")
        self.look("employer-paid")
        self.assertEqual(self.fresh(invoice).status, "paid")

    def test_a_page_from_before_the_payment(self):
        """Somebody else pays while the employer looks at the page."""
        invoice = self.invoice(self.ada)
        self.open("invoice", self.ada.access_code)
        call("pay", invoice_id=invoice.pk, amount=100, reference="card")
        self.browser.press("Pay AUD 100.00")
        self.assertSees(f"Invoice {invoice.pk} can't be paid. It is paid. Nothing more is due.")
        self.look("paid-twice")
        self.assertEqual(self.fresh(invoice).payments.count(), 1)

    def test_a_stranger_sees_nothing(self):
        invoice = self.invoice(self.ada)
        for args in (["AAAABBBBCCCCDDDD"], ["AAAABBBBCCCCDDDD", invoice.pk]):
            self.open("invoice", *args)
            self.assertSees("There is nothing here")
            self.assertNotIn("Ada", self.browser.text("//body"))
        self.look("stranger")
        self.open("staff_invoice", invoice.pk)
        self.assertSees("Log in")

    def test_an_attendee_registers(self):
        product = self.product(stock=3)
        user = self.user()
        self.log_in(user)
        self.browser.type("recipient", "Ben Okafor\n1 Harbour Road\nHobart", "//main//form")
        self.browser.type("email", "ben@example.org", "//main//form")
        self.look("register")
        self.browser.press("Register")
        self.browser.type(str(product.pk), "4")
        self.browser.press("Save")
        self.assertSees("Only 3 of")
        self.look("home-error")
        self.browser.type(str(product.pk), "1")
        self.browser.press("Save")
        self.assertSees("This is reserved for you for a while.")
        self.browser.press("Save and make an invoice")
        self.assertSees("Here is your invoice.")
        self.look("home")
        self.browser.press("Invoice ")
        self.assertStatus("Unpaid")
        self.browser.press("Pay AUD 640.00")
        self.assertStatus("Paid")

    def test_an_attendee_takes_back_her_access_url(self):
        self.invoice(self.ada)
        self.log_in(self.ada.user)
        old = self.live_server_url + reverse("invoice", args=[self.ada.access_code])
        self.assertSees(old)
        self.browser.press("Make a new address, and end this one")
        self.assertSees("You have a new access URL.")
        self.assertNotIn(old, self.browser.text())
        self.look("home-new-address")
        self.browser.open(old)
        self.assertSees("There is nothing here")

    def test_staff(self):
        first, second = self.invoice(self.ada, "1240.00"), self.invoice(self.ada, "75.00", "Dinner")
        staff = self.staff()
        self.log_in(staff)
        self.browser.press("Staff", "//header")
        self.look("staff-home")
        self.browser.type("number", str(first.pk))
        self.browser.press("Open")
        self.browser.type("amount", "1240.00")
        self.browser.type("reference", "Transfer NB 260304", "//form[.//*[@name='amount']]")
        self.browser.press("Record payment")
        self.assertSees("The payment is recorded.")
        self.assertStatus("Paid")
        self.browser.type("reason", "Can't travel", "//form[.//*[@name='reason']]")
        self.look("staff-paid")
        self.browser.press("Refund 1240.00 to a credit note")
        self.assertStatus("Refunded")
        self.assertSees(f"Refunded by {staff}: Can't travel")
        self.assertSees("AUD 1240.00")
        self.look("staff-refunded")

        self.open("staff_invoice", second.pk)
        self.look("staff-apply")
        self.browser.press("Apply to this invoice")
        self.assertSees("The credit note is applied.")
        self.assertStatus("Paid")
        self.assertSees("AUD 1165.00")

        self.browser.press("Keep a cancellation fee")
        self.assertSees("AUD 1048.50")
        self.browser.type("reference", "Back to NB", "//article//form")
        self.browser.press("Cash out")
        self.assertSees("The credit note is cashed out.")
        self.look("staff-cashed-out")
        self.assertEqual(
            sorted(
                CreditNote.objects.using("owner")
                .filter(attendee=self.ada)
                .values_list("value", "state")
            ),
            [(1048.50, "refunded"), (1165, "applied"), (1240, "applied")],
        )

    def test_an_attendee_is_no_staff(self):
        self.log_in(self.ada.user)
        self.assertNotIn("Staff", self.browser.text("//header"))
        self.open("staff_home")
        self.assertSees("You may not do this")
        self.look("not-staff")
