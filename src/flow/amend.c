/*
 * amend.c
 *	  A cart that changes, by set_quantity() or by plain SQL on its items and
 *	  discounts.
 */
#include "postgres.h"

#include "flow/amend.h"
#include "flow/settle.h"
#include "flow/stock.h"
#include "rows/cart_rows.h"
#include "rows/product_rows.h"

/*
 * cart_has_lapsed
 *		Whether a locked cart reserves nothing any more.
 *
 * Ask when its products are locked: until then it may lapse, and others may take
 * what it held.
 */
bool
cart_has_lapsed(Ledger *ledger, int64 cart_id)
{
	CartRow		cart;

	return !row_cart(ledger, cart_id, &cart) || cart.lapsed;
}

/*
 * amend_cart
 *		A locked cart, with its products locked, has changed: what it holds is
 *		reserved afresh, and the invoice that billed it as it was is given up.
 *
 * Raises RP005 where there is more in it than before and that can't be had.  A
 * lapsed cart of which less remains, but still more than can be had, stays
 * lapsed: renewing it would take from whoever reserved the rest meanwhile.
 */
void
amend_cart(Ledger *ledger, int64 cart_id)
{
	bool		renew = true;
	int			ninvoices;
	int64	   *invoice_ids;

	if (row_cart_grows(ledger, cart_id))
		check_cart(ledger, cart_id, CART_CHECK_RESERVATION);
	else if (cart_has_lapsed(ledger, cart_id))
		renew = cart_is_possible(ledger, cart_id, CART_CHECK_STOCK);

	touch_products(ledger, cart_id);
	row_amend_cart(ledger, cart_id, row_count_entries(ledger, cart_id));
	if (renew)
		row_renew_cart(ledger, cart_id);
	row_reserve_items(ledger, cart_id);

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
