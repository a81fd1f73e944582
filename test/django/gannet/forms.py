from django import forms

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
        max_digits=14, decimal_places=2, help_text="A negative amount is a refund."
    )
    reference = forms.CharField(
        max_length=1000, help_text="As on the bank statement or the cheque."
    )


class CashOutForm(forms.Form):
    reference = forms.CharField(max_length=1000, label="Reference of the transfer")


class FeeForm(forms.Form):
    percentage = forms.DecimalField(
        min_value=0, max_value=100, max_digits=5, decimal_places=2, label="Fee in percent"
    )
