/*
 * money_rows.c
 *	  Payments, credit notes and the outbox: a typed function for every SQL text
 *	  about them, or what is done instead of it.
 */
#include "postgres.h"

#include "commands/sequence.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "columns.h"
#include "direct.h"
#include "errors.h"
#include "money.h"
#include "rows.h"
#include "store.h"

const char *const payment_kind_names[] = {
	[PAYMENT_PLAIN] = "payment",
	[PAYMENT_MANUAL] = "manual",
	[PAYMENT_CREDIT_NOTE] = "credit_note",
	[PAYMENT_CREDIT_APPLICATION] = "credit_application",
};

const char *const credit_note_state_names[] = {
	[CREDIT_NOTE_UNCLAIMED] = "unclaimed",
	[CREDIT_NOTE_APPLIED] = "applied",
	[CREDIT_NOTE_REFUNDED] = "refunded",
};

const char *const outbox_kind_names[] = {
	[OUTBOX_INVOICE_CREATED] = "invoice_created",
	[OUTBOX_INVOICE_UPDATED] = "invoice_updated",
	[OUTBOX_CREDIT_NOTE_CREATED] = "credit_note_created",
	[OUTBOX_CREDIT_NOTE_APPLIED] = "credit_note_applied",
	[OUTBOX_CREDIT_NOTE_REFUNDED] = "credit_note_refunded",
	[OUTBOX_CART_PAID] = "cart_paid",
	[OUTBOX_CART_RELEASED] = "cart_released",
};

/* ---- payments ---- */

int64
row_next_payment_id(Ledger *ledger)
{
	return nextval_internal(ledger->payment_sequence, false);
}

static bool
insert_payment_by_sql(Ledger *ledger, const PaymentRow *payment)
{
	char		nulls[] = "        ";
	Datum		args[] = {Int64GetDatum(payment->payment_id),
		Int64GetDatum(payment->invoice_id),
		CStringGetTextDatum(payment_kind_names[payment->kind]),
		money_datum(payment->amount), PointerGetDatum(payment->reference),
		nullable_text(payment->provider, &nulls[5]),
		nullable_text(payment->provider_ref, &nulls[6]),
	nullable_int8(payment->entered_by, &nulls[7])};
	bool		must_write = payment->provider_ref == NULL;

	if (!store_write_own(ledger, Q_INSERT_PAYMENT, PAYMENT, payment->payment_id,
						 args, nulls, must_write))
		return false;
	if (int8_column(0, 1) != payment->payment_id || int8_column(0, 2) != payment->invoice_id ||
		money_column(0, 3) != payment->amount)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("payment " INT64_FORMAT " was changed while it was recorded",
						payment->payment_id),
				 errdetail("A trigger on the table changed its key, invoice or amount."),
				 errhint("Triggers on a ledger's tables must let the engine's rows pass.")));
	return true;
}

/*
 * row_insert_payment
 *		Insert a payment that the engine settles by itself; false where its
 *		provider's reference is recorded already.
 *
 * Waits for a session that is just recording the same reference.
 */
bool
row_insert_payment(Ledger *ledger, const PaymentRow *payment)
{
	DirectTable *table = direct_open(ledger, PAYMENT, DIRECT_INSERT);
	bool		once = payment->provider_ref != NULL;
	bool		inserted;
	Datum		values[PAYMENT_COLUMNS] = {
		[PAYMENT_COL_ID] = Int64GetDatum(payment->payment_id),
		[PAYMENT_COL_INVOICE_ID] = Int64GetDatum(payment->invoice_id),
		[PAYMENT_COL_REFERENCE] = PointerGetDatum(payment->reference),
		[PAYMENT_COL_PROVIDER] = PointerGetDatum(payment->provider),
		[PAYMENT_COL_PROVIDER_REF] = PointerGetDatum(payment->provider_ref),
	};
	bool		nulls[PAYMENT_COLUMNS] = {
		[PAYMENT_COL_PROVIDER] = payment->provider == NULL,
		[PAYMENT_COL_PROVIDER_REF] = payment->provider_ref == NULL,
		[PAYMENT_COL_ENTERED_BY] = payment->entered_by == NULL,
	};

	if (table == NULL || (once && !direct_has_unique_index(table)))
		return insert_payment_by_sql(ledger, payment);
	values[PAYMENT_COL_KIND] = ObjectIdGetDatum(enum_oid(ENUM_PAYMENT_KIND, payment->kind));
	values[PAYMENT_COL_AMOUNT] = money_datum(payment->amount);
	if (payment->entered_by != NULL)
		values[PAYMENT_COL_ENTERED_BY] = Int64GetDatum(*payment->entered_by);
	inserted = direct_insert(table, values, nulls, once);
	/* As the table's trigger does where it is SQL that inserts. */
	ledger_refresh(ledger);
	return inserted;
}

/* row_payment_by_ref: fills in the payment's id, invoice and amount. */
bool
row_payment_by_ref(Ledger *ledger, text *provider, text *provider_ref, PaymentRow *payment)
{
	Datum		args[] = {PointerGetDatum(provider), PointerGetDatum(provider_ref)};
	DirectTable *table = direct_open(ledger, PAYMENT, DIRECT_READ);

	if (table != NULL)
	{
		if (!direct_find_unique(table, args[0], args[1]))
			return false;
		payment->payment_id = DatumGetInt64(direct_needed_value(table, PAYMENT_COL_ID));
		payment->invoice_id = DatumGetInt64(direct_needed_value(table, PAYMENT_COL_INVOICE_ID));
		payment->amount = direct_money(table, PAYMENT_COL_AMOUNT, "amount");
		return true;
	}
	if (store_run(ledger, Q_PAYMENT_BY_REF, args, NULL) == 0)
		return false;
	payment->payment_id = int8_column(0, 1);
	payment->invoice_id = int8_column(0, 2);
	payment->amount = money_column(0, 3);
	return true;
}

PaymentTotals
row_payment_totals(Ledger *ledger, int64 invoice_id)
{
	Datum		args[] = {Int64GetDatum(invoice_id)};
	PaymentTotals totals;

	store_run(ledger, Q_PAYMENT_TOTALS, args, NULL);
	totals.amount = money_column(0, 1);
	totals.payment_count = int8_column(0, 2);
	totals.last_payment_id = int8_column(0, 3);
	return totals;
}

/* ---- credit notes ---- */

static bool
read_credit_note(Ledger *ledger, StoreQuery query, int64 id, CreditNoteRow *row)
{
	Datum		args[] = {Int64GetDatum(id)};

	if (store_run(ledger, query, args, NULL) == 0)
		return false;
	row->credit_note_id = int8_column(0, 1);
	row->attendee_id = int8_column(0, 2);
	row->value = money_column(0, 3);
	row->state = enum_column(0, 4, credit_note_state_names, lengthof(credit_note_state_names));
	return true;
}

static CreditNoteState
credit_note_state(DirectTable *table)
{
	return enum_value(ENUM_CREDIT_NOTE_STATE,
					  DatumGetObjectId(direct_needed_value(table, CREDIT_NOTE_COL_STATE)));
}

static void
get_credit_note(DirectTable *table, CreditNoteRow *row)
{
	row->credit_note_id = DatumGetInt64(direct_needed_value(table, CREDIT_NOTE_COL_ID));
	row->attendee_id = DatumGetInt64(direct_needed_value(table, CREDIT_NOTE_COL_ATTENDEE_ID));
	row->value = direct_money(table, CREDIT_NOTE_COL_VALUE, "value");
	row->state = credit_note_state(table);
}

bool
row_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row)
{
	DirectTable *table = direct_open(ledger, CREDIT_NOTE, DIRECT_READ);

	if (table == NULL)
		return read_credit_note(ledger, Q_CREDIT_NOTE, credit_note_id, row);
	if (!direct_find_now(table, credit_note_id))
		return false;
	get_credit_note(table, row);
	return true;
}

bool
row_lock_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row)
{
	DirectTable *table = direct_open(ledger, CREDIT_NOTE, DIRECT_UPDATE);

	if (table == NULL)
		return read_credit_note(ledger, Q_LOCK_CREDIT_NOTE, credit_note_id, row);
	if (!direct_lock(table, credit_note_id))
		return false;
	get_credit_note(table, row);
	return true;
}

/* row_lock_oldest_credit_note: the attendee's oldest unclaimed note, locked. */
bool
row_lock_oldest_credit_note(Ledger *ledger, int64 attendee_id, CreditNoteRow *row)
{
	return read_credit_note(ledger, Q_LOCK_OLDEST_CREDIT_NOTE, attendee_id, row);
}

void
row_insert_credit_note(Ledger *ledger, const CreditNoteRow *note)
{
	Datum		args[] = {Int64GetDatum(note->credit_note_id),
	Int64GetDatum(note->attendee_id), money_datum(note->value)};
	DirectTable *table = direct_open(ledger, CREDIT_NOTE, DIRECT_INSERT);
	bool		nulls[CREDIT_NOTE_COLUMNS] = {false};
	Datum		values[CREDIT_NOTE_COLUMNS] = {
		[CREDIT_NOTE_COL_ID] = args[0],
		[CREDIT_NOTE_COL_ATTENDEE_ID] = args[1],
		[CREDIT_NOTE_COL_VALUE] = args[2],
	};

	if (table == NULL)
	{
		store_write(ledger, Q_INSERT_CREDIT_NOTE, CREDIT_NOTE, args, NULL);
		return;
	}
	values[CREDIT_NOTE_COL_STATE] =
		ObjectIdGetDatum(enum_oid(ENUM_CREDIT_NOTE_STATE, CREDIT_NOTE_UNCLAIMED));
	(void) direct_insert(table, values, nulls, false);
}

static Datum
claim_text(CreditNoteState claim)
{
	return CStringGetTextDatum(credit_note_state_names[claim]);
}

static void
set_credit_note_state(Ledger *ledger, int64 credit_note_id, CreditNoteState claim)
{
	DirectTable *table = direct_open(ledger, CREDIT_NOTE, DIRECT_UPDATE);
	Datum		values[CREDIT_NOTE_COLUMNS];
	bool		nulls[CREDIT_NOTE_COLUMNS] = {false};
	bool		replaced[CREDIT_NOTE_COLUMNS] = {[CREDIT_NOTE_COL_STATE] = true};

	if (table == NULL)
	{
		Datum		args[] = {Int64GetDatum(credit_note_id), claim_text(claim)};

		store_write_own(ledger, Q_CLAIM_CREDIT_NOTE, CREDIT_NOTE, credit_note_id, args, NULL,
						true);
		return;
	}
	values[CREDIT_NOTE_COL_STATE] = ObjectIdGetDatum(enum_oid(ENUM_CREDIT_NOTE_STATE, claim));
	if ((!direct_is_locked(table, credit_note_id) && !direct_lock(table, credit_note_id)) ||
		credit_note_state(table) != CREDIT_NOTE_UNCLAIMED ||
		!direct_update(table, credit_note_id, true, values, nulls, replaced))
		store_not_written(ledger, CREDIT_NOTE);
}

/* row_claim_credit_note: the one claim of a locked, unclaimed note. */
void
row_claim_credit_note(Ledger *ledger, const CreditNoteRow *note, CreditNoteState claim)
{
	DirectTable *table;
	Datum		values[CLAIM_COLUMNS] = {
		[CLAIM_COL_CREDIT_NOTE_ID] = Int64GetDatum(note->credit_note_id),
	};
	bool		nulls[CLAIM_COLUMNS] = {false};

	set_credit_note_state(ledger, note->credit_note_id, claim);
	table = direct_open(ledger, CREDIT_NOTE_CLAIM, DIRECT_INSERT);
	if (table == NULL)
	{
		Datum		args[] = {Int64GetDatum(note->credit_note_id), claim_text(claim)};

		store_write(ledger, Q_INSERT_CLAIM, CREDIT_NOTE_CLAIM, args, NULL);
		return;
	}
	values[CLAIM_COL_CLAIM] = ObjectIdGetDatum(enum_oid(ENUM_CREDIT_NOTE_STATE, claim));
	(void) direct_insert(table, values, nulls, false);
}

void
row_insert_application(Ledger *ledger, int64 payment_id, int64 credit_note_id)
{
	DirectTable *table = direct_open(ledger, CREDIT_NOTE_APPLICATION, DIRECT_INSERT);
	bool		nulls[APPLICATION_COLUMNS] = {false};
	Datum		values[APPLICATION_COLUMNS] = {
		[APPLICATION_COL_PAYMENT_ID] = Int64GetDatum(payment_id),
		[APPLICATION_COL_CREDIT_NOTE_ID] = Int64GetDatum(credit_note_id),
	};

	if (table != NULL)
		(void) direct_insert(table, values, nulls, false);
	else
		store_write(ledger, Q_INSERT_APPLICATION, CREDIT_NOTE_APPLICATION, values, NULL);
}

int64
row_insert_refund(Ledger *ledger, int64 credit_note_id, text *reference, int64 *entered_by)
{
	char		nulls[] = "   ";
	Datum		args[] = {Int64GetDatum(credit_note_id), PointerGetDatum(reference),
	nullable_int8(entered_by, &nulls[2])};

	store_write(ledger, Q_INSERT_REFUND, CREDIT_NOTE_REFUND, args, nulls);
	return int8_column(0, 1);
}

/* ---- outbox ---- */

/* What an outbox row tells of; 0 and NULL for what it does not. */
typedef struct OutboxRow
{
	OutboxKind	kind;
	int64		invoice_id;
	const InvoiceStatus *old_status;
	const InvoiceStatus *new_status;
	int64		credit_note_id;
	int64		cart_id;
} OutboxRow;

static void
log_by_sql(Ledger *ledger, const OutboxRow *row)
{
	char		nulls[] = "      ";
	Datum		args[] = {CStringGetTextDatum(outbox_kind_names[row->kind]),
		Int64GetDatum(row->invoice_id),
		row->old_status == NULL ? (Datum) 0 :
		CStringGetTextDatum(invoice_status_names[*row->old_status]),
		row->new_status == NULL ? (Datum) 0 :
		CStringGetTextDatum(invoice_status_names[*row->new_status]),
	Int64GetDatum(row->credit_note_id), Int64GetDatum(row->cart_id)};

	nulls[1] = row->invoice_id == 0 ? 'n' : ' ';
	nulls[2] = row->old_status == NULL ? 'n' : ' ';
	nulls[3] = row->new_status == NULL ? 'n' : ' ';
	nulls[4] = row->credit_note_id == 0 ? 'n' : ' ';
	nulls[5] = row->cart_id == 0 ? 'n' : ' ';
	store_write(ledger, Q_LOG, OUTBOX, args, nulls);
}

static Datum
status_datum(const InvoiceStatus *status)
{
	return status == NULL ? (Datum) 0 :
		ObjectIdGetDatum(enum_oid(ENUM_INVOICE_STATUS, *status));
}

static void
log_row(Ledger *ledger, const OutboxRow *row)
{
	DirectTable *table = direct_open(ledger, OUTBOX, DIRECT_INSERT);
	Datum		values[OUTBOX_COLUMNS] = {
		[OUTBOX_COL_INVOICE_ID] = Int64GetDatum(row->invoice_id),
		[OUTBOX_COL_CREDIT_NOTE_ID] = Int64GetDatum(row->credit_note_id),
		[OUTBOX_COL_CART_ID] = Int64GetDatum(row->cart_id),
	};
	bool		nulls[OUTBOX_COLUMNS] = {
		[OUTBOX_COL_INVOICE_ID] = row->invoice_id == 0,
		[OUTBOX_COL_OLD_STATUS] = row->old_status == NULL,
		[OUTBOX_COL_NEW_STATUS] = row->new_status == NULL,
		[OUTBOX_COL_CREDIT_NOTE_ID] = row->credit_note_id == 0,
		[OUTBOX_COL_CART_ID] = row->cart_id == 0,
	};

	if (table == NULL)
	{
		log_by_sql(ledger, row);
		return;
	}
	values[OUTBOX_COL_KIND] = ObjectIdGetDatum(enum_oid(ENUM_OUTBOX_KIND, row->kind));
	values[OUTBOX_COL_OLD_STATUS] = status_datum(row->old_status);
	values[OUTBOX_COL_NEW_STATUS] = status_datum(row->new_status);
	(void) direct_insert(table, values, nulls, false);
}

/* row_log_invoice: before is NULL for an invoice that was just made. */
void
row_log_invoice(Ledger *ledger, OutboxKind kind, int64 invoice_id,
				const InvoiceStatus *before, InvoiceStatus after)
{
	OutboxRow	row = {kind, invoice_id, before, &after, 0, 0};

	log_row(ledger, &row);
}

/* row_log_credit_note: invoice_id is 0 where no invoice has to do with it. */
void
row_log_credit_note(Ledger *ledger, OutboxKind kind, int64 credit_note_id, int64 invoice_id)
{
	OutboxRow	row = {kind, invoice_id, NULL, NULL, credit_note_id, 0};

	log_row(ledger, &row);
}

void
row_log_cart(Ledger *ledger, OutboxKind kind, int64 cart_id)
{
	OutboxRow	row = {kind, 0, NULL, NULL, 0, cart_id};

	log_row(ledger, &row);
}
