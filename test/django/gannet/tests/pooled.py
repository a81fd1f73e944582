"""
What is different behind pgbouncer in transaction pooling: clients share server
connections. Not in a test_ file, because it needs one: run with PGBOUNCER_HOST.
"""
import re

from django.db import connection, transaction
from django.test import Client, TransactionTestCase
from django.urls import reverse

from gannet.ledger import set_actor

from .base import LedgerTests
from .test_site import actor, at_once

CLIENTS = 8  # more than pgbouncer has server connections
ROUNDS = 15


def backend():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


class PoolTests(LedgerTests, TransactionTestCase):
    def test_the_rig_would_see_a_leak(self):
        """A plain SET, which is what not to do, does go to another client."""

        def client(number):
            if number == 0:
                with connection.cursor() as cursor:
                    cursor.execute("SET regpaydb.user_id = '4711'")
            return [actor()[0] for _ in range(ROUNDS)]

        try:
            seen = at_once(CLIENTS, client)
            self.assertIn("4711", sum(seen[1:], []))
        finally:
            # Wash it off every server connection that pgbouncer may have.
            def wash(number):
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("SET regpaydb.user_id = ''")
                    cursor.execute("SELECT pg_sleep(0.2)")

            at_once(CLIENTS, wash)

    def test_no_actor_leaks(self):
        attendees = [self.attendee(f"Attendee {number}") for number in range(CLIENTS)]
        invoices = [self.invoice(attendee) for attendee in attendees]

        def visit(number):
            """One who logs in, one who has a code, by turns; what is left set between requests."""
            attendee, invoice = attendees[number], invoices[number]
            url = reverse("invoice", args=[attendee.access_code])
            stranger, browser = Client(), Client()
            browser.force_login(attendee.user)
            served, left = set(), set()
            for _ in range(ROUNDS):
                home = browser.get(reverse("home")).content.decode()
                self.assertEqual(re.findall(r">Invoice (\d+)<", home), [str(invoice.pk)])
                self.assertContains(stranger.get(url), f"Attendee {number}")
                left.add(actor())
                self.assertEqual(stranger.get(reverse("home")).status_code, 302)
                with transaction.atomic():
                    set_actor(attendee.user_id)
                    served.add(backend())
                    self.assertEqual(actor(), (str(attendee.user_id), ""))
            return served, left

        served, left = zip(*at_once(CLIENTS, visit))
        self.assertEqual(set.union(*left), {("", "")})
        # Only if they shared connections has this proved anything.
        self.assertLess(len(set.union(*served)), CLIENTS)
        self.assertTrue(any(one & other for one in served for other in served if one is not other))
