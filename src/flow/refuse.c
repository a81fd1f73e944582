/*
 * refuse.c
 *	  The errors for what can't be done to an invoice.
 */
#include "postgres.h"

#include "base/errors.h"
#include "base/money.h"
#include "flow/refuse.h"
#include "ledger/catalog.h"

/* settle_refuse: raise the error for what can't be done to an invoice. */
void
settle_refuse(Ledger *ledger, InvoiceRefusal refusal, const InvoiceRow *invoice)
{
	const char *status = invoice_status_names[invoice->state.status];

	switch (refusal)
	{
		case INVOICE_TOO_LARGE:
			ereport(ERROR,
					(errcode(RP_INVALID_AMOUNT),
					 errmsg("the payments of invoice " INT64_FORMAT " would add up to too much",
							invoice->invoice_id),
					 errdetail("The ledger holds amounts up to %s.",
							   money_to_cstring(invoice->state.limit, ledger->decimals)),
					 errhint("Check the amount.")));
			break;
		case INVOICE_OVERDRAWN:
			ereport(ERROR,
					(errcode(RP_INVALID_AMOUNT),
					 errmsg("invoice " INT64_FORMAT " can't give back more than was paid on it",
							invoice->invoice_id),
					 errdetail("%s is paid on this invoice.",
							   money_to_cstring(invoice->state.paid, ledger->decimals)),
					 errhint("Check the amount. What regpaydb.total_payments() says is what can be given back.")));
			break;
		case INVOICE_HAS_PAYMENTS:
			ereport(ERROR,
					(errcode(RP_INVOICE_HAS_PAYMENTS),
					 errmsg("invoice " INT64_FORMAT " has payments and can't be voided",
							invoice->invoice_id),
					 errdetail("%s is paid on this invoice.",
							   money_to_cstring(invoice->state.paid, ledger->decimals)),
					 errhint("Use regpaydb.refund_invoice() to turn the payments into a credit note.")));
			break;
		case INVOICE_CLOSED:
			ereport(ERROR,
					(errcode(RP_INVALID_STATE),
					 errmsg("invoice " INT64_FORMAT " is %s already", invoice->invoice_id, status),
					 errdetail("A refunded or void invoice never changes."),
					 errhint("What became of its payments, if it had any, is in regpaydb.invoice_document().")));
			break;
		case INVOICE_OK:
			break;
	}
	elog(ERROR, "unexpected refusal: %d", refusal);
}
