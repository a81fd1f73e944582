"""
The ledger's tables as unmanaged models, and the site's own tables beside them.

Read the ledger with these models; change it with the functions (ledger.py).
Rows that a function or a trigger changed need refresh_from_db().
"""
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


def ledger_table(name):
    # Django quotes the whole name, so this becomes "regpaydb"."name".
    return 'regpaydb"."' + name


def money_field():
    decimals = settings.CURRENCY_DECIMALS
    return models.DecimalField(max_digits=12 + decimals, decimal_places=decimals)


class Conference(models.Model):
    only_row = models.BooleanField(primary_key=True, default=True)
    name = models.TextField()
    currency = models.TextField()

    class Meta:
        managed = False
        db_table = ledger_table("conference")


class Attendee(models.Model):
    attendee_id = models.BigAutoField(primary_key=True)
    # Not a foreign key: the ledger keeps an attendee's money when the site
    # deletes the user.
    user_id = models.BigIntegerField(unique=True)
    recipient = models.TextField(_("name and address"), max_length=10000)
    email = models.EmailField(max_length=1000)
    # Where none is given, the database makes one.
    access_code = models.TextField(null=True, editable=False)

    class Meta:
        managed = False
        db_table = ledger_table("attendee")


class Staff(models.Model):
    user_id = models.BigIntegerField(primary_key=True)

    class Meta:
        managed = False
        db_table = ledger_table("staff")


class Category(models.Model):
    category_id = models.BigAutoField(primary_key=True)
    name = models.TextField()
    required = models.BooleanField(default=False)
    limit_per_attendee = models.IntegerField(null=True)
    display_order = models.IntegerField(default=0)

    class Meta:
        managed = False
        db_table = ledger_table("category")


class Product(models.Model):
    product_id = models.BigAutoField(primary_key=True)
    category = models.ForeignKey(Category, models.DO_NOTHING)
    name = models.TextField()
    price = money_field()
    stock = models.IntegerField(null=True)
    display_order = models.IntegerField(default=0)

    class Meta:
        managed = False
        db_table = ledger_table("product")


class Cart(models.Model):
    class Status(models.TextChoices):
        ACTIVE = "active"
        PAID = "paid"
        RELEASED = "released"

    cart_id = models.BigAutoField(primary_key=True)
    attendee = models.ForeignKey(Attendee, models.DO_NOTHING)
    # An enum column: Django sends text, PostgreSQL makes the enum of it.
    status = models.TextField(choices=Status.choices)
    revision = models.IntegerField()

    class Meta:
        managed = False
        db_table = ledger_table("cart")


class CartItem(models.Model):
    cart_item_id = models.BigAutoField(primary_key=True)
    cart = models.ForeignKey(Cart, models.DO_NOTHING, related_name="items")
    product = models.ForeignKey(Product, models.DO_NOTHING)
    quantity = models.IntegerField()

    class Meta:
        managed = False
        db_table = ledger_table("cart_item")


class Invoice(models.Model):
    class Status(models.TextChoices):
        UNPAID = "unpaid"
        PAID = "paid"
        REFUNDED = "refunded"
        VOID = "void"

    invoice_id = models.BigAutoField(primary_key=True)
    attendee = models.ForeignKey(Attendee, models.DO_NOTHING, related_name="invoices")
    cart = models.ForeignKey(Cart, models.DO_NOTHING, null=True)
    status = models.TextField(choices=Status.choices)
    recipient = models.TextField()
    issue_time = models.DateTimeField()
    due_time = models.DateTimeField()
    value = money_field()
    paid = money_field()
    # Users who did it, and why: NULL where there was no actor, such as in the
    # webhook or for the holder of an access code.
    issued_by = models.BigIntegerField(null=True)
    closed_by = models.BigIntegerField(null=True)
    closed_reason = models.TextField(null=True)
    # That of which something was returned; what remained of it is on this one.
    replaces = models.OneToOneField(
        "self", models.DO_NOTHING, null=True, db_column="replaces", related_name="replaced_by"
    )

    class Meta:
        managed = False
        db_table = ledger_table("invoice")

    @property
    def due(self):
        """The same as regpaydb.balance_due(), without a query."""
        return self.value - (self.paid if self.status == self.Status.UNPAID else self.value)


class LineItem(models.Model):
    line_item_id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, models.DO_NOTHING, related_name="lines")
    description = models.TextField()
    quantity = models.IntegerField()
    price = money_field()

    class Meta:
        managed = False
        db_table = ledger_table("line_item")

    @property
    def total(self):
        return self.quantity * self.price


class Payment(models.Model):
    class Kind(models.TextChoices):
        PAYMENT = "payment", _("Payment")
        MANUAL = "manual", _("Payment entered by staff")
        REVERSAL = "reversal", _("Taken back by the payment platform")
        CREDIT_NOTE = "credit_note", _("Moved to a credit note")
        CREDIT_APPLICATION = "credit_application", _("Paid by credit note")
        REFUND_FAILED = "refund_failed", _("Came back, as a refund failed")

    payment_id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, models.DO_NOTHING, related_name="payments")
    kind = models.TextField(choices=Kind.choices)
    time = models.DateTimeField()
    reference = models.TextField()
    amount = money_field()
    provider = models.TextField(null=True)
    provider_ref = models.TextField(null=True)
    entered_by = models.BigIntegerField(null=True)
    # The day on which it happened, as the bank says; time is when it was recorded.
    value_date = models.DateField(null=True)

    class Meta:
        managed = False
        db_table = ledger_table("payment")

    @property
    def title(self):
        if self.amount < 0 and self.kind in (self.Kind.PAYMENT, self.Kind.MANUAL):
            return _("Refund entered by staff")
        return self.get_kind_display()


class CreditNote(models.Model):
    class State(models.TextChoices):
        UNCLAIMED = "unclaimed"
        APPLIED = "applied"
        REFUNDED = "refunded"

    # The note is the negative payment that took the money off its invoice.
    payment = models.OneToOneField(
        Payment, models.DO_NOTHING, primary_key=True, db_column="credit_note_id"
    )
    attendee = models.ForeignKey(Attendee, models.DO_NOTHING, related_name="credit_notes")
    value = money_field()
    state = models.TextField(choices=State.choices)

    class Meta:
        managed = False
        db_table = ledger_table("credit_note")


class CreditNoteRefund(models.Model):
    class State(models.TextChoices):
        REQUESTED = "requested", _("On its way")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    credit_note_refund_id = models.BigAutoField(primary_key=True)
    credit_note = models.OneToOneField(CreditNote, models.DO_NOTHING, related_name="refund")
    time = models.DateTimeField()
    reference = models.TextField()
    entered_by = models.BigIntegerField(null=True)
    state = models.TextField(choices=State.choices)
    provider = models.TextField(null=True)
    provider_ref = models.TextField(null=True)
    closed_time = models.DateTimeField(null=True)
    closed_by = models.BigIntegerField(null=True)
    failure_reason = models.TextField(null=True)
    # By which the money of a failed one came back.
    returned_payment = models.OneToOneField(
        Payment, models.DO_NOTHING, null=True, related_name="failed_refund"
    )

    class Meta:
        managed = False
        db_table = ledger_table("credit_note_refund")


class CreditNoteRefundPart(models.Model):
    credit_note_refund_part_id = models.BigAutoField(primary_key=True)
    refund = models.ForeignKey(
        CreditNoteRefund,
        models.DO_NOTHING,
        db_column="credit_note_refund_id",
        related_name="refund_parts",  # "parts" is a column of the report
    )
    # What it goes back to; None for what goes some other way.
    payment = models.ForeignKey(Payment, models.DO_NOTHING, null=True)
    amount = money_field()

    class Meta:
        managed = False
        db_table = ledger_table("credit_note_refund_part")


class Reversal(models.Model):
    reversal_id = models.BigAutoField(primary_key=True)
    payment = models.ForeignKey(Payment, models.DO_NOTHING, related_name="reversals")
    provider = models.TextField()
    reversal_ref = models.TextField()
    time = models.DateTimeField()
    amount = money_field()
    # What of it was spent elsewhere already.
    loss = money_field()
    reversing_payment = models.OneToOneField(
        Payment, models.DO_NOTHING, null=True, related_name="reversal"
    )
    reference = models.TextField()
    entered_by = models.BigIntegerField(null=True)

    class Meta:
        managed = False
        db_table = ledger_table("reversal")


class Outbox(models.Model):
    outbox_id = models.BigAutoField(primary_key=True)
    time = models.DateTimeField()
    kind = models.TextField()
    invoice = models.ForeignKey(Invoice, models.DO_NOTHING, null=True, db_constraint=False)
    old_status = models.TextField(null=True, choices=Invoice.Status.choices)
    new_status = models.TextField(null=True, choices=Invoice.Status.choices)
    credit_note = models.ForeignKey(CreditNote, models.DO_NOTHING, null=True, db_constraint=False)
    entered_by = models.BigIntegerField(null=True)
    reversal = models.ForeignKey(Reversal, models.DO_NOTHING, null=True, db_constraint=False)

    class Meta:
        managed = False
        db_table = ledger_table("outbox")


# The site's own data about a payment: a table whose primary key is the payment's.
# Not model inheritance, which would insert into payment by itself; pay() does
# that, and then the row here is made in the same transaction.


class DemoPayment(models.Model):
    payment = models.OneToOneField(Payment, models.PROTECT, primary_key=True)
    paid_by = models.CharField(max_length=200)


class StripePayment(models.Model):
    payment = models.OneToOneField(Payment, models.PROTECT, primary_key=True)
    charge = models.JSONField()


# The same for a refund that staff made at the platform; since version 0.3 the ledger
# knows by itself what the platform calls it, so these are from before.


class PlatformRefund(models.Model):
    refund = models.OneToOneField(CreditNoteRefund, models.PROTECT, primary_key=True)
    platform_ref = models.CharField(max_length=200, unique=True)


class PlatformPart(models.Model):
    """What the platform answered to a part of a refund: made it, or why it did not."""

    part = models.OneToOneField(
        CreditNoteRefundPart, models.PROTECT, primary_key=True, related_name="platform"
    )
    platform_ref = models.CharField(max_length=200, unique=True, null=True)
    refusal = models.CharField(max_length=1000, default="")
