/*
 * flow_rows.c
 *	  The ways of money: in and out of an invoice, and of a credit note.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "ledger/catalog.h"
#include "rows/flow_rows.h"
#include "rows/plan.h"
#include "rows/result.h"

/* row_invoice_flow: an invoice's payments in the order of their ids. */
FlowRow *
row_invoice_flow(Ledger *ledger, int64 invoice_id, int *nrows)
{
	Datum		args[] = {Int64GetDatum(invoice_id)};
	FlowRow    *rows;

	*nrows = (int) run_query(ledger, Q_INVOICE_FLOW, args, NULL);
	rows = MemoryContextAllocHuge(CurrentMemoryContext, Max(*nrows, 1) * sizeof(FlowRow));
	for (int i = 0; i < *nrows; i++)
	{
		rows[i].payment_id = int8_column(i, 1);
		rows[i].amount = money_column(ledger, i, 2);
		rows[i].kind = enum_value(ENUM_PAYMENT_KIND, DatumGetObjectId(needed_column(i, 3)));
		rows[i].has_note = int8_or_null_column(i, 4, &rows[i].credit_note_id);
		rows[i].has_reversed = int8_or_null_column(i, 5, &rows[i].reversed_id);
	}
	return rows;
}

NoteFate
row_note_fate(Ledger *ledger, int64 credit_note_id)
{
	Datum		args[] = {Int64GetDatum(credit_note_id)};
	NoteFate	fate = {0};

	if (run_query(ledger, Q_NOTE_FATE, args, NULL) == 0)
		return fate;
	fate.has_payment = int8_or_null_column(0, 1, &fate.payment_id);
	(void) int8_or_null_column(0, 2, &fate.invoice_id);
	fate.has_refund = int8_or_null_column(0, 3, &fate.refund_id);
	fate.has_parts = DatumGetBool(needed_column(0, 4));
	return fate;
}
