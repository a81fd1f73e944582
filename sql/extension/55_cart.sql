-- Carts and stock.

CREATE FUNCTION regpaydb.current_cart(
		attendee_id bigint)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_current_cart';
REVOKE ALL ON FUNCTION regpaydb.current_cart(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.current_cart(bigint) IS 'The attendee''s active cart, made if there is none.';

CREATE FUNCTION regpaydb.set_quantity(
		cart_id bigint,
		product_id bigint,
		quantity integer)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_set_quantity';
REVOKE ALL ON FUNCTION regpaydb.set_quantity(bigint, bigint, integer) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.set_quantity(bigint, bigint, integer) IS 'Puts so many of a product into an active cart, in place of what it had; 0 removes it. Reserves the cart''s items, and voids or refunds the invoice that billed the cart as it was.';

CREATE FUNCTION regpaydb.validate_cart(
		cart_id bigint)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_validate_cart';
REVOKE ALL ON FUNCTION regpaydb.validate_cart(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.validate_cart(bigint) IS 'Raises an error unless the cart can be invoiced and paid.';

CREATE FUNCTION regpaydb.extend_reservation(
		cart_id bigint,
		duration interval)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_extend_reservation';
REVOKE ALL ON FUNCTION regpaydb.extend_reservation(bigint, interval) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.extend_reservation(bigint, interval) IS 'Keeps the items of an active cart reserved for at least the given time from now.';

CREATE FUNCTION regpaydb.available_stock(
		product_id bigint)
	RETURNS integer
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_available_stock';
REVOKE ALL ON FUNCTION regpaydb.available_stock(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.available_stock(bigint) IS 'How many of the product are neither sold nor reserved, of its own stock and of its category''s; NULL for any number.';

CREATE FUNCTION regpaydb.invoice_cart(
		cart_id bigint)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_invoice_cart';
REVOKE ALL ON FUNCTION regpaydb.invoice_cart(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.invoice_cart(bigint) IS 'The invoice of the cart as it is now, made if there is none.';

CREATE FUNCTION regpaydb.expire_invoices(
		"limit" integer DEFAULT 100)
	RETURNS integer
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_expire_invoices';
REVOKE ALL ON FUNCTION regpaydb.expire_invoices(integer) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.expire_invoices(integer) IS 'Voids, or refunds to credit, unpaid invoices whose carts can''t be had any more, so many at most; returns how many. What lapsed reservations have is free then. For a scheduler, every minute.';
