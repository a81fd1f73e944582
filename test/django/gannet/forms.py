from uuid import uuid4

from django import forms
from django.conf import settings

from .models import Attendee


class AttendeeForm(forms.ModelForm):
    class Meta:
        model = Attendee
        fields = ["recipient", "email"]
        widgets = {"recipient": forms.Textarea(attrs={"rows": 3})}


class CartForm(forms.Form):
    """A number for each product."""

    def __init__(self, *args, products, quantities, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        for product in products:
            self.fields[str(product.pk)] = forms.IntegerField(
                label=f"{product.name}, {product.price}",
                min_value=0,
                max_value=1000,
                initial=quantities.get(product.pk, 0),
            )


class ManualPaymentForm(forms.Form):
    amount = forms.DecimalField(
        max_digits=12 + settings.CURRENCY_DECIMALS,
        decimal_places=settings.CURRENCY_DECIMALS,
        help_text="A negative amount is a refund that was made outside of this site.",
    )
    reference = forms.CharField(
        max_length=1000, help_text="As on the bank statement or the cheque."
    )
    # One for each page that shows the form, so that a double click is one payment.
    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=1000, required=False, label="Reason, which the attendee may see"
    )


class ChangeForm(ReasonForm):
    """How many of each line of an invoice are returned, for which fee, and what comes instead."""

    fee = forms.DecimalField(
        min_value=0,
        max_digits=12 + settings.CURRENCY_DECIMALS,
        decimal_places=settings.CURRENCY_DECIMALS,
        required=False,
        help_text="Kept of what the attendee gets back.",
    )

    def __init__(self, *args, lines, products, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        self.lines, self.products = list(lines), list(products)
        for line in self.lines:
            self.add_number(f"line_{line.pk}", line.description, line.quantity)
        for product in self.products:
            self.add_number(f"product_{product.pk}", product.name, 1000)

    def add_number(self, name, label, max_value):
        self.fields[name] = forms.IntegerField(
            label=label, min_value=0, max_value=max_value, initial=0, required=False
        )

    def line_rows(self):
        return [(line, self[f"line_{line.pk}"]) for line in self.lines]

    def product_rows(self):
        return [(product, self[f"product_{product.pk}"]) for product in self.products]

    def items(self):
        """As return_items() takes them."""
        quantities = [(line.pk, self.cleaned_data.get(f"line_{line.pk}")) for line in self.lines]
        return [{"line_item_id": pk, "quantity": many} for pk, many in quantities if many]

    def instead(self):
        """As set_quantity() takes them."""
        taken = {each.pk: self.cleaned_data.get(f"product_{each.pk}") for each in self.products}
        return {pk: quantity for pk, quantity in taken.items() if quantity}

    def clean(self):
        super().clean()
        if not self.errors and not self.items():
            raise forms.ValidationError("Please say what is returned.")


class CashOutForm(forms.Form):
    reference = forms.CharField(max_length=1000, label="Reference of the transfer")
    platform_ref = forms.CharField(
        max_length=200, required=False, label="The payment platform's number, if it paid"
    )


class FeeForm(forms.Form):
    percentage = forms.DecimalField(
        min_value=0, max_value=100, max_digits=5, decimal_places=2, label="Fee in percent"
    )
