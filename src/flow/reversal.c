/*
 * reversal.c
 *	  Money that a platform takes back: first from what the invoice has too much, so that
 *	  a ticket which other money covers stays paid, then from the invoice.
 *
 * Spec section 10.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/array.h"
#include "base/errors.h"
#include "base/money.h"
#include "flow/find.h"
#include "flow/refund.h"
#include "flow/reversal.h"
#include "flow/settle.h"
#include "rows/credit_note_rows.h"
#include "rows/outbox_rows.h"
#include "rows/payment_rows.h"
#include "rows/plan.h"
#include "rows/reversal_rows.h"

pg_noreturn static void
other_reversal(const ReversalRow *reversal)
{
	ereport(ERROR,
			(errcode(RP_IDEMPOTENCY_CONFLICT),
			 errmsg("reference \"%s\" of \"%s\" is recorded with another reversal",
					text_to_cstring(reversal->reversal_ref),
					text_to_cstring(reversal->provider)),
			 errdetail("A platform's reference stands for one reversal: one payment and one amount."),
			 errhint("Send the same payment and amount to repeat a call, or a new reference for a new reversal.")));
}

/*
 * reversal_is_recorded
 *		If the platform's reversal is recorded already, its id goes to reversal.  Raises
 *		RP009 where it is recorded with another payment or amount.
 */
bool
reversal_is_recorded(Ledger *ledger, ReversalRow *reversal)
{
	ReversalRow first;

	if (!row_reversal_by_ref(ledger, reversal->provider, reversal->reversal_ref, &first))
		return false;
	if (first.payment_id != reversal->payment_id || first.amount != reversal->amount)
		other_reversal(reversal);
	reversal->reversal_id = first.reversal_id;
	return true;
}

/*
 * Whether staff have recorded the very same by record_manual_payment(): money given back,
 * with the platform's reference.  Raises RP009 where that is of something else.
 */
static bool
is_recorded_by_hand(Ledger *ledger, const ReversalRow *reversal, const PaymentRow *payment)
{
	PaymentRow	given;

	if (!row_payment_by_ref(ledger, reversal->provider, reversal->reversal_ref, &given) ||
		given.amount > 0)
		return false;
	if (given.amount != -reversal->amount || given.invoice_id != payment->invoice_id)
		other_reversal(reversal);
	return true;
}

/* ---- which notes are taken back ---- */

/* Move the notes that have the payment's money to the front; the others stay in order. */
static void
payment_first(Provenance *provenance, const PaymentRow *payment, CreditNoteRow *notes, int nnotes)
{
	int			nplaces;
	MoneyPlace *places = money_places(provenance, payment, &nplaces);
	CreditNoteRow *others = palloc(Max(nnotes, 1) * sizeof(CreditNoteRow));
	int			nfirst = 0;
	int			nothers = 0;

	for (int i = 0; i < nnotes; i++)
		if (places_have_note(places, nplaces, notes[i].credit_note_id))
			notes[nfirst++] = notes[i];
		else
			others[nothers++] = notes[i];
	memcpy(notes + nfirst, others, nothers * sizeof(CreditNoteRow));
}

/*
 * The unclaimed notes of a locked invoice, the newest first, all of them locked, from the
 * oldest on: so does who pays an invoice by several of an attendee's notes.  To lock only
 * what is wanted would be to lock older ones after newer, where one of those was claimed
 * meanwhile.
 */
static CreditNoteRow *
lock_own_notes(Ledger *ledger, const InvoiceRow *invoice, int *nnotes)
{
	int			n;
	MoneyPart  *own = row_own_notes(ledger, invoice, &n);
	CreditNoteRow *notes = palloc(Max(n, 1) * sizeof(CreditNoteRow));
	int			first = n;

	for (int i = n - 1; i >= 0; i--)
		if (row_lock_credit_note(ledger, own[i].payment_id, &notes[first - 1]) &&
			notes[first - 1].state == CREDIT_NOTE_UNCLAIMED)
			first--;
	*nnotes = n - first;
	return notes + first;
}

/*
 * The unclaimed notes of a locked invoice that are taken back to come to this amount, all
 * of them if need be: those with the payment's money first, then the newest.
 */
static CreditNoteRow *
lock_notes_to_take(Provenance *provenance, const InvoiceRow *invoice, const PaymentRow *payment,
				   int64 amount, int *nnotes)
{
	int			n;
	CreditNoteRow *notes = lock_own_notes(provenance->ledger, invoice, &n);

	payment_first(provenance, payment, notes, n);
	for (*nnotes = 0; *nnotes < n && amount > 0; (*nnotes)++)
		amount -= notes[*nnotes].value;
	qsort(notes, *nnotes, sizeof(CreditNoteRow), compare_int8);
	return notes;
}

/* ---- taking them, and the rest ---- */

/* Raise RP003 for more than the payment brought and did not go back to it. */
static void
check_amount(Provenance *provenance, const ReversalRow *reversal, const PaymentRow *payment)
{
	int64		refundable = payment_refundable(provenance, payment);

	if (reversal->amount > refundable)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("more of payment " INT64_FORMAT " is reversed than it brought",
						payment->payment_id),
				 errdetail("It brought %s, of which %s went back to it already.",
						   money_to_cstring(payment->amount, provenance->ledger->decimals),
						   money_to_cstring(payment->amount - refundable,
											provenance->ledger->decimals)),
				 errhint("If this is a refund that was requested here, give its reference as reversal_ref.")));
}

/*
 * Take money off a locked invoice, after it has taken these notes back, all in one
 * settlement.
 */
static void
take_from_invoice(Ledger *ledger, const InvoiceRow *invoice, const CreditNoteRow *notes,
				  int nnotes, ReversalRow *reversal)
{
	SettleAdded added = {0};
	int64		there = invoice->state.paid;
	int64		credit_note_id;
	PaymentRow	payment = {
		.invoice_id = invoice->invoice_id,
		.kind = PAYMENT_REVERSAL,
		.reference = VARSIZE_ANY_EXHDR(reversal->reference) > 0 ?
		reversal->reference : reversal->reversal_ref
	};

	for (int i = 0; i < nnotes; i++)
	{
		(void) settle_put_note(ledger, invoice->invoice_id, &notes[i], &added);
		there += notes[i].value;
	}
	payment.amount = -Min(reversal->amount, there);
	reversal->loss = reversal->amount + payment.amount;
	if (payment.amount == 0)
		return;
	payment.payment_id = row_next_payment_id(ledger);
	row_insert_payment(ledger, &payment);
	settle_add(&added, &payment);
	reversal->reversing_payment_id = payment.payment_id;
	(void) settle_inserted(ledger, invoice->invoice_id, &added, invoice->attendee_id,
						   &credit_note_id);
}

/*
 * reverse_payment
 *		Record a reversal of a payment that was found: fills in its id.  False where it
 *		is a refund of ours, which is confirmed, or was recorded by hand.
 *
 * Locks the payment's cart and invoice, the invoice's own notes, the payment, the
 * platform's reference.  Raises RP002, RP003, RP009, 40001.
 */
bool
reverse_payment(Ledger *ledger, ReversalRow *reversal, const PaymentRow *payment)
{
	Provenance	provenance;
	InvoiceRow	invoice;
	CreditNoteRow *notes;
	int			nnotes;
	PaymentRow	locked;

	begin_provenance(&provenance, ledger);
	lock_invoice(ledger, payment->invoice_id, &invoice);
	notes = lock_notes_to_take(&provenance, &invoice, payment, reversal->amount, &nnotes);
	if (!row_lock_payment(ledger, payment->payment_id, &locked))
		not_found("payment", payment->payment_id);
	row_lock_ref(ledger, reversal->provider, reversal->reversal_ref);
	if (reversal_is_recorded(ledger, reversal))
		return true;
	if (refund_is_of_ref(&provenance, payment, reversal->provider, reversal->reversal_ref,
						 reversal->amount) ||
		is_recorded_by_hand(ledger, reversal, payment))
		return false;
	check_amount(&provenance, reversal, payment);
	take_from_invoice(ledger, &invoice, notes, nnotes, reversal);
	if (!row_insert_reversal(ledger, reversal))
	{
		/* Somebody has just recorded it, of another payment: whose lock we have, is ours. */
		(void) reversal_is_recorded(ledger, reversal);
		row_not_written(ledger, REVERSAL);
	}
	row_log_reversal(ledger, OUTBOX_PAYMENT_REVERSED, reversal, invoice.invoice_id);
	if (reversal->loss > 0)
		row_log_reversal(ledger, OUTBOX_REVERSAL_LOSS, reversal, invoice.invoice_id);
	return true;
}
