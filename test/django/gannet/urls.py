from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path, register_converter
from django.urls.converters import IntConverter

from . import views


class BigintConverter(IntConverter):
    regex = "[0-9]{1,18}"  # more would not fit


register_converter(BigintConverter, "bigint")

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", LoginView.as_view(template_name="login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("cart/", views.change_cart, name="change_cart"),
    path("new-access-url/", views.new_access_url, name="new_access_url"),
    # Whoever has the code may view and pay; no login.
    path("invoice/<slug:access_code>/", views.invoice, name="invoice"),
    path("invoice/<slug:access_code>/<bigint:invoice_id>/", views.invoice, name="invoice"),
    path("invoice/<slug:access_code>/<bigint:invoice_id>/pay/", views.pay, name="pay"),
    path("webhooks/stripe/", views.stripe_webhook, name="stripe_webhook"),
    path("staff/", views.staff_home, name="staff_home"),
    path("staff/refunds/", views.staff_refunds, name="staff_refunds"),
    path("staff/refunds/<bigint:refund_id>/done/", views.refund_is_done, name="refund_is_done"),
    path(
        "staff/invoice/<bigint:invoice_id>/",
        include(
            [
                path("", views.staff_invoice, name="staff_invoice"),
                path("payment/", views.record_payment, name="record_payment"),
                path("refund/", views.refund, name="refund"),
                path("void/", views.void, name="void"),
                path("change/", views.change_registration, name="change_registration"),
                path("apply/<bigint:credit_note_id>/", views.apply_note, name="apply_note"),
                path("ask-platform/<bigint:credit_note_id>/", views.ask_platform, name="ask_platform"),
                path("cash-out/<bigint:credit_note_id>/", views.cash_out, name="cash_out"),
                path("fee/<bigint:credit_note_id>/", views.charge_fee, name="charge_fee"),
            ]
        ),
    ),
]
