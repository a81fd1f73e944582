/*
 * core.c
 *	  What is proved of src/base/invoice_state.c, for all 64-bit inputs, by the bounded
 *	  model checker CBMC: there is no loop, so that its bounds leave nothing out.
 *
 * Assumed of an invoice is what its table's constraints say: its value is not
 * below zero, and not above the limit.  What else holds of a row that the engine
 * writes (is_sound) is proved to be kept, from one settlement to the next.
 * CBMC itself is asked to refuse overflow and conversions that lose something.
 *
 * prove_* have to be verified, reach_* to be refuted: each says that something
 * can't happen that can, so that the assumptions leave the cases in.
 */
#include "base/invoice_state.h"

typedef __int128 Wide;

int64		nondet_int64(void);
int			nondet_int(void);
bool		nondet_bool(void);

/* ---- inputs ---- */

static InvoiceState
any_invoice(void)
{
	InvoiceState invoice;
	int			status = nondet_int();

	__CPROVER_assume(status >= INVOICE_UNPAID && status <= INVOICE_VOID);
	invoice.status = status;
	invoice.value = nondet_int64();
	invoice.paid = nondet_int64();
	invoice.payment_count = nondet_int64();
	invoice.limit = nondet_int64();
	invoice.unsellable = nondet_bool();
	__CPROVER_assume(invoice.limit >= 0 && invoice.value >= 0 && invoice.value <= invoice.limit);
	return invoice;
}

/* As rows are that the engine has written. */
static bool
is_sound(const InvoiceState *invoice)
{
	if (invoice->paid < 0 || invoice->paid > invoice->limit || invoice->payment_count < 0)
		return false;
	switch (invoice->status)
	{
		case INVOICE_UNPAID:
			return invoice->paid < invoice->value &&
				(invoice->paid > 0 || invoice->payment_count == 0);
		case INVOICE_PAID:
			return invoice->paid == invoice->value;
		case INVOICE_REFUNDED:
		case INVOICE_VOID:
			break;
	}
	return invoice->paid == 0;
}

/* Also just after its row was inserted. */
static void
assume_sound(const InvoiceState *invoice)
{
	__CPROVER_assume(is_sound(invoice) ||
					 (invoice->status == INVOICE_UNPAID && invoice->value == 0 &&
					  invoice->paid == 0 && invoice->payment_count == 0));
}

static InvoiceState
sound_invoice(void)
{
	InvoiceState invoice = any_invoice();

	assume_sound(&invoice);
	return invoice;
}

static InvoiceState
after(const InvoiceState *before, const InvoiceVerdict *verdict)
{
	InvoiceState invoice = *before;

	invoice.status = verdict->status;
	invoice.paid = verdict->paid;
	invoice.payment_count = verdict->payment_count;
	return invoice;
}

/* ---- what holds of every verdict ---- */

static bool
is_closed(InvoiceStatus status)
{
	return status == INVOICE_REFUNDED || status == INVOICE_VOID;
}

static void
check_verdict(const InvoiceState *before, const InvoiceVerdict *verdict, int64 amount,
			  int64 payments)
{
	/* Money: what is there and what the note takes is what was there and what came. */
	__CPROVER_assert(verdict->credit >= 0, "a note is not negative");
	__CPROVER_assert((Wide) verdict->paid + verdict->credit == (Wide) before->paid + amount,
					 "paid and credit are what was there and what came");
	__CPROVER_assert((Wide) verdict->payment_count ==
					 (Wide) before->payment_count + payments + (verdict->credit > 0),
					 "payments and the note are counted");

	/* Status: only the steps of spec section 4. */
	if (is_closed(before->status))
		__CPROVER_assert(verdict->status == before->status, "refunded and void never change");
	if (before->status == INVOICE_PAID)
		__CPROVER_assert(verdict->status != INVOICE_UNPAID, "paid is never unpaid again");
	if (before->status == INVOICE_UNPAID)
		__CPROVER_assert(verdict->status != INVOICE_REFUNDED, "unpaid is not refunded");

	/* The cart goes with the status. */
	__CPROVER_assert((verdict->cart == CART_PAY) ==
					 (verdict->status == INVOICE_PAID && before->status != INVOICE_PAID),
					 "the cart is paid when the invoice is");
	__CPROVER_assert((verdict->cart == CART_RELEASE) ==
					 (before->status == INVOICE_PAID && verdict->status != INVOICE_PAID),
					 "the cart is released when a paid invoice ends");
}

/* ---- settle ---- */

/* Whatever a row says: one that somebody loaded with triggers disabled, too. */
void
prove_settle(void)
{
	InvoiceState before = any_invoice();
	int64		amount = nondet_int64();
	int64		payments = nondet_int64();
	Wide		paid = (Wide) before.paid + amount;
	Wide		count = (Wide) before.payment_count + payments;
	InvoiceVerdict verdict;
	InvoiceVerdict again;
	InvoiceRefusal refusal;
	InvoiceState settled;

	__CPROVER_assume(before.payment_count >= 0 && payments >= 0);
	refusal = invoice_state_settle(&before, amount, payments, &verdict);

	__CPROVER_assert(refusal == INVOICE_OK || refusal == INVOICE_OVERDRAWN ||
					 refusal == INVOICE_TOO_LARGE, "settling refuses amounts only");
	__CPROVER_assert((refusal == INVOICE_OVERDRAWN) == (paid < 0),
					 "overdrawn is what is below zero");
	if (paid > before.limit || count > PG_INT64_MAX)
		__CPROVER_assert(refusal != INVOICE_OK, "what does not fit is refused");
	if (paid <= before.limit && count < PG_INT64_MAX)
		__CPROVER_assert(refusal != INVOICE_TOO_LARGE, "what fits is not refused");
	if (refusal != INVOICE_OK)
		return;

	check_verdict(&before, &verdict, amount, payments);
	if (before.status == INVOICE_UNPAID)
		__CPROVER_assert(verdict.status ==
						 (before.unsellable ? INVOICE_VOID :
						  paid >= before.value ? INVOICE_PAID :
						  paid == 0 && count > 0 ? INVOICE_VOID : INVOICE_UNPAID),
						 "unpaid becomes what spec section 4 says");
	if (before.status == INVOICE_PAID)
		__CPROVER_assert(verdict.status == (paid < before.value ? INVOICE_REFUNDED : INVOICE_PAID),
						 "paid becomes what spec section 4 says");
	__CPROVER_assert(verdict.credit ==
					 (is_closed(verdict.status) ? paid :
					  verdict.status == INVOICE_PAID ? paid - before.value : 0),
					 "the note is the residual");

	/* One call leaves nothing to do for the next. */
	settled = after(&before, &verdict);
	__CPROVER_assert(is_sound(&settled), "a settled invoice is sound");
	__CPROVER_assert(invoice_state_settle(&settled, 0, 0, &again) == INVOICE_OK &&
					 again.status == settled.status && again.paid == settled.paid &&
					 again.payment_count == settled.payment_count && again.credit == 0 &&
					 again.cart == CART_UNCHANGED,
					 "a settled invoice has nothing left to do");
}

/* ---- refund and void ---- */

void
prove_refund(void)
{
	InvoiceState before = any_invoice();
	InvoiceVerdict verdict;
	InvoiceRefusal refusal = invoice_state_refund(&before, &verdict);
	InvoiceState refunded;

	__CPROVER_assert((refusal == INVOICE_CLOSED) == is_closed(before.status),
					 "what is closed can't be refunded");
	assume_sound(&before);
	__CPROVER_assert(is_closed(before.status) ||
					 refusal == (before.paid > 0 && before.payment_count == PG_INT64_MAX ?
								 INVOICE_TOO_LARGE : INVOICE_OK),
					 "all else can, as long as its note can be counted");
	if (refusal != INVOICE_OK)
		return;
	check_verdict(&before, &verdict, 0, 0);
	__CPROVER_assert(verdict.credit == before.paid && verdict.paid == 0,
					 "the note of a refund is all that was paid");
	__CPROVER_assert(verdict.status == (before.status == INVOICE_PAID && before.paid > 0 ?
										INVOICE_REFUNDED : INVOICE_VOID),
					 "what was paid is refunded, all else void");
	refunded = after(&before, &verdict);
	__CPROVER_assert(is_sound(&refunded), "a refunded invoice is sound");
}

void
prove_void(void)
{
	InvoiceState before = sound_invoice();
	InvoiceVerdict verdict;
	InvoiceRefusal refusal = invoice_state_void(&before, &verdict);
	InvoiceState voided;

	__CPROVER_assert(refusal == (before.status == INVOICE_REFUNDED ? INVOICE_CLOSED :
								 before.paid != 0 ? INVOICE_HAS_PAYMENTS : INVOICE_OK),
					 "what is refunded or has payments can't be voided, all else can");
	if (refusal != INVOICE_OK)
		return;
	check_verdict(&before, &verdict, 0, 0);
	__CPROVER_assert(verdict.status == INVOICE_VOID && verdict.credit == 0, "a voided invoice is void");
	voided = after(&before, &verdict);
	__CPROVER_assert(is_sound(&voided), "a voided invoice is sound");
}

/* ---- what can happen ---- */

#define REACH_SETTLE(name, condition) \
	void reach_##name(void) \
	{ \
		InvoiceState before = sound_invoice(); \
		InvoiceVerdict verdict; \
		int64		payments = nondet_int64(); \
		InvoiceRefusal refusal; \
		__CPROVER_assume(payments >= 0); \
		refusal = invoice_state_settle(&before, nondet_int64(), payments, &verdict); \
		__CPROVER_assert(!(condition), #name); \
	}

#define STEP(from, to) (refusal == INVOICE_OK && before.status == from && verdict.status == to)

REACH_SETTLE(unpaid_stays, STEP(INVOICE_UNPAID, INVOICE_UNPAID) && verdict.paid > 0)
REACH_SETTLE(unpaid_is_paid, STEP(INVOICE_UNPAID, INVOICE_PAID))
REACH_SETTLE(unpaid_is_void, STEP(INVOICE_UNPAID, INVOICE_VOID) && !before.unsellable)
REACH_SETTLE(unsellable_is_void, STEP(INVOICE_UNPAID, INVOICE_VOID) && verdict.credit > 0)
REACH_SETTLE(paid_stays_with_a_note, STEP(INVOICE_PAID, INVOICE_PAID) && verdict.credit > 0)
REACH_SETTLE(paid_is_refunded, STEP(INVOICE_PAID, INVOICE_REFUNDED))
REACH_SETTLE(refunded_gives_a_note, STEP(INVOICE_REFUNDED, INVOICE_REFUNDED) && verdict.credit > 0)
REACH_SETTLE(void_gives_a_note, STEP(INVOICE_VOID, INVOICE_VOID) && verdict.credit > 0)
REACH_SETTLE(overdrawn, refusal == INVOICE_OVERDRAWN)
REACH_SETTLE(too_large, refusal == INVOICE_TOO_LARGE)
REACH_SETTLE(limit_is_reached, refusal == INVOICE_OK && verdict.paid == before.limit && before.limit > 0)

#define REACH_CLOSE(name, operation, condition) \
	void reach_##name(void) \
	{ \
		InvoiceState before = sound_invoice(); \
		InvoiceVerdict verdict; \
		InvoiceRefusal refusal = operation(&before, &verdict); \
		__CPROVER_assert(!(condition), #name); \
	}

REACH_CLOSE(refund_of_paid, invoice_state_refund, STEP(INVOICE_PAID, INVOICE_REFUNDED))
REACH_CLOSE(refund_of_unpaid, invoice_state_refund, STEP(INVOICE_UNPAID, INVOICE_VOID))
REACH_CLOSE(refund_of_closed, invoice_state_refund, refusal == INVOICE_CLOSED)
REACH_CLOSE(void_of_unpaid, invoice_state_void, STEP(INVOICE_UNPAID, INVOICE_VOID))
REACH_CLOSE(void_of_worthless, invoice_state_void, STEP(INVOICE_PAID, INVOICE_VOID))
REACH_CLOSE(void_with_payments, invoice_state_void, refusal == INVOICE_HAS_PAYMENTS)
REACH_CLOSE(void_of_refunded, invoice_state_void, refusal == INVOICE_CLOSED)
