/*
 * find.c
 *	  Finds and locks the invoice, cart or credit note that a caller names, if
 *	  the actor may view it.
 */
#include "postgres.h"

#include "base/errors.h"
#include "engine/actor.h"
#include "flow/find.h"
#include "flow/settle.h"
#include "flow/stock.h"
#include "ledger/catalog.h"
#include "rows/attendee_rows.h"
#include "rows/cart_rows.h"
#include "rows/credit_note_rows.h"
#include "rows/invoice_rows.h"

/*
 * not_found
 *		Raise RP002.  The same words for what does not exist and for what the
 *		actor may not view, so that they tell nobody which it is.
 */
void
not_found(const char *what, int64 id)
{
	ereport(ERROR,
			(errcode(RP_NOT_FOUND),
			 errmsg("there is no %s " INT64_FORMAT, what, id),
			 errdetail("It does not exist in this ledger, or may not be viewed."),
			 errhint("Check the number, and the settings regpaydb.ledger, regpaydb.user_id and regpaydb.access_code.")));
}

/*
 * Raise RP002 unless the actor may view what belongs to this attendee, NULL for what
 * does not exist.  Then it is asked of any attendee: that takes the time that it
 * takes for what does.
 */
static void
check_visible(Ledger *ledger, const char *what, int64 id, const int64 *attendee_id)
{
	if (!actor_may_view(ledger, attendee_id != NULL ? *attendee_id : id) || attendee_id == NULL)
		not_found(what, id);
}

/* find_invoice: read an invoice that the actor may view, or raise RP002. */
void
find_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice)
{
	bool		exists = row_invoice(ledger, invoice_id, invoice);

	check_visible(ledger, "invoice", invoice_id, exists ? &invoice->attendee_id : NULL);
}

/*
 * lock_found_invoice
 *		Lock an invoice that was found, and before it its cart, and read what it is
 *		now; raises RP002.  Where it is locked already, so is that.
 */
void
lock_found_invoice(Ledger *ledger, InvoiceRow *invoice)
{
	int64		invoice_id = invoice->invoice_id;
	CartRow		cart;

	if (invoice->has_cart && !invoice->locked)
		(void) row_lock_cart(ledger, invoice->cart_id, &cart);
	if (!settle_lock_invoice(ledger, invoice_id, invoice))
		not_found("invoice", invoice_id);
}

/* lock_invoice: the same with an invoice that the actor may view. */
void
lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice)
{
	find_invoice(ledger, invoice_id, invoice);
	lock_found_invoice(ledger, invoice);
}

/* find_attendee: read an attendee whom the actor may view, or raise RP002. */
void
find_attendee(Ledger *ledger, int64 attendee_id, AttendeeRow *attendee)
{
	if (!row_attendee(ledger, attendee_id, attendee) || !actor_may_view(ledger, attendee_id))
		not_found("attendee", attendee_id);
}

/* find_cart: read a cart that the actor may view, or raise RP002. */
void
find_cart(Ledger *ledger, int64 cart_id, CartRow *cart)
{
	bool		exists = row_cart(ledger, cart_id, cart);

	check_visible(ledger, "cart", cart_id, exists ? &cart->attendee_id : NULL);
}

/* lock_active_cart: lock a cart that can change; raises RP002, RP008. */
void
lock_active_cart(Ledger *ledger, int64 cart_id, CartRow *cart)
{
	bool		exists = row_lock_cart(ledger, cart_id, cart);

	check_visible(ledger, "cart", cart_id, exists ? &cart->attendee_id : NULL);
	if (cart->status != CART_STATUS_ACTIVE)
		cart_is_closed(cart);
}

/* cart_is_closed: raise RP008. */
void
cart_is_closed(const CartRow *cart)
{
	ereport(ERROR,
			(errcode(RP_INVALID_STATE),
			 errmsg("cart " INT64_FORMAT " is %s and can't be changed", cart->cart_id,
					cart_status_names[cart->status]),
			 errdetail("Only an active cart changes."),
			 errhint("regpaydb.current_cart() gives the attendee's active cart.")));
}

/* lock_unclaimed_note: lock a note that can be claimed; raises RP002, RP006. */
void
lock_unclaimed_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *note)
{
	if (!row_lock_credit_note(ledger, credit_note_id, note))
		not_found("credit note", credit_note_id);
	if (note->state != CREDIT_NOTE_UNCLAIMED)
		ereport(ERROR,
				(errcode(RP_CREDIT_NOTE_CLAIMED),
				 errmsg("credit note " INT64_FORMAT " is claimed already", credit_note_id),
				 errdetail(note->state == CREDIT_NOTE_APPLIED ?
						   "It was applied to an invoice." : "A refund of it was requested or made."),
				 errhint("A credit note is used once, in full; what is left over of one that is applied is a note of its own.")));
}
