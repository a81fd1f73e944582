/*
 * settle.c
 *	  The life of money.  Whatever happens to an invoice - a payment, a refund,
 *	  a credit note put on it, voiding - comes through here: the invoice is
 *	  locked, invoice_state decides what it becomes, and that is written.
 *
 * The lock comes first, always: what is read before may have changed.
 *
 * Spec section 4.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "flow/refuse.h"
#include "flow/settle.h"
#include "flow/stock.h"
#include "ledger/engine_call.h"
#include "rows/credit_note_rows.h"
#include "rows/invoice_rows.h"
#include "rows/outbox_rows.h"
#include "rows/payment_rows.h"

/*
 * What is to be written: the verdict on an invoice, and what the state machine does
 * not know.
 */
typedef struct Settlement
{
	const InvoiceRow *invoice;
	InvoiceVerdict verdict;
	bool		has_payment;	/* whether last_payment_id is not null */
	int64		last_payment_id;	/* the highest one taken into account */
	int64		credit_note_id; /* of the note, where the verdict makes one */
	int64		credit_owner;	/* the attendee whose it is */
	text	   *reason;			/* why, or NULL */
	Successor  *successor;		/* which keeps something of the cart, or NULL */
} Settlement;

/* Take a payment into account. */
static void
count_payment(Settlement *settlement, int64 payment_id)
{
	if (!settlement->has_payment || payment_id > settlement->last_payment_id)
		settlement->last_payment_id = payment_id;
	settlement->has_payment = true;
}

static Settlement
begin_settlement(const InvoiceRow *invoice, int64 credit_owner, text *reason)
{
	return (Settlement)
	{
		.invoice = invoice,
		.has_payment = invoice->has_payment,
		.last_payment_id = invoice->last_payment_id,
		.credit_owner = credit_owner,
		.reason = reason
	};
}

static void
make_credit_note(Ledger *ledger, const Settlement *settlement)
{
	const InvoiceRow *invoice = settlement->invoice;
	PaymentRow	payment = {
		.payment_id = settlement->credit_note_id,
		.invoice_id = invoice->invoice_id,
		.kind = PAYMENT_CREDIT_NOTE,
		.amount = -settlement->verdict.credit,
		.reference = settlement->reason != NULL ? settlement->reason :
		cstring_to_text(psprintf("Credit note from invoice " INT64_FORMAT, invoice->invoice_id)),
	};
	CreditNoteRow note = {
		.credit_note_id = settlement->credit_note_id,
		.attendee_id = settlement->credit_owner,
		.value = settlement->verdict.credit,
	};

	row_insert_payment(ledger, &payment);
	row_insert_credit_note(ledger, &note);
	row_log_credit_note(ledger, OUTBOX_CREDIT_NOTE_CREATED, note.credit_note_id,
						&invoice->invoice_id);
}

/*
 * Raise 55006 for an invoice whose verdict is being carried out.  A trigger of a
 * user's may bring us back here from any row that we write; what it does to other
 * invoices is its own affair, but this one is halfway between two states.
 */
static void
check_not_busy(Ledger *ledger, int64 invoice_id)
{
	for (EngineCall *call = engine_call; call != NULL; call = call->outer)
		if (call->is_settling && call->settled_invoice == invoice_id &&
			call->ledger->schema == ledger->schema)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("invoice " INT64_FORMAT " is being settled", invoice_id),
					 errdetail("A trigger tries to change it while it changes."),
					 errhint("Let the trigger write down what is to be done, and do it afterwards.")));
}

/*
 * settle_lock_invoice
 *		Lock an invoice to change it; false where there is none.
 *
 * Its cart is locked already.  Raises 55006 where a
 * trigger wants to change the invoice that it was fired by a change of.
 */
bool
settle_lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice)
{
	check_not_busy(ledger, invoice_id);
	return row_lock_invoice(ledger, invoice_id, invoice);
}

/* Write what a verdict makes: the invoice's row, the log, its credit note, its cart. */
static void
write_verdict(Ledger *ledger, const Settlement *settlement)
{
	const InvoiceRow *invoice = settlement->invoice;
	const InvoiceVerdict *verdict = &settlement->verdict;
	CartAction	cart = invoice->has_cart ? verdict->cart : CART_UNCHANGED;

	/* That of a successor was paid from the start. */
	if (cart == CART_PAY && !invoice->is_successor)
		sell_cart(ledger, invoice);
	if (cart == CART_RELEASE)
		release_cart(ledger, invoice, settlement->successor);
	row_update_invoice(ledger, invoice, verdict,
					   settlement->has_payment ? &settlement->last_payment_id : NULL,
					   settlement->reason);
	if (verdict->status != invoice->state.status)
		row_log_invoice(ledger, OUTBOX_INVOICE_UPDATED, invoice->invoice_id,
						&invoice->state.status, verdict->status);
	if (verdict->credit > 0)
		make_credit_note(ledger, settlement);
	if (cart != CART_UNCHANGED)
		row_log_cart(ledger, cart == CART_PAY ? OUTBOX_CART_PAID : OUTBOX_CART_RELEASED,
					 invoice->cart_id);
}

/*
 * Carry out a verdict, with the invoice marked as being settled, see check_not_busy;
 * takes an id for its note first.
 */
static void
carry_out(Ledger *ledger, Settlement *settlement)
{
	Assert(settlement->invoice->locked);
	if (settlement->verdict.credit > 0)
	{
		settlement->credit_note_id = row_next_payment_id(ledger);
		count_payment(settlement, settlement->credit_note_id);
	}
	engine_call->is_settling = true;
	engine_call->settled_invoice = settlement->invoice->invoice_id;
	write_verdict(ledger, settlement);
	engine_call->is_settling = false;
}

/*
 * Settle an invoice with payments of amount; state is what its row counts besides
 * them, and settlement has taken the last of them into account.  Only where money
 * arrives that the row does not count does its cart have to be for sale still.
 */
static void
settle(Ledger *ledger, Settlement *settlement, InvoiceState state, int64 amount,
	   int64 npayments)
{
	const InvoiceRow *invoice = settlement->invoice;
	InvoiceVerdict *verdict = &settlement->verdict;
	InvoiceRefusal refusal;
	bool		arrives = npayments != invoice->state.payment_count - state.payment_count ||
		amount != invoice->state.paid - state.paid;

	state.unsellable = arrives && state.status == INVOICE_UNPAID &&
		!invoice->cart_checked && !invoice->is_successor && cart_is_unsellable(ledger, invoice);
	refusal = invoice_state_settle(&state, amount, npayments, verdict);
	if (refusal != INVOICE_OK)
		settle_refuse(ledger, refusal, invoice);
	if (verdict->status != invoice->state.status || verdict->paid != invoice->state.paid ||
		verdict->payment_count != invoice->state.payment_count ||
		settlement->has_payment != invoice->has_payment ||
		settlement->last_payment_id != invoice->last_payment_id)
		carry_out(ledger, settlement);
}

/* Settle an invoice with all of its payments, whatever its row says of them. */
static void
settle_totals(Ledger *ledger, Settlement *settlement, const PaymentTotals *totals)
{
	InvoiceState nothing_paid = settlement->invoice->state;

	nothing_paid.paid = 0;
	nothing_paid.payment_count = 0;
	settlement->has_payment = totals->payment_count > 0;
	settlement->last_payment_id = settlement->has_payment ? totals->last_payment_id : 0;
	settle(ledger, settlement, nothing_paid, totals->amount, totals->payment_count);
}

/*
 * settle_afresh
 *		Bring a locked invoice to the state that its payments call for,
 *		whatever its row says that they are.
 */
InvoiceStatus
settle_afresh(Ledger *ledger, const InvoiceRow *invoice)
{
	PaymentTotals totals = row_payment_totals(ledger, invoice->invoice_id);
	Settlement	settlement = begin_settlement(invoice, invoice->attendee_id, NULL);

	settle_totals(ledger, &settlement, &totals);
	return settlement.verdict.status;
}

static void
settle_more(Ledger *ledger, Settlement *settlement, const SettleAdded *added,
			const PaymentTotals *totals)
{
	if (totals->known)
	{
		settle_totals(ledger, settlement, totals);
		return;
	}
	if (added->npayments > 0)
		count_payment(settlement, added->last_id);
	settle(ledger, settlement, settlement->invoice->state, added->amount, added->npayments);
}

/*
 * settle_added
 *		Settle a locked invoice with payments that settle_is_counted said are not.
 */
void
settle_added(Ledger *ledger, const InvoiceRow *invoice, const SettleAdded *added,
			 const PaymentTotals *totals, int64 credit_owner)
{
	Settlement	settlement = begin_settlement(invoice, credit_owner, NULL);

	settle_more(ledger, &settlement, added, totals);
}

/* See settle_payment; settlement has the note that it makes, if it makes one. */
static void
settle_checked(Ledger *ledger, Settlement *settlement, const SettleAdded *added, SettleCheck check)
{
	PaymentTotals totals;
	InvoiceRow	checked = *settlement->invoice;

	if (settle_is_counted(ledger, &checked, added, &totals))
		return;
	if (check != NULL)
	{
		check(ledger, &checked);
		checked.cart_checked = true;
	}
	settlement->invoice = &checked;
	settle_more(ledger, settlement, added, &totals);
}

/*
 * settle_payment
 *		Settle an invoice that was locked after the payment was inserted.
 *
 * check, if any, is called before what was not counted yet is settled.
 * credit_owner is the attendee who gets what is paid too much.
 */
void
settle_payment(Ledger *ledger, const InvoiceRow *invoice, const PaymentRow *payment,
			   SettleCheck check, int64 credit_owner)
{
	SettleAdded added = {0};
	Settlement	settlement = begin_settlement(invoice, credit_owner, NULL);

	settle_add(&added, payment);
	settle_checked(ledger, &settlement, &added, check);
}

/*
 * settle_inserted
 *		Settle an invoice with payments that the engine has just inserted for it.
 *		What is too much is a note of this owner, whose id goes to credit_note_id;
 *		false where nothing is.
 *
 * Its row is locked already, but triggers that these payments have fired may have
 * changed it.
 */
bool
settle_inserted(Ledger *ledger, int64 invoice_id, const SettleAdded *added, int64 credit_owner,
				int64 *credit_note_id)
{
	InvoiceRow	invoice;
	Settlement	settlement;

	if (!settle_lock_invoice(ledger, invoice_id, &invoice))
		elog(ERROR, "invoice " INT64_FORMAT " is gone", invoice_id);
	settlement = begin_settlement(&invoice, credit_owner, NULL);
	settle_checked(ledger, &settlement, added, NULL);
	*credit_note_id = settlement.credit_note_id;
	return settlement.verdict.credit > 0;
}

/*
 * settle_return
 *		Turn all that was paid on a locked invoice into a credit note, whose id
 *		goes to credit_note_id; false where nothing was paid.  What is kept of its cart
 *		is its successor's then.
 *
 * reason may be NULL; else it is kept with the invoice and the note.
 */
bool
settle_return(Ledger *ledger, const InvoiceRow *invoice, text *reason, Successor *successor,
			  int64 *credit_note_id)
{
	Settlement	settlement = begin_settlement(invoice, invoice->attendee_id, reason);
	InvoiceRefusal refusal = invoice_state_refund(&invoice->state, &settlement.verdict);

	if (refusal != INVOICE_OK)
		settle_refuse(ledger, refusal, invoice);
	settlement.successor = successor;
	carry_out(ledger, &settlement);
	*credit_note_id = settlement.credit_note_id;
	return settlement.verdict.credit > 0;
}

/* settle_refund: the same where nothing is kept. */
bool
settle_refund(Ledger *ledger, const InvoiceRow *invoice, text *reason, int64 *credit_note_id)
{
	return settle_return(ledger, invoice, reason, NULL, credit_note_id);
}

/* settle_void: void a locked invoice; nothing happens to a void one. */
void
settle_void(Ledger *ledger, const InvoiceRow *invoice, text *reason)
{
	Settlement	settlement = begin_settlement(invoice, invoice->attendee_id, reason);
	InvoiceRefusal refusal = invoice_state_void(&invoice->state, &settlement.verdict);

	if (refusal != INVOICE_OK)
		settle_refuse(ledger, refusal, invoice);
	if (settlement.verdict.status != invoice->state.status)
		carry_out(ledger, &settlement);
}

/*
 * settle_put_note
 *		Put a locked, unclaimed credit note on an invoice, which is to be settled with
 *		that; returns the payment's id.
 */
int64
settle_put_note(Ledger *ledger, int64 invoice_id, const CreditNoteRow *note, SettleAdded *added)
{
	PaymentRow	payment = {
		.payment_id = row_next_payment_id(ledger),
		.invoice_id = invoice_id,
		.kind = PAYMENT_CREDIT_APPLICATION,
		.amount = note->value,
		.reference = cstring_to_text(psprintf("Credit note " INT64_FORMAT,
											  note->credit_note_id)),
	};

	row_claim_credit_note(ledger, note, CREDIT_NOTE_APPLIED);
	row_insert_payment(ledger, &payment);
	row_insert_application(ledger, payment.payment_id, note->credit_note_id);
	row_log_credit_note(ledger, OUTBOX_CREDIT_NOTE_APPLIED, note->credit_note_id, &invoice_id);
	settle_add(added, &payment);
	return payment.payment_id;
}

/*
 * settle_application
 *		Put a locked, unclaimed credit note on a locked invoice; returns the
 *		payment's id.  What is left over is a note of the same owner, whose id goes to
 *		residual_id; where nothing is, or residual_id is NULL, nothing does.
 */
int64
settle_application(Ledger *ledger, const InvoiceRow *invoice, const CreditNoteRow *note,
				   int64 *residual_id)
{
	SettleAdded added = {0};
	int64		payment_id = settle_put_note(ledger, invoice->invoice_id, note, &added);
	int64		credit_note_id;

	if (settle_inserted(ledger, invoice->invoice_id, &added, note->attendee_id,
						&credit_note_id) && residual_id != NULL)
		*residual_id = credit_note_id;
	return payment_id;
}
