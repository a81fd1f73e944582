/*
 * outbox_rows.c
 *	  The outbox: what consumers are told.
 */
#include "postgres.h"

#include "base/actor_setting.h"
#include "rows/outbox_rows.h"
#include "rows/result.h"
#include "rows/row.h"

/* What an outbox row tells of; NULL for what it does not. */
typedef struct OutboxRow
{
	OutboxKind	kind;
	const int64 *invoice_id;
	const InvoiceStatus *old_status;
	const InvoiceStatus *new_status;
	const int64 *credit_note_id;
	const int64 *cart_id;
} OutboxRow;

static Datum
datum_of_status(const InvoiceStatus *status)
{
	return status == NULL ? (Datum) 0 :
		ObjectIdGetDatum(enum_oid(ENUM_INVOICE_STATUS, *status));
}

/* Write an outbox row; who did it is the actor. */
static void
log_row(Ledger *ledger, const OutboxRow *row)
{
	int64		actor;
	bool		has_actor = actor_user_id(&actor);
	Datum		values[OUTBOX_COLUMNS] = {
		[OUTBOX_COL_KIND] = ObjectIdGetDatum(enum_oid(ENUM_OUTBOX_KIND, row->kind)),
		[OUTBOX_COL_INVOICE_ID] = datum_of_int8(row->invoice_id),
		[OUTBOX_COL_OLD_STATUS] = datum_of_status(row->old_status),
		[OUTBOX_COL_NEW_STATUS] = datum_of_status(row->new_status),
		[OUTBOX_COL_CREDIT_NOTE_ID] = datum_of_int8(row->credit_note_id),
		[OUTBOX_COL_CART_ID] = datum_of_int8(row->cart_id),
		[OUTBOX_COL_ENTERED_BY] = datum_of_int8(has_actor ? &actor : NULL),
	};
	bool		nulls[OUTBOX_COLUMNS] = {
		[OUTBOX_COL_INVOICE_ID] = row->invoice_id == NULL,
		[OUTBOX_COL_OLD_STATUS] = row->old_status == NULL,
		[OUTBOX_COL_NEW_STATUS] = row->new_status == NULL,
		[OUTBOX_COL_CREDIT_NOTE_ID] = row->credit_note_id == NULL,
		[OUTBOX_COL_CART_ID] = row->cart_id == NULL,
		[OUTBOX_COL_ENTERED_BY] = !has_actor,
	};

	row_insert(ledger, OUTBOX, values, nulls);
}

/* row_log_invoice: before is NULL for an invoice that was just made. */
void
row_log_invoice(Ledger *ledger, OutboxKind kind, int64 invoice_id,
				const InvoiceStatus *before, InvoiceStatus after)
{
	OutboxRow	row = {.kind = kind, .invoice_id = &invoice_id, .old_status = before, .new_status = &after};

	log_row(ledger, &row);
}

/* row_log_credit_note: invoice_id is NULL where no invoice has to do with it. */
void
row_log_credit_note(Ledger *ledger, OutboxKind kind, int64 credit_note_id,
					const int64 *invoice_id)
{
	OutboxRow	row = {.kind = kind, .invoice_id = invoice_id, .credit_note_id = &credit_note_id};

	log_row(ledger, &row);
}

void
row_log_cart(Ledger *ledger, OutboxKind kind, int64 cart_id)
{
	OutboxRow	row = {.kind = kind, .cart_id = &cart_id};

	log_row(ledger, &row);
}
