"""People at work, in a real browser, without JavaScript."""
import os

from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.core.management import call_command
from django.urls import reverse
from selenium import webdriver
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from gannet import platform
from gannet.ledger import call
from gannet.models import CreditNote

from .test_refunds import PlatformTests

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",  # no CDN
    "--remote-debugging-pipe",  # ends with the driver, however that ends
    "--window-size=1000,1300",
]
# The pages have to work without.
NO_JAVASCRIPT = {"profile.managed_default_content_settings.javascript": 2}


class BrowserTests(PlatformTests, StaticLiveServerTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        options = webdriver.ChromeOptions()
        options.add_experimental_option("prefs", NO_JAVASCRIPT)
        for argument in ARGUMENTS:
            options.add_argument(argument)
        # With the path of Debian's driver, selenium looks for no other to download.
        cls.browser = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        cls.addClassCleanup(cls.browser.quit)
        cls.browser.implicitly_wait(20)  # a new page may take a moment to come

    def setUp(self):
        super().setUp()
        self.browser.delete_all_cookies()
        self.ada = self.attendee("Ada Brandt\nKestrel Instruments Pty Ltd\nHobart")

    def find(self, xpath):
        return self.browser.find_element(By.XPATH, xpath)

    def text(self, where="//main"):
        return self.find(where).text

    def type(self, name, text, form="//form"):
        """Into the field of that name."""
        field = self.find(f"{form}//*[@name='{name}']")
        field.clear()
        field.send_keys(text)

    def press(self, words, where="//main"):
        """The first button or link there that has these words."""
        self.find(
            f"{where}//*[(self::button or self::a) and contains(normalize-space(), '{words}')]"
        ).click()

    def open(self, name, *args):
        self.browser.get(self.live_server_url + reverse(name, args=args))

    def log_in(self, user):
        user.set_password("secret")
        user.save()
        self.open("login")
        self.type("username", user.username)
        self.type("password", "secret")
        self.press("Log in")
        self.assertSees(f"Log out {user}", "//header")

    def assertSees(self, words, where="//main"):
        """
        At last: after a click the old page may still be there for a moment, or go while
        it is read, for which chromedriver has more than one error.
        """
        wait = WebDriverWait(self.browser, 20, 0.05, [WebDriverException])
        try:
            wait.until(lambda browser: words in self.text(where))
        except TimeoutException:
            self.assertIn(words, self.text(where))

    def assertStatus(self, status):
        self.assertSees(status, "//h1/*[contains(@class, 'status')]")

    def look(self, name):
        """For developers: with SHOTS=folder, what the page looks like."""
        if folder := os.environ.get("SHOTS"):
            self.browser.save_screenshot(f"{folder}/{name}.png")

    def test_an_employer_pays(self):
        invoice = self.invoice(self.ada, "1240.00")
        self.open("invoice", self.ada.access_code)
        self.assertSees("Kestrel Instruments Pty Ltd")
        self.assertSees("Professional ticket")
        self.assertStatus("Unpaid")
        self.look("employer-unpaid")
        self.press("Pay AUD 1240.00")
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
        self.press("Pay AUD 100.00")
        self.assertSees(f"Invoice {invoice.pk} can't be paid. It is paid. Nothing more is due.")
        self.look("paid-twice")
        self.assertEqual(self.fresh(invoice).payments.count(), 1)

    def test_a_stranger_sees_nothing(self):
        invoice = self.invoice(self.ada)
        for args in (["AAAABBBBCCCCDDDD"], ["AAAABBBBCCCCDDDD", invoice.pk]):
            self.open("invoice", *args)
            self.assertSees("There is nothing here")
            self.assertNotIn("Ada", self.text("//body"))
        self.look("stranger")
        self.open("staff_invoice", invoice.pk)
        self.assertSees("Log in")

    def test_an_attendee_registers(self):
        product = self.product(stock=3)
        user = self.user()
        self.log_in(user)
        self.type("recipient", "Ben Okafor\n1 Harbour Road\nHobart", "//main//form")
        self.type("email", "ben@example.org", "//main//form")
        self.look("register")
        self.press("Register")
        self.type(str(product.pk), "4")
        self.press("Save")
        self.assertSees("Only 3 of")
        self.look("home-error")
        self.type(str(product.pk), "1")
        self.press("Save")
        self.assertSees("This is reserved for you for a while.")
        self.press("Save and make an invoice")
        self.assertSees("Here is your invoice.")
        self.look("home")
        self.press("Invoice ")
        self.assertStatus("Unpaid")
        self.press("Pay AUD 640.00")
        self.assertStatus("Paid")

    def test_an_attendee_takes_back_her_access_url(self):
        self.invoice(self.ada)
        self.log_in(self.ada.user)
        old = self.live_server_url + reverse("invoice", args=[self.ada.access_code])
        self.assertSees(old)
        self.press("Make a new address, and end this one")
        self.assertSees("You have a new access URL.")
        self.assertNotIn(old, self.text())
        self.look("home-new-address")
        self.browser.get(old)
        self.assertSees("There is nothing here")

    def test_staff(self):
        first, second = self.invoice(self.ada, "1240.00"), self.invoice(self.ada, "75.00", "Dinner")
        staff = self.staff()
        self.log_in(staff)
        self.press("Staff", "//header")
        self.look("staff-home")
        self.type("number", str(first.pk))
        self.press("Open")
        self.type("amount", "1240.00")
        self.type("reference", "Transfer NB 260304", "//form[.//*[@name='amount']]")
        self.press("Record payment")
        self.assertSees("The payment is recorded.")
        self.assertStatus("Paid")
        self.type("reason", "Can't travel", "//form[.//*[@name='reason']]")
        self.look("staff-paid")
        self.press("Refund 1240.00 to a credit note")
        self.assertStatus("Refunded")
        self.assertSees(f"Refunded by {staff}: Can't travel")
        self.assertSees("AUD 1240.00")
        self.look("staff-refunded")

        self.open("staff_invoice", second.pk)
        self.look("staff-apply")
        self.press("Apply to this invoice")
        self.assertSees("The credit note is applied.")
        self.assertStatus("Paid")
        self.assertSees("AUD 1165.00")

        self.press("Keep a cancellation fee")
        self.assertSees("AUD 1048.50")
        self.type("reference", "Back to NB", "//article//form")
        self.type("platform_ref", f"re_{second.pk}", "//article//form")
        self.press("Cash out")
        self.assertSees("The credit note is cashed out.")
        self.look("staff-cashed-out")
        self.press("All invoices")
        self.press("Credit notes that are paid out")
        self.assertSees(f"Platform's number: re_{second.pk}")
        self.look("staff-refunds")
        self.assertEqual(
            sorted(
                CreditNote.objects.using("owner")
                .filter(attendee=self.ada)
                .values_list("value", "state")
            ),
            [(1048.50, "refunded"), (1165, "applied"), (1240, "applied")],
        )

    def test_staff_have_the_platform_pay_back(self):
        """Some of it came by the bank, where they have to pay it back themselves."""
        invoice = self.invoice(self.ada, "1240.00")
        charge = self.card(invoice, 1000)
        self.bank(invoice, 240)
        self.log_in(self.staff())
        self.open("staff_invoice", invoice.pk)
        self.press("Refund 1240.00 to a credit note")
        self.assertSees(f"1000.00 of {charge}, of which 1000.00 can go back")
        self.assertSees("240.00 of NB 7")
        self.look("staff-ask-platform")
        self.press("Pay back by the payment platform")
        self.assertSees("The payment platform is asked to pay it back.")
        self.open("staff_refunds")
        self.assertSees("On its way")
        self.assertSees("240.00 to NB 7, by hand")
        self.look("staff-refund-requested")
        self.assertNotIn("The rest is paid", self.text())
        call_command("send_refunds", once=True)
        self.open("staff_refunds")
        self.assertSees(f"1000.00 to {charge}: {platform.refunds()[0]['id']}")
        self.look("staff-refund-made")
        self.press("The rest is paid")
        self.assertSees("The refund is done.")
        self.assertSees("Done")
        self.look("staff-refund-done")

    def test_staff_change_a_registration(self):
        invoice = self.manual(
            self.ada, ("Professional ticket", 1, "1240.00"), ("Dinner", 2, "75.00")
        )
        ticket, dinner = (f"line_{line.pk}" for line in invoice.lines.order_by("pk"))
        self.log_in(self.staff())
        self.open("staff_invoice", invoice.pk)
        self.look("staff-return")
        self.press("Change this registration")
        self.press("Show what the attendee gets")
        self.assertSees("Please say what is returned.")
        self.type(dinner, "1", "//main//form")
        self.type("reason", "Her guest is ill", "//main//form")
        self.type("fee", "80", "//main//form")
        self.look("staff-change")
        self.press("Show what the attendee gets")
        self.assertSees("The attendee gets 75.00 back, which is less than the fee.")
        self.look("staff-change-error")
        self.type("fee", "10", "//main//form")
        self.press("Show what the attendee gets")
        self.assertSees("Total, which is paid 1315.00")
        self.assertSees("Dinner 1 75.00 75.00")
        self.assertSees("Reason, which the attendee may see: Her guest is ill")
        self.assertSees("Left over, as credit 65.00")
        self.look("staff-change-preview")
        self.assertEqual(self.fresh(invoice).status, "paid")

        self.press("Choose again")
        self.assertSees("Change this registration", "//h1")
        self.type("fee", "7.50", "//main//form")
        self.press("Show what the attendee gets")
        self.assertSees("Left over, as credit 67.50")
        self.press("Change the registration")
        self.assertSees("The registration is changed.")
        self.assertStatus("Paid")
        self.assertSees(f"It replaces invoice {invoice.pk}.")
        self.assertSees("AUD 67.50")
        self.look("staff-successor")
        self.press(f"invoice {invoice.pk}")
        self.assertStatus("Refunded")
        self.assertSees("Her guest is ill")
        successor = self.fresh(invoice).replaced_by
        self.assertSees(f"It is replaced by invoice {successor.pk}.")
        self.look("staff-predecessor")
        # Who goes back to the page of before learns that it is done.
        self.open("change_registration", invoice.pk)
        self.type(ticket, "1", "//main//form")
        self.press("Show what the attendee gets")
        self.assertSees(f"Invoice {invoice.pk} is refunded.")

        self.open("invoice", self.ada.access_code, invoice.pk)
        self.press(f"invoice {successor.pk}")
        self.assertSees("Nothing more is due. Thank you.")
        self.look("attendee-successor")

    def test_staff_substitute(self):
        """A dinner for a tour, of which there is one, and a shirt."""
        ticket, dinner = self.product("640.00"), self.product("75.00", name="Dinner")
        tour = self.product("60.00", stock=1, name="Tour")
        shirt = self.product("25.00", stock=9, name="Shirt")
        invoice = self.bought(self.ada, {ticket: 1, dinner: 1})
        line = invoice.lines.get(price=75)
        ben = self.attendee("Ben Okafor")
        bens_cart = self.fill(ben, {tour: 1})
        self.log_in(self.staff())
        self.open("staff_invoice", invoice.pk)
        self.press("Change this registration")
        self.assertSees(f"{tour.name}\n60.00 0\n")
        self.assertSees(f"{dinner.name}\n75.00 any number")
        self.type(f"line_{line.pk}", "1", "//main//form")
        self.type(f"product_{tour.pk}", "1", "//main//form")
        self.type(f"product_{shirt.pk}", "1", "//main//form")
        self.type("fee", "5", "//main//form")
        self.look("staff-substitute")
        self.press("Show what the attendee gets")
        self.assertSees(f'"{tour.name}" is sold out.')
        self.look("staff-substitute-sold-out")
        self.assertEqual(self.fresh(invoice).status, "paid")

        call("set_quantity", cart_id=bens_cart, product_id=tour.pk, quantity=0)
        self.press("Show what the attendee gets")
        self.assertSees("Total, which is paid 640.00")
        self.assertSees(f"Ticket - {tour.name} 1 60.00 60.00")
        self.assertSees("Paid by credit 70.00")
        self.assertSees("To be paid 15.00")
        self.assertSees("What comes instead -70.00")
        self.assertSees("Left over, as credit 0.00")
        self.look("staff-substitute-preview")
        self.press("Choose again")
        self.assertSees("Change this registration", "//h1")
        self.type(f"product_{shirt.pk}", "0", "//main//form")
        self.press("Show what the attendee gets")
        self.assertSees("Left over, as credit 10.00")
        tour.price = "70.00"
        tour.save(using="owner")
        self.press("Change the registration")
        self.assertSees("It is not what you were shown: something has changed meanwhile.")
        self.assertSees("Left over, as credit 0.00")
        self.look("staff-substitute-again")
        self.press("Change the registration")
        self.assertSees("The registration is changed.")
        self.assertStatus("Paid")
        self.assertSees(f"It replaces invoice {invoice.pk}.")

        self.open("invoice", self.ada.access_code)
        self.assertSees(tour.name)
        self.assertSees("Paid by credit note")
        self.assertStatus("Paid")
        self.look("attendee-substitute")

    def test_staff_wait_for_the_cart(self):
        """What the attendee has in her own cart is not mixed with what she gets instead."""
        dinner, tour = self.product("75.00", name="Dinner"), self.product("60.00", name="Tour")
        invoice = self.bought(self.ada, {dinner: 1})
        self.fill(self.ada, {tour: 2})
        self.log_in(self.staff())
        self.open("change_registration", invoice.pk)
        self.assertSees("Nothing can be taken here as long as there is something in the attendee's")
        self.assertSees(f"2 × {tour.name}")
        self.assertNotIn("Left now", self.text())
        self.look("staff-substitute-cart")

    def test_an_attendee_is_no_staff(self):
        self.log_in(self.ada.user)
        self.assertNotIn("Staff", self.text("//header"))
        self.open("staff_home")
        self.assertSees("You may not do this")
        self.look("not-staff")
