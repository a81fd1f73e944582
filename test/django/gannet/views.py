import hashlib
import hmac
import json
import re
import time
from datetime import timedelta
from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DEFAULT_DB_ALIAS, DataError, connection, transaction
from django.db.models import Func, IntegerField, OuterRef, Prefetch, Subquery
from django.forms import Form
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .forms import (
    AttendeeForm,
    CartForm,
    CashOutForm,
    ChangeForm,
    FeeForm,
    ManualPaymentForm,
    ReasonForm,
)
from .ledger import ADVICE, call, call_for_rows, from_minor_units, ledger_errors
from .middleware import without_actor
from .models import (
    Attendee,
    CartItem,
    Conference,
    CreditNote,
    CreditNoteRefund,
    DemoPayment,
    Invoice,
    Payment,
    Product,
    Staff,
    StripePayment,
)
from .platform import PROVIDER
from .refunds import (
    dispute_reinstated,
    dispute_withdrawn,
    is_by_hand,
    is_waited_for,
    paid_by_hand,
    parts_of,
    refund_event,
)

# For whoever is billed by staff.
TIME_TO_PAY = timedelta(days=1)


def conference(request):
    """Context processor: what every page may ask for."""
    return {"conference": Conference.objects.first, "is_staff": lambda: is_staff(request.user)}


def is_staff(user):
    return Staff.objects.filter(user_id=user.pk).exists()


def attempt(request, operation, done, form=None):
    """Does it, and tells the user how it went."""
    try:
        if form and not form.is_valid():
            raise ValidationError(
                [
                    f"{form.fields[name].label or name.capitalize()}: {error}"
                    for name, errors in form.errors.items()
                    for error in errors
                ]
            )
        operation()
    except ValidationError as error:
        for message in error.messages:
            messages.error(request, message)
    else:
        messages.success(request, done)


# ---- attendees ----


@login_required
@never_cache
def home(request):
    attendee = Attendee.objects.filter(user_id=request.user.pk).first()
    if attendee is None:
        form = AttendeeForm(request.POST or None, initial={"email": request.user.email})
        if form.is_valid():
            form.instance.user_id = request.user.pk
            register(form.instance)
            return redirect("home")
        return render(request, "register.html", {"form": form})
    return render(
        request,
        "home.html",
        {
            "attendee": attendee,
            "access_url": request.build_absolute_uri(invoice_url(attendee)),
            "credit": call("available_credit", attendee_id=attendee.pk),
            "invoices": attendee.invoices.order_by("-pk"),
            "cart": cart_form(attendee),
        },
    )


def register(attendee):
    # Not save(): the role may set these columns only, and the access code is
    # made by the database.
    with ledger_errors(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO regpaydb.attendee (user_id, recipient, email) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",  # the button was pressed twice
            [attendee.user_id, attendee.recipient, attendee.email],
        )


def my_attendee(request):
    return get_object_or_404(Attendee, user_id=request.user.pk)


def cart_form(attendee, data=None):
    items = CartItem.objects.filter(cart__attendee=attendee, cart__status="active")
    return CartForm(
        data,
        products=products(),
        quantities=dict(items.values_list("product", "quantity")),
    )


def products():
    return Product.objects.order_by("category__display_order", "display_order", "pk")


@login_required
@require_POST
def change_cart(request):
    attendee = my_attendee(request)
    form = cart_form(attendee, request.POST)
    check_out = "check_out" in request.POST

    @transaction.atomic  # all of the form or nothing
    def change():
        cart_id = call("current_cart", attendee_id=attendee.pk)
        for product_id in form.changed_data:
            call(
                "set_quantity",
                cart_id=cart_id,
                product_id=int(product_id),
                quantity=form.cleaned_data[product_id],
            )
        if check_out:
            call("invoice_cart", cart_id=cart_id)

    done = "Here is your invoice." if check_out else "This is reserved for you for a while."
    attempt(request, change, done, form)
    return redirect("home")


@login_required
@require_POST
def new_access_url(request):
    attendee = my_attendee(request)
    attempt(
        request,
        lambda: call("rotate_access_code", attendee_id=attendee.pk),
        "You have a new access URL. The old one does not work any more.",
    )
    return redirect("home")


# ---- whoever has the access URL, such as an employer ----


def invoice_url(attendee):
    return reverse("invoice", args=[attendee.access_code])


def invoice_or_404(access_code, invoice_id):
    # Asked with the code alone: this page is for who holds it. A logged-in user
    # could view more, but not under this URL.
    if not call("can_view", invoice_id=invoice_id, access_code=access_code):
        raise Http404
    return get_object_or_404(Invoice, pk=invoice_id)


@never_cache
def invoice(request, access_code, invoice_id=None):
    if invoice_id is None:
        try:
            invoice_id = call("invoice_for_access_code", access_code=access_code)
        except ValidationError:  # RP002: wrong code, or no invoice yet
            raise Http404
    return render(
        request,
        "invoice.html",
        {"invoice": invoice_or_404(access_code, invoice_id), "access_code": access_code},
    )


@require_POST
def pay(request, access_code, invoice_id):
    """A payment platform that always pays. A real one is asked where the comment says so."""
    invoice = invoice_or_404(access_code, invoice_id)  # asks can_view()

    @transaction.atomic
    def pay():
        call("validate_allowed_to_pay", invoice_id=invoice.pk)
        # A real platform is engaged here: it is sent the invoice's number, and the
        # request ends. What it answers is recorded as the webhook does it, with
        # record_payment(), for then the money has arrived.
        payment_id = call(  # the invoice is settled with it
            "pay", invoice_id=invoice.pk, amount=invoice.due, reference=f"Demo payment {invoice.pk}"
        )
        paid_by = request.user.get_username() or "access URL"
        DemoPayment.objects.create(payment_id=payment_id, paid_by=paid_by)

    attempt(request, pay, "Thank you. The payment has arrived.")
    return redirect("invoice", access_code, invoice_id)


# ---- the payment platform ----


def verified_event(request, tolerance=300):
    """The event that Stripe signed; ValueError if it is not Stripe's, or an old one."""
    pairs = request.headers.get("Stripe-Signature", "").split(",")
    pairs = [pair.partition("=")[::2] for pair in pairs]
    sent_at = dict(pairs).get("t", "")
    signed = sent_at.encode() + b"." + request.body
    expected = hmac.new(settings.STRIPE_WEBHOOK_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    # There are two signatures while the secret is being replaced.
    if not any(
        name == "v1" and hmac.compare_digest(value.encode(), expected.encode())
        for name, value in pairs
    ):
        raise ValueError("wrong signature")
    if abs(time.time() - int(sent_at)) > tolerance:
        raise ValueError("the signature is too old")
    return json.loads(request.body)


@csrf_exempt
@require_POST
@without_actor
def stripe_webhook(request):
    """
    Records what has happened to money once, however often, in whatever order and by how
    many servers it is announced.
    """
    try:
        event = verified_event(request)
        record = EVENTS.get(event["type"])
        if record is None:
            return HttpResponse("ignored")
        what = event["data"]["object"]
        if what["currency"].upper() != Conference.objects.get().currency:
            raise ValueError("not the conference's currency")
        record(what)
    except (DataError, KeyError, ValidationError, ValueError) as error:
        # Not Stripe's, no such invoice, a reference that stands for another payment, or
        # a dispute of a charge that was not announced yet. Stripe repeats the event for
        # some days, and shows the answer.
        return HttpResponseBadRequest(str(error))
    return HttpResponse("recorded")


@transaction.atomic
def record_charge(charge):
    # The money has arrived, whatever has become of the invoice. So not pay(), which
    # refuses an invoice that can't be paid any more. Again it returns the same id,
    # or raises RP009 if the reference stands for another invoice or amount.
    payment_id = call(
        "record_payment",
        invoice_id=charge["metadata"]["invoice_id"],
        amount=from_minor_units(charge["amount"]),
        reference=charge.get("receipt_number") or charge["id"],
        provider=PROVIDER,
        provider_ref=charge["id"],
    )
    StripePayment.objects.get_or_create(payment_id=payment_id, defaults={"charge": charge})


EVENTS = {
    "charge.succeeded": record_charge,
    "refund.created": refund_event,
    "refund.failed": refund_event,
    "charge.dispute.funds_withdrawn": dispute_withdrawn,
    "charge.dispute.funds_reinstated": dispute_reinstated,
}


# ---- staff ----


def staff_required(view):
    """
    The page's gate: the ledger's table staff says who is. What the page does is
    refused to others by the database itself (RP010), and what it shows is hidden
    from them by row security.
    """

    @wraps(view)
    def wrapper(request, *args, **kwargs):
        if not is_staff(request.user):
            raise PermissionDenied("This page is for staff.")
        return view(request, *args, **kwargs)

    return login_required(never_cache(wrapper))


def where_it_is(charge):
    """The money of a payment, by the number that the platform has for it, in words."""
    if re.fullmatch("[!-~]{1,200}", charge):
        return call("payment_summary", provider=PROVIDER, provider_ref=charge)


@staff_required
def staff_home(request):
    number, summary = request.GET.get("number", ""), None
    if number:
        if re.fullmatch("[0-9]{1,18}", number) and Invoice.objects.filter(pk=number).exists():
            return redirect("staff_invoice", int(number))
        summary = where_it_is(number)
        if not summary:
            messages.error(request, f"There is no invoice {number}.")
    return render(
        request,
        "staff_home.html",
        {
            "number": number,
            "summary": summary,
            "invoices": Invoice.objects.select_related("attendee").order_by("-pk")[:50],
            "notes": CreditNote.objects.filter(state="unclaimed")
            .select_related("attendee", "payment")
            .order_by("pk")[:50],
        },
    )


def username(column):
    """Of the user whose id is in that column. No join, as the site may have deleted the user."""
    return Subquery(User.objects.filter(pk=OuterRef(column)).values("username"))


@staff_required
def staff_invoice(request, invoice_id):
    payments = Payment.objects.annotate(by=username("entered_by")).order_by("pk")
    invoices = Invoice.objects.select_related("attendee").annotate(
        issuer=username("issued_by"), closer=username("closed_by")
    )
    invoice = get_object_or_404(
        invoices.prefetch_related(Prefetch("payments", payments)), pk=invoice_id
    )
    notes = invoice.attendee.credit_notes.filter(state="unclaimed").order_by("pk")
    return render(
        request,
        "staff_invoice.html",
        {
            "invoice": invoice,
            "notes": [(note, refund_sources(note)) for note in notes],
            "payment_form": ManualPaymentForm(
                auto_id="payment_%s", initial={"amount": invoice.due or None}
            ),
            "reason_form": ReasonForm(auto_id=False),
            "cash_out_form": CashOutForm(auto_id=False),
            "fee_form": FeeForm(auto_id=False, initial={"percentage": 10}),
        },
    )


def refund_sources(note):
    """To what a note's money can go back, and whether the platform can do it."""
    sources = call_for_rows("refund_sources", credit_note_id=note.pk)
    for source in sources:
        source["by_platform"] = source["provider"] == PROVIDER and source["refundable"] > 0
    return {"rows": sources, "by_platform": any(each["by_platform"] for each in sources)}


@staff_required
def staff_refunds(request):
    """A report of the ledger's, with what the site itself knows of a refund."""
    # The columns that are no fields of the model are attributes of what it returns.
    refunds = CreditNoteRefund.objects.raw(
        """
        SELECT report.*, username AS by,
            coalesce(report.provider_ref, platform_ref) AS platform_number
        FROM regpaydb.report_credit_note_refunds report
        LEFT JOIN gannet_platformrefund ON refund_id = credit_note_refund_id
        LEFT JOIN auth_user ON auth_user.id = entered_by
        ORDER BY credit_note_refund_id DESC LIMIT 100
        """
    )
    refunds = list(refunds)
    parts = list(parts_of([refund.pk for refund in refunds], DEFAULT_DB_ALIAS))
    for refund in refunds:
        refund.shares = [part for part in parts if part.refund_id == refund.pk]
        requested = refund.state == CreditNoteRefund.State.REQUESTED
        for part in refund.shares:
            part.by_hand = requested and is_by_hand(part)
            if part.platform_ref == refund.platform_number:
                refund.platform_number = None  # stands beside the part
        # The rest is for staff to pay, who then say so.
        refund.waits_for_staff = requested and not any(map(is_waited_for, refund.shares))
    return render(request, "staff_refunds.html", {"refunds": refunds})


@staff_required
@require_POST
def refund_is_done(request, refund_id):
    attempt(request, lambda: paid_by_hand(refund_id), "The refund is done.")
    return redirect("staff_refunds")


def staff_action(form_class, done):
    """Makes a view of a function that is given the form's data: does it, and returns to the invoice."""

    def decorate(operation):
        @wraps(operation)
        def view(request, invoice_id, **kwargs):
            form = form_class(request.POST)
            attempt(
                request,
                lambda: operation(request, invoice_id, **kwargs, **form.cleaned_data),
                done,
                form,
            )
            return redirect("staff_invoice", invoice_id)

        return staff_required(require_POST(view))

    return decorate


@staff_action(ManualPaymentForm, "The payment is recorded.")
def record_payment(request, invoice_id, amount, reference, token):
    # The token is the same when the button is pressed twice, and then so is the
    # payment. Who entered it is whom the request acts for.
    payment_id = call(
        "record_manual_payment",
        invoice_id=invoice_id,
        amount=amount,
        reference=reference,
        provider="manual form",
        provider_ref=str(token),
    )
    # Somebody went back to the page, and entered the next payment there.
    if Payment.objects.get(pk=payment_id).reference != reference:
        raise ValidationError("Another payment was recorded from this page. " + ADVICE["RP009"])


@staff_action(ReasonForm, "What was paid is a credit note now.")
def refund(request, invoice_id, reason):
    call("refund_invoice", invoice_id=invoice_id, reason=reason or None)


@staff_action(ReasonForm, "The invoice is void.")
def void(request, invoice_id, reason):
    call("void_invoice", invoice_id=invoice_id, reason=reason or None)


@staff_required
def change_registration(request, invoice_id):
    """
    Items are returned, and the others stay paid for; something else may come instead.
    In two steps: what comes of it is shown before it is done. It is done for that, too,
    as nothing else is as exact, but in a transaction that is rolled back.
    """
    invoice = get_object_or_404(Invoice, pk=invoice_id)
    form = ChangeForm(
        request.POST or None, lines=invoice.lines.order_by("pk"), products=products_with_stock()
    )
    confirmed, change = False, None
    if "edit" not in request.POST and form.is_valid():
        try:
            with transaction.atomic():
                change = change_items(invoice, form)
                # The button says what was shown: prices and credit may be others by now.
                confirmed = request.POST.get("confirm") == change["figures"]
                transaction.set_rollback(not confirmed)
        except ValidationError as error:
            form.add_error(None, error)
    if confirmed:
        messages.success(request, "The registration is changed." + what_is_due(change["new"]))
        return redirect("staff_invoice", (change["successor"] or change["new"] or invoice).pk)
    return render(
        request,
        "staff_change.html",
        {
            "invoice": invoice,
            "form": form,
            "change": change,
            "changed_meanwhile": change and "confirm" in request.POST,
            "in_cart": items_in_cart(invoice.attendee_id),
        },
    )


def products_with_stock():
    stock = Func("pk", function="regpaydb.available_stock", output_field=IntegerField())
    return products().annotate(available=stock)


def items_in_cart(attendee_id):
    items = CartItem.objects.filter(cart__attendee=attendee_id, cart__status="active")
    return items.select_related("product").order_by("pk")


def what_is_due(invoice):
    if not invoice or not invoice.due:
        return ""
    return f" {invoice.due} is to be paid on invoice {invoice.pk}: please tell the attendee."


def change_items(invoice, form):
    """
    Does it, and says what comes of it: three invoices, each of which may be None, and
    the attendee's credit before and after it.
    """
    fee, instead = form.cleaned_data["fee"], form.instead()
    before = call("available_credit", attendee_id=invoice.attendee_id)
    # First, because regpaydb locks carts before anything else.
    cart_id = lock_empty_cart(invoice.attendee_id) if instead else None
    note_id = call(
        "return_items",
        invoice_id=invoice.pk,
        items=json.dumps(form.items()),
        reason=form.cleaned_data["reason"] or None,
    )
    fee_id, note_id = keep_fee(invoice, note_id, fee) if fee else (None, note_id)
    new_id = buy(cart_id, instead, note_id) if instead else None
    new = Invoice.objects.filter(pk=new_id).prefetch_related("lines").first()
    credit = call("available_credit", attendee_id=invoice.attendee_id)
    return {
        "successor": Invoice.objects.filter(replaces=invoice).prefetch_related("lines").first(),
        "fee": Invoice.objects.filter(pk=fee_id).first(),
        "new": new,
        "before": before,
        "credit": credit,
        "figures": f"{credit} {new.value} {new.due}" if new else str(credit),
    }


def lock_empty_cart(attendee_id):
    """Her cart, into which nobody else puts anything now; what is in it would be billed, too."""
    cart_id = call("current_cart", attendee_id=attendee_id)
    # Nothing is to be reserved for longer: this has the cart locked.
    call("extend_reservation", cart_id=cart_id, duration=timedelta(0))
    if CartItem.objects.filter(cart=cart_id).exists():
        raise ValidationError(
            "There is something in the attendee's cart. It has to be bought or removed"
            " before something else can be taken here."
        )
    return cart_id


def keep_fee(invoice, note_id, fee):
    """The fee's invoice, and the note of the rest."""
    back = CreditNote.objects.get(pk=note_id).value if note_id else 0
    if fee > back:  # the database says it, too, of a note that nobody will ever see
        raise ValidationError(f"The attendee gets {back} back, which is less than the fee.")
    lines = [{"description": f"Fee for a change of invoice {invoice.pk}", "price": str(fee)}]
    fee_id = call("charge_credit_note", credit_note_id=note_id, lines=json.dumps(lines))
    rest = CreditNote.objects.filter(payment__invoice=fee_id).first()
    return fee_id, rest and rest.pk


def buy(cart_id, products, note_id):
    """Something else instead of what was returned; its invoice."""
    for product_id, quantity in products.items():
        call("set_quantity", cart_id=cart_id, product_id=product_id, quantity=quantity)
    # She is not there to pay at once what is left to pay.
    call("extend_reservation", cart_id=cart_id, duration=TIME_TO_PAY)
    invoice_id = call("invoice_cart", cart_id=cart_id)
    # It has taken credit by itself, unless another invoice of hers may want that, too.
    unpaid = Invoice.objects.filter(pk=invoice_id, status="unpaid")
    if unpaid and CreditNote.objects.filter(pk=note_id, state="unclaimed"):
        call("apply_credit_note", credit_note_id=note_id, invoice_id=invoice_id)
    return invoice_id


@staff_action(Form, "The credit note is applied.")
def apply_note(request, invoice_id, credit_note_id):
    call("apply_credit_note", credit_note_id=credit_note_id, invoice_id=invoice_id)


@staff_action(Form, "The payment platform is asked to pay it back.")
def ask_platform(request, invoice_id, credit_note_id):
    # Only the request. When it is committed, send_refunds sees it.
    call(
        "request_refund",
        credit_note_id=credit_note_id,
        reference=f"Credit note {credit_note_id}",
    )


@staff_action(CashOutForm, "The credit note is cashed out.")
@transaction.atomic
def cash_out(request, invoice_id, credit_note_id, reference, platform_ref):
    """It was paid out already: by hand, or on the platform's own pages."""
    note = {"credit_note_id": credit_note_id, "reference": reference}
    if not platform_ref:
        call("refund_credit_note", **note)
        return
    # When the platform announces it, too, the ledger knows it by this.
    at_platform = {"provider": PROVIDER, "provider_ref": platform_ref}
    refund_id = call("request_refund", **note)
    call("confirm_refund", credit_note_refund_id=refund_id, **at_platform)


@staff_action(FeeForm, "The fee is invoiced and paid by the credit note; the rest is a new one.")
def charge_fee(request, invoice_id, credit_note_id, percentage):
    call("cancellation_fee", credit_note_id=credit_note_id, percentage=percentage)
