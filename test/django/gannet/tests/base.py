import json
from datetime import timedelta
from itertools import count

from django.contrib.auth.models import User
from django.db import connections

from gannet.ledger import call
from gannet.models import Attendee, Category, Invoice, Product, Staff

numbers = count(1)


class LedgerTests:
    """
    For a TransactionTestCase: concurrency needs real transactions. What they
    leave in the ledger stays there, append-only as it is, so every test has
    attendees and products of its own.
    """

    databases = {"default", "owner", "refunds", "worker"}

    def tearDown(self):
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT * FROM regpaydb.check_integrity()")
            self.assertEqual(cursor.fetchall(), [])
        super().tearDown()

    def user(self):
        return User.objects.create_user(f"user{next(numbers)}")

    def staff(self):
        user = self.user()
        Staff.objects.using("owner").create(user_id=user.pk)
        return user

    def attendee(self, recipient="Ada Brandt"):
        user = self.user()
        attendee = Attendee(user_id=user.pk, recipient=recipient, email=f"{user}@example.org")
        attendee.save(using="owner")
        attendee.refresh_from_db(using="owner")
        attendee.user = user
        return attendee

    def invoice(self, attendee, price="100.00", description="Professional ticket"):
        lines = [{"description": description, "price": price}]
        pk = call(
            "manual_invoice",
            attendee_id=attendee.pk,
            due=timedelta(days=30),
            lines=json.dumps(lines),
        )
        return self.fresh(pk)

    def manual(self, attendee, *lines):
        """A paid invoice of lines that are (description, quantity, price)."""
        names = ("description", "quantity", "price")
        invoice = self.fresh(
            call(
                "manual_invoice",
                attendee_id=attendee.pk,
                due=timedelta(days=30),
                lines=json.dumps([dict(zip(names, line)) for line in lines]),
            )
        )
        if invoice.due:
            call("pay", invoice_id=invoice.pk, amount=invoice.due, reference="card")
        return self.fresh(invoice)

    def fresh(self, invoice):
        return Invoice.objects.using("owner").get(pk=getattr(invoice, "pk", invoice))

    def category(self, name, stock=None, required=False):
        category = Category.objects.using("owner").create(name=name, required=required)
        with connections["owner"].cursor() as cursor:  # no column of the site's model
            cursor.execute(
                "UPDATE regpaydb.category SET stock = %s WHERE category_id = %s",
                [stock, category.pk],
            )
        return category

    def product(self, price="640.00", stock=None, category=None, name="Professional"):
        category = category or self.category("Ticket")
        return Product.objects.using("owner").create(
            category=category, name=f"{name} {next(numbers)}", price=price, stock=stock
        )

    def fill(self, attendee, quantities):
        """Her cart."""
        cart_id = call("current_cart", attendee_id=attendee.pk)
        for product, quantity in quantities.items():
            call("set_quantity", cart_id=cart_id, product_id=product.pk, quantity=quantity)
        return cart_id

    def bought(self, attendee, quantities):
        """A paid invoice of products."""
        invoice = self.fresh(call("invoice_cart", cart_id=self.fill(attendee, quantities)))
        if invoice.due:
            call("pay", invoice_id=invoice.pk, amount=invoice.due, reference="card")
        return self.fresh(invoice)
