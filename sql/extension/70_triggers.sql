-- Trigger functions of the ledgers' tables.

CREATE FUNCTION regpaydb.settle_payments()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_settle_payments';
REVOKE ALL ON FUNCTION regpaydb.settle_payments() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.settle_payments() IS 'Trigger function of payment: settles the invoices that a statement''s payments are for.';

CREATE FUNCTION regpaydb.amend_carts()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_amend_carts';
REVOKE ALL ON FUNCTION regpaydb.amend_carts() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.amend_carts() IS 'Trigger function of cart_item and cart_discount: amends the carts that a statement changes.';

CREATE FUNCTION regpaydb.move_reservation()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_move_reservation';
REVOKE ALL ON FUNCTION regpaydb.move_reservation() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.move_reservation() IS 'Trigger function of cart: what it holds is reserved until its row says.';

CREATE FUNCTION regpaydb.change_stock()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_change_stock';
REVOKE ALL ON FUNCTION regpaydb.change_stock() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.change_stock() IS 'Trigger function of product and category: what there is more of is free at once, and what there is less of is not.';

CREATE FUNCTION regpaydb.guard_rows()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_guard_rows';
REVOKE ALL ON FUNCTION regpaydb.guard_rows() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.guard_rows() IS 'Trigger function: refuses changes of what only the engine changes.';

CREATE FUNCTION regpaydb.guard_conference()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_guard_conference';
REVOKE ALL ON FUNCTION regpaydb.guard_conference() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.guard_conference() IS 'Trigger function of conference: keeps its row, the decimals of its currency and, once there are payments, the currency.';

CREATE FUNCTION regpaydb.make_access_code()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_make_access_code';
REVOKE ALL ON FUNCTION regpaydb.make_access_code() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.make_access_code() IS 'Trigger function of attendee: makes an access code where none is given.';
