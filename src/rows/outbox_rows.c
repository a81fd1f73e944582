/*
 * outbox_rows.c
 *	  The outbox: what consumers are told.
 */
#include "postgres.h"

#include "base/actor_setting.h"
#include "rows/outbox_rows.h"
#include "rows/row.h"

/* A row that tells of this; who did it is the actor. */
static RowValues *
begin_log(OutboxKind kind)
{
	RowValues  *row = begin_values(OUTBOX);
	int64		actor;

	set_enum(row, OUTBOX_COL_KIND, kind);
	set_int8_or_null(row, OUTBOX_COL_ENTERED_BY, actor_user_id(&actor) ? &actor : NULL);
	return row;
}

/* row_log_invoice: before is NULL for an invoice that was just made. */
void
row_log_invoice(Ledger *ledger, OutboxKind kind, int64 invoice_id,
				const InvoiceStatus *before, InvoiceStatus after)
{
	RowValues  *row = begin_log(kind);

	set_int8(row, OUTBOX_COL_INVOICE_ID, invoice_id);
	if (before != NULL)
		set_enum(row, OUTBOX_COL_OLD_STATUS, *before);
	set_enum(row, OUTBOX_COL_NEW_STATUS, after);
	row_insert(ledger, row, NULL);
}

/* row_log_credit_note: invoice_id is NULL where no invoice has to do with it. */
void
row_log_credit_note(Ledger *ledger, OutboxKind kind, int64 credit_note_id,
					const int64 *invoice_id)
{
	RowValues  *row = begin_log(kind);

	set_int8_or_null(row, OUTBOX_COL_INVOICE_ID, invoice_id);
	set_int8(row, OUTBOX_COL_CREDIT_NOTE_ID, credit_note_id);
	row_insert(ledger, row, NULL);
}

void
row_log_reversal(Ledger *ledger, OutboxKind kind, const ReversalRow *reversal, int64 invoice_id)
{
	RowValues  *row = begin_log(kind);

	set_int8(row, OUTBOX_COL_INVOICE_ID, invoice_id);
	set_int8(row, OUTBOX_COL_REVERSAL_ID, reversal->reversal_id);
	row_insert(ledger, row, NULL);
}

void
row_log_cart(Ledger *ledger, OutboxKind kind, int64 cart_id)
{
	RowValues  *row = begin_log(kind);

	set_int8(row, OUTBOX_COL_CART_ID, cart_id);
	row_insert(ledger, row, NULL);
}
