/*
 * refund.c
 *	  Credit notes that are paid out: a refund is requested, and then done or failed.
 *
 * What goes back to a payment is no more than it brought, whoever comes first: whoever
 * adds to that locks the payment.  That is after the credit note in the lock order, then
 * come a platform's reference, and the refund.
 *
 * Spec section 10.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/array.h"
#include "base/errors.h"
#include "base/money.h"
#include "flow/find.h"
#include "flow/refund.h"
#include "flow/settle.h"
#include "ledger/catalog.h"
#include "rows/credit_note_rows.h"
#include "rows/outbox_rows.h"
#include "rows/payment_rows.h"
#include "rows/plan.h"
#include "rows/refund_rows.h"
#include "rows/reversal_rows.h"

/* ---- what can go back to a payment ---- */

/*
 * payment_refundable
 *		How much of a payment can be refunded or reversed still: what it brought, less
 *		what went back to it.  The money of a refund that says nothing of that went back
 *		to where it had come from.
 */
int64
payment_refundable(Provenance *provenance, const PaymentRow *payment)
{
	Ledger	   *ledger = provenance->ledger;
	int64		rest = payment->amount - row_gone_back(ledger, payment->payment_id);
	int			nplaces;
	MoneyPlace *places = money_places(provenance, payment, &nplaces);

	for (int i = 0; i < nplaces; i++)
		if (places[i].kind == PLACE_REFUND && !places[i].has_parts)
			rest -= places[i].amount;
	return Max(rest, 0);
}

/* ---- requested ---- */

pg_noreturn static void
bad_part(Ledger *ledger, const CreditNoteRow *note, int64 payment_id, int64 amount)
{
	ereport(ERROR,
			(errcode(RP_INVALID_AMOUNT),
			 errmsg("too much of credit note " INT64_FORMAT " is to go back to payment " INT64_FORMAT,
					note->credit_note_id, payment_id),
			 errdetail("At most %s of this note can go back to it.",
					   money_to_cstring(amount, ledger->decimals)),
			 errhint("See regpaydb.refund_sources() for what can go back to which payment; the rest goes some other way.")));
}

/* How much of the note's money a payment brought; NULL for none. */
static const MoneyPart *
source_of(const MoneyPart *sources, int nsources, int64 payment_id)
{
	return bsearch(&payment_id, sources, nsources, sizeof(MoneyPart), compare_int8);
}

/*
 * What of a note can go back to a payment, which is locked.  Raises RP002 for none.
 */
static int64
refundable_of(Provenance *provenance, const CreditNoteRow *note, const MoneyPart *sources,
			  int nsources, int64 payment_id)
{
	PaymentRow	payment;

	if (!row_lock_payment(provenance->ledger, payment_id, &payment))
		not_found("payment", payment_id);
	if (source_of(sources, nsources, payment_id) == NULL)
		return 0;
	return Min(payment_refundable(provenance, &payment), note->value);
}

/* Check the parts that a caller named, by their payments' ids, and take them. */
static int
take_parts(Provenance *provenance, const CreditNoteRow *note, const MoneyPart *sources,
		   int nsources, const MoneyPart *named, int nnamed, MoneyPart *parts)
{
	for (int i = 0; i < nnamed; i++)
	{
		int64		refundable = refundable_of(provenance, note, sources, nsources,
											   named[i].payment_id);

		if (named[i].amount > refundable)
			bad_part(provenance->ledger, note, named[i].payment_id, refundable);
		parts[i] = named[i];
	}
	return nnamed;
}

/* As much of each source as can go back to it. */
static int
take_sources(Provenance *provenance, const CreditNoteRow *note, const MoneyPart *sources,
			 int nsources, MoneyPart *parts)
{
	int			nparts = 0;

	for (int i = 0; i < nsources; i++)
	{
		int64		refundable = refundable_of(provenance, note, sources, nsources,
											   sources[i].payment_id);

		if (refundable > 0)
			parts[nparts++] = (MoneyPart)
		{
			.payment_id = sources[i].payment_id, .amount = Min(refundable, sources[i].amount)
		};
	}
	return nparts;
}

/* One more part for what goes some other way; raises RP003 for less than nothing. */
static int
add_rest(Ledger *ledger, const CreditNoteRow *note, MoneyPart *parts, int nparts)
{
	int64		rest = note->value;

	for (int i = 0; i < nparts; i++)
		rest -= parts[i].amount;
	if (rest < 0)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("the parts of the refund add up to more than credit note " INT64_FORMAT " has",
						note->credit_note_id),
				 errdetail("The credit note has %s.",
						   money_to_cstring(note->value, ledger->decimals)),
				 errhint("A credit note is refunded once, in full; its parts add up to it at most.")));
	if (rest > 0)
		parts[nparts++] = (MoneyPart)
	{
		.amount = rest, .no_payment = true
	};
	return nparts;
}

/*
 * refund_note
 *		Request a refund of a locked, unclaimed credit note, or record one that is done;
 *		refund has the rest of its row.  Returns its id.
 *
 * parts, sorted by the payments' ids, say to which payments the money goes back; NULL
 * for those that it came from.  Raises RP002, RP003, 40001.
 */
int64
refund_note(Ledger *ledger, const CreditNoteRow *note, RefundRow *refund, const MoneyPart *parts,
			int nparts)
{
	Provenance	provenance;
	int			nsources;
	MoneyPart  *sources;
	MoneyPart  *taken;
	int			ntaken;

	begin_provenance(&provenance, ledger);
	sources = note_sources(&provenance, note->credit_note_id, &nsources);
	taken = palloc((Max(nsources, nparts) + 1) * sizeof(MoneyPart));
	ntaken = parts == NULL ? take_sources(&provenance, note, sources, nsources, taken) :
		take_parts(&provenance, note, sources, nsources, parts, nparts, taken);
	ntaken = add_rest(ledger, note, taken, ntaken);

	row_claim_credit_note(ledger, note, CREDIT_NOTE_REFUNDED);
	refund->credit_note_id = note->credit_note_id;
	refund->refund_id = row_insert_refund(ledger, refund);
	for (int i = 0; i < ntaken; i++)
		row_insert_refund_part(ledger, refund->refund_id, &taken[i]);
	row_log_credit_note(ledger, OUTBOX_CREDIT_NOTE_REFUNDED, note->credit_note_id, NULL);
	if (refund->state == REFUND_DONE)
		row_log_credit_note(ledger, OUTBOX_REFUND_DONE, note->credit_note_id, NULL);
	return refund->refund_id;
}

/* ---- done ---- */

static bool
same_text(text *a, text *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

pg_noreturn static void
other_reference(text *provider, text *provider_ref)
{
	ereport(ERROR,
			(errcode(RP_IDEMPOTENCY_CONFLICT),
			 provider_ref == NULL ?
			 errmsg("this refund is not of \"%s\"", text_to_cstring(provider)) :
			 errmsg("reference \"%s\" of \"%s\" is not that of this refund",
					text_to_cstring(provider_ref), text_to_cstring(provider)),
			 errdetail("A platform's reference stands for one refund or reversal, and a refund has one reference."),
			 errhint("Send the same reference to repeat a call.")));
}

/* Raise RP009 where a platform's reference stands for something else already. */
static void
check_reference_free(Ledger *ledger, int64 refund_id, text *provider, text *provider_ref)
{
	int64	   *others;
	int			nothers;

	if (provider_ref == NULL)
		return;
	others = row_refunds_of_ref(ledger, provider, provider_ref, NULL, &nothers);
	if ((nothers > 0 && others[0] != refund_id) ||
		row_ref_is_reversed(ledger, provider, provider_ref))
		other_reference(provider, provider_ref);
}

/* Lock the payments that a refund goes back to. */
static void
lock_payments_of(Ledger *ledger, int64 refund_id)
{
	int			nparts;
	MoneyPart  *parts = row_refund_parts(ledger, refund_id, &nparts);
	PaymentRow	payment;

	for (int i = 0; i < nparts; i++)
		if (!parts[i].no_payment)
			(void) row_lock_payment(ledger, parts[i].payment_id, &payment);
}

pg_noreturn static void
refund_has_ended(const RefundRow *refund, const char *hint)
{
	ereport(ERROR,
			(errcode(RP_INVALID_STATE),
			 errmsg("refund " INT64_FORMAT " is %s", refund->refund_id,
					refund_state_names[refund->state]),
			 errdetail("A refund that is done or failed stays so."),
			 errhint("%s", hint)));
}

/* See refund_confirm(); a payment that it goes back to is locked. */
static void
confirm(Ledger *ledger, int64 refund_id, text *provider, text *provider_ref)
{
	RefundRow	refund;

	if (provider_ref != NULL)
		row_lock_ref(ledger, provider, provider_ref);
	if (!row_lock_refund(ledger, refund_id, &refund))
		not_found("refund", refund_id);
	if (refund.state == REFUND_FAILED)
		refund_has_ended(&refund, "If the money went out after all, record it with regpaydb.record_reversal().");
	if (refund.state == REFUND_DONE)
	{
		if ((provider != NULL && !same_text(provider, refund.provider)) ||
			(provider_ref != NULL && !same_text(provider_ref, refund.provider_ref)))
			other_reference(provider, provider_ref);
		return;
	}
	check_reference_free(ledger, refund_id, provider, provider_ref);
	refund.state = REFUND_DONE;
	refund.provider = provider;
	refund.provider_ref = provider_ref;
	row_end_refund(ledger, &refund);
	row_log_credit_note(ledger, OUTBOX_REFUND_DONE, refund.credit_note_id, NULL);
}

/*
 * refund_confirm
 *		A refund that was requested is done; nothing happens to one that is done, unless
 *		it has another reference.  provider and provider_ref may be NULL.
 *
 * Raises RP002, RP008, RP009.
 */
void
refund_confirm(Ledger *ledger, int64 refund_id, text *provider, text *provider_ref)
{
	lock_payments_of(ledger, refund_id);
	confirm(ledger, refund_id, provider, provider_ref);
}

/* ---- failed ---- */

/* The note, and its invoice, of a refund that a caller names; the invoice is locked. */
static void
find_refunded_note(Ledger *ledger, int64 refund_id, CreditNoteRow *note, InvoiceRow *invoice)
{
	RefundRow	refund;
	PaymentRow	made;

	if (!row_refund(ledger, refund_id, &refund))
		not_found("refund", refund_id);
	if (!row_payment(ledger, refund.credit_note_id, &made))
		not_found("credit note", refund.credit_note_id);
	lock_invoice(ledger, made.invoice_id, invoice);
	if (!row_lock_credit_note(ledger, refund.credit_note_id, note))
		not_found("credit note", refund.credit_note_id);
}

/*
 * refund_fail
 *		A refund that was requested has failed: its money comes back to the invoice that
 *		the note came from, and so becomes a note again, whose id is returned.
 *
 * Raises RP002, RP008.
 */
int64
refund_fail(Ledger *ledger, int64 refund_id, text *reason)
{
	InvoiceRow	invoice;
	CreditNoteRow note;
	RefundRow	refund;
	PaymentRow	payment = {.kind = PAYMENT_REFUND_FAILED};
	SettleAdded added = {0};
	int64		credit_note_id;

	find_refunded_note(ledger, refund_id, &note, &invoice);
	if (!row_lock_refund(ledger, refund_id, &refund))
		not_found("refund", refund_id);
	if (refund.state != REFUND_REQUESTED)
		refund_has_ended(&refund, "If the money came back after all, record it with regpaydb.record_payment().");

	payment.payment_id = row_next_payment_id(ledger);
	payment.invoice_id = invoice.invoice_id;
	payment.amount = note.value;
	payment.reference = cstring_to_text(psprintf("Refund " INT64_FORMAT " failed", refund_id));
	row_insert_payment(ledger, &payment);
	settle_add(&added, &payment);
	refund.state = REFUND_FAILED;
	refund.failure_reason = reason;
	refund.returned_payment_id = payment.payment_id;
	row_end_refund(ledger, &refund);
	row_log_credit_note(ledger, OUTBOX_REFUND_FAILED, note.credit_note_id, &invoice.invoice_id);
	if (!settle_inserted(ledger, invoice.invoice_id, &added, note.attendee_id, &credit_note_id))
		row_not_written(ledger, CREDIT_NOTE);
	return credit_note_id;
}

/* ---- what a platform reports ---- */

/* Whether so much of a refund goes back to a payment, or that is not said. */
static bool
is_part(Ledger *ledger, int64 refund_id, int64 payment_id, int64 amount)
{
	int			nparts;
	MoneyPart  *parts = row_refund_parts(ledger, refund_id, &nparts);

	for (int i = 0; i < nparts; i++)
		if (!parts[i].no_payment && parts[i].payment_id == payment_id)
			return parts[i].amount == amount;
	return nparts == 0;
}

/* Whether it is one of the refunds that say nothing of where they went. */
static bool
old_refund_of_ref(Provenance *provenance, const PaymentRow *payment, text *ref)
{
	int			nplaces;
	MoneyPlace *places = money_places(provenance, payment, &nplaces);
	RefundRow	refund;

	for (int i = 0; i < nplaces; i++)
		if (places[i].kind == PLACE_REFUND && !places[i].has_parts &&
			row_refund(provenance->ledger, places[i].refund_id, &refund) &&
			same_text(refund.reference, ref))
			return true;
	return false;
}

/*
 * The refund that a platform's reference stands for, locked; false where there is none.
 * It may fail while it is looked for, since that locks no payment: then it is none.
 *
 * Raises RP009 where the reference is of another amount or another payment.
 */
static bool
lock_refund_of_ref(Ledger *ledger, const PaymentRow *payment, text *provider, text *ref,
				   int64 amount, RefundRow *refund)
{
	do
	{
		int			nrefunds;
		int64	   *refunds = row_refunds_of_ref(ledger, provider, ref, &payment->payment_id,
												 &nrefunds);
		int			fits = 0;

		CHECK_FOR_INTERRUPTS();
		if (nrefunds == 0)
			return false;
		while (fits < nrefunds && !is_part(ledger, refunds[fits], payment->payment_id, amount))
			fits++;
		if (fits == nrefunds)
			other_reference(provider, ref);
		if (!row_lock_refund(ledger, refunds[fits], refund))
			row_seen_too_late();
	} while (refund->state == REFUND_FAILED);
	return true;
}

/*
 * refund_is_of_ref
 *		Whether money that a platform took back, which a locked payment had brought, is a
 *		refund of ours, which is then confirmed.
 *
 * Raises RP009 where it is, but of another amount or another payment.
 */
bool
refund_is_of_ref(Provenance *provenance, const PaymentRow *payment, text *provider, text *ref,
				 int64 amount)
{
	RefundRow	refund;

	if (!lock_refund_of_ref(provenance->ledger, payment, provider, ref, amount, &refund))
		return old_refund_of_ref(provenance, payment, ref);
	if (refund.state == REFUND_REQUESTED)
		confirm(provenance->ledger, refund.refund_id, provider, ref);
	return true;
}
