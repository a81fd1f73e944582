/*
 * call.c
 *	  Checks the arguments of SQL-callable functions, and finds the invoice or
 *	  credit note that they name.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "actor.h"
#include "call.h"
#include "errors.h"
#include "money.h"
#include "settle.h"
#include "stock.h"

/* require_arg: raise 22004 where an argument that is needed is NULL. */
void
require_arg(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
}

int64
int8_arg(FunctionCallInfo fcinfo, int number, const char *name)
{
	require_arg(fcinfo, number, name);
	return PG_GETARG_INT64(number);
}

/* money_arg: an amount in minor units; raises RP003. */
int64
money_arg(const Ledger *ledger, FunctionCallInfo fcinfo, int number, const char *name)
{
	require_arg(fcinfo, number, name);
	return money_from_numeric(PG_GETARG_NUMERIC(number), ledger->decimals, name);
}

/* text_arg: a text of at most max_length characters; raises 22001. */
text *
text_arg(FunctionCallInfo fcinfo, int number, const char *name, int max_length)
{
	text	   *value;

	require_arg(fcinfo, number, name);
	value = PG_GETARG_TEXT_PP(number);
	check_text_length(value, name, max_length);
	return value;
}

/* optional_text_arg: the same, or NULL. */
text *
optional_text_arg(FunctionCallInfo fcinfo, int number, const char *name, int max_length)
{
	return PG_ARGISNULL(number) ? NULL : text_arg(fcinfo, number, name, max_length);
}

void
check_text_length(text *value, const char *name, int max_length)
{
	int			length = pg_mbstrlen_with_len(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));

	if (length > max_length)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("%s is too long", name),
				 errdetail("It has %d characters; at most %d are allowed.", length, max_length)));
}

/* extension_type: the OID of a type of the extension's. */
Oid
extension_type(const char *name)
{
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
									   ObjectIdGetDatum(get_namespace_oid("regpaydb", false)));

	if (!OidIsValid(type))
		elog(ERROR, "type \"regpaydb.%s\" does not exist", name);
	return type;
}

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
 * Whether the actor may view what is an attendee's, if it exists.  Asked of any
 * attendee if it does not: that takes the time that it takes for what does.
 */
static bool
is_visible(Ledger *ledger, bool exists, int64 attendee_id, int64 any_id)
{
	return actor_may_view(ledger, exists ? attendee_id : any_id) && exists;
}

/* find_invoice: read an invoice that the actor may view, or raise RP002. */
void
find_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice)
{
	bool		exists = row_invoice(ledger, invoice_id, invoice);

	if (!is_visible(ledger, exists, invoice->attendee_id, invoice_id))
		not_found("invoice", invoice_id);
}

/*
 * lock_invoice
 *		Lock and read an invoice that the actor may view, and before it its cart
 *		and what is in it; raises RP002.
 */
void
lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice)
{
	int			nlocked;

	find_invoice(ledger, invoice_id, invoice);
	if (invoice->has_cart)
		lock_carts(ledger, &invoice->cart_id, 1, &nlocked);
	if (!settle_lock_invoice(ledger, invoice_id, invoice))
		not_found("invoice", invoice_id);
}

static void
check_visible_cart(Ledger *ledger, bool found, int64 cart_id, const CartRow *cart)
{
	if (!is_visible(ledger, found, cart->attendee_id, cart_id))
		not_found("cart", cart_id);
}

/* find_cart: read a cart that the actor may view, or raise RP002. */
void
find_cart(Ledger *ledger, int64 cart_id, CartRow *cart)
{
	check_visible_cart(ledger, row_cart(ledger, cart_id, cart), cart_id, cart);
}

/* lock_active_cart: lock a cart that can change; raises RP002, RP008. */
void
lock_active_cart(Ledger *ledger, int64 cart_id, CartRow *cart)
{
	check_visible_cart(ledger, row_lock_cart(ledger, cart_id, cart), cart_id, cart);
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

/* find_credit_note: read a note that the actor may view, or raise RP002. */
void
find_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *note)
{
	bool		exists = row_credit_note(ledger, credit_note_id, note);

	if (!is_visible(ledger, exists, note->attendee_id, credit_note_id))
		not_found("credit note", credit_note_id);
}

/* lock_unclaimed_note: lock a note that can be claimed; raises RP002, RP006. */
void
lock_unclaimed_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *note)
{
	find_credit_note(ledger, credit_note_id, note);
	if (!row_lock_credit_note(ledger, credit_note_id, note))
		not_found("credit note", credit_note_id);
	if (note->state != CREDIT_NOTE_UNCLAIMED)
		ereport(ERROR,
				(errcode(RP_CREDIT_NOTE_CLAIMED),
				 errmsg("credit note " INT64_FORMAT " is claimed already", credit_note_id),
				 errdetail(note->state == CREDIT_NOTE_APPLIED ?
						   "It was applied to an invoice." : "It was refunded."),
				 errhint("A credit note is used once, in full; what is left over of one that is applied is a note of its own.")));
}
