/*
 * report.c
 *	  Reports that are more than a view: the ledger's sums as of any time, and
 *	  an invoice as a document.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/timestamp.h"

#include "base/args.h"
#include "engine/actor.h"
#include "flow/find.h"
#include "rows/invoice_rows.h"
#include "rows/ledger_rows.h"

/*
 * reconciliation(as_of) -> table (money_received, on_paid_invoices,
 *	   part_payments, credit_notes_unclaimed, credit_notes_refunded, difference,
 *	   sales, due, losses)
 *		Where the money that had been received by a time was then, in units of
 *		the ledger's currency: one row.
 *
 * Made from what is never changed, so that it is the same whenever it is asked
 * for, once the transactions that began by as_of have ended.  Raises RP010,
 * RP012, 22004, 42501.
 */
PG_FUNCTION_INFO_V1(regpaydb_reconciliation);
Datum
regpaydb_reconciliation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Ledger	   *ledger;

	InitMaterializedSRF(fcinfo, 0);
	engine_check_privilege(INVOICE, "value", ACL_SELECT);
	engine_check_privilege(CREDIT_NOTE, "value", ACL_SELECT);
	ledger = engine_begin_read(PAYMENT, "amount", ACL_SELECT);
	require_arg(fcinfo, 0, "as_of");
	actor_must_be_staff(ledger);
	row_reconciliation(ledger, PG_GETARG_TIMESTAMPTZ(0));
	tuplestore_puttuple(result->setResult, SPI_tuptable->vals[0]);
	engine_end();
	return (Datum) 0;
}

/*
 * invoice_document(invoice_id) -> jsonb
 *		The invoice with its lines, payments, credit notes and totals, for an
 *		application to render; amounts are in units of the ledger's currency.
 *
 * Raises RP002, RP012, 22004, 42501.
 */
PG_FUNCTION_INFO_V1(regpaydb_invoice_document);
Datum
regpaydb_invoice_document(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger;
	InvoiceRow	invoice;
	Datum		document;

	engine_check_privilege(LINE_ITEM, "price", ACL_SELECT);
	engine_check_privilege(PAYMENT, "amount", ACL_SELECT);
	engine_check_privilege(CREDIT_NOTE, "value", ACL_SELECT);
	ledger = engine_begin_read(INVOICE, "recipient", ACL_SELECT);
	find_invoice(ledger, int8_arg(fcinfo, 0, "invoice_id"), &invoice);
	if (!row_invoice_document(ledger, invoice.invoice_id, &document))
		not_found("invoice", invoice.invoice_id);
	engine_end();
	PG_RETURN_DATUM(document);
}
