/*
 * amend.c
 *	  A cart that changes, by set_quantity() or by plain SQL on its items and
 *	  discounts.
 */
#include "postgres.h"

#include "flow/amend.h"
#include "flow/cart_needs.h"
#include "flow/settle.h"
#include "flow/stock.h"
#include "flow/stock_take.h"
#include "rows/cart_rows.h"
#include "rows/invoice_rows.h"

/*
 * cart_has_lapsed
 *		Whether a locked cart reserves nothing any more.
 */
bool
cart_has_lapsed(Ledger *ledger, int64 cart_id)
{
	CartRow		cart;

	return !row_cart(ledger, cart_id, &cart) || cart.lapsed;
}

/*
 * amend_cart
 *		A locked cart has changed: what it holds is reserved afresh, and the invoice
 *		that billed it as it was is given up.
 *
 * Raises RP005 where there is more in it than before and that can't be had.  A
 * lapsed cart of which less remains, but still more than can be had, stays lapsed:
 * others have what it held.
 */
void
amend_cart(Ledger *ledger, int64 cart_id)
{
	CartNeeds	needs;
	bool		held;
	int			ninvoices;
	int64	   *invoice_ids;

	find_cart_needs(ledger, cart_id, &needs);
	/* What is wrong can't be told any more when something was given back. */
	if (needs.gives && needs.grows)
		check_cart(ledger, cart_id, CART_CHECK_RESERVATION);
	held = stock_take(ledger, needs.changes, needs.nchanges, cart_id);
	if (!held && needs.grows)
	{
		check_cart(ledger, cart_id, CART_CHECK_RESERVATION);
		check_still_wrong(ledger, cart_id);
		refuse_cart(ledger, cart_id, CART_CHECK_STOCK);
	}
	row_amend_cart(ledger, cart_id, held);
	reserve_cart(ledger, cart_id, &needs, held);
	if (needs.grows)
		check_cart(ledger, cart_id, CART_CHECK_RESERVATION);

	invoice_ids = row_unpaid_invoices_of_cart(ledger, cart_id, &ninvoices);
	for (int i = 0; i < ninvoices; i++)
	{
		InvoiceRow	invoice;
		int64		credit_note_id;

		if (settle_lock_invoice(ledger, invoice_ids[i], &invoice) &&
			invoice.state.status == INVOICE_UNPAID)
			(void) settle_refund(ledger, &invoice, NULL, &credit_note_id);
	}
}
