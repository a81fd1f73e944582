/*
 * payable.c
 *	  Whether an invoice can be paid now.
 */
#include "postgres.h"

#include "base/errors.h"
#include "flow/payable.h"
#include "flow/stock.h"
#include "ledger/catalog.h"
#include "rows/cart_rows.h"

/* The cart of an invoice that is to be paid has to be what was invoiced. */
static void
check_not_amended(Ledger *ledger, const InvoiceRow *invoice, CartRow *cart)
{
	bool		active = row_cart(ledger, invoice->cart_id, cart) &&
		cart->status == CART_STATUS_ACTIVE;

	if (!active || cart->revision != invoice->cart_revision)
		ereport(ERROR,
				(errcode(RP_REGISTRATION_AMENDED),
				 errmsg("the registration was amended since invoice " INT64_FORMAT " was made",
						invoice->invoice_id),
				 errdetail("The invoice bills revision %d of its cart.", invoice->cart_revision),
				 active ? errhint("Make a new one with regpaydb.invoice_cart().") :
				 errhint("That cart is closed. regpaydb.current_cart() gives the attendee's active cart.")));
}

static void
check_unpaid(const InvoiceRow *invoice)
{
	static const char *const hints[] = {
		[INVOICE_PAID] = "Nothing more is due.",
		[INVOICE_REFUNDED] = "Ask for a new invoice. What became of the payments of this one is in regpaydb.invoice_document().",
		[INVOICE_VOID] = "Ask for a new invoice.",
	};

	if (invoice->state.status != INVOICE_UNPAID)
		ereport(ERROR,
				(errcode(RP_INVOICE_NOT_PAYABLE),
				 errmsg("invoice " INT64_FORMAT " can't be paid", invoice->invoice_id),
				 errdetail("It is %s.", invoice_status_names[invoice->state.status]),
				 errhint("%s", hints[invoice->state.status])));
}

/*
 * check_payable
 *		Raise RP001 where the invoice can't take payments, RP004 where its
 *		registration was amended, RP005 where its cart can't be sold any more.
 */
void
check_payable(Ledger *ledger, const InvoiceRow *invoice)
{
	CartRow		cart;

	check_unpaid(invoice);
	if (invoice->has_cart)
	{
		check_not_amended(ledger, invoice, &cart);
		check_cart(ledger, invoice->cart_id, CART_CHECK_ALL);
	}
}

/*
 * check_likely_payable
 *		The same as far as it is quickly done, before anything is waited for; of
 *		a cart whose reservation has lapsed, whether it is sold out.
 */
void
check_likely_payable(Ledger *ledger, const InvoiceRow *invoice)
{
	CartRow		cart;

	check_unpaid(invoice);
	if (invoice->has_cart)
	{
		check_not_amended(ledger, invoice, &cart);
		if (cart.lapsed)
			check_cart(ledger, invoice->cart_id, CART_CHECK_STOCK);
	}
}
