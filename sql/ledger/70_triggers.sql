CREATE TRIGGER attendee_access_code
	BEFORE INSERT ON attendee
	FOR EACH ROW WHEN (NEW.access_code IS NULL)
	EXECUTE FUNCTION regpaydb.make_access_code();
COMMENT ON TRIGGER attendee_access_code ON attendee IS 'Makes an access code where none is given.';

CREATE TRIGGER payment_settle
	AFTER INSERT ON payment
	REFERENCING NEW TABLE AS new_payment
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.settle_payments();
COMMENT ON TRIGGER payment_settle ON payment IS 'Settles every invoice that the statement''s payments are for.';

-- Guards.  guard_rows() lets the owner insert, as the engine does and whoever
-- restores a dump.  Without arguments it refuses every other change; with them,
-- the first is the key and the rest are the columns that only the engine
-- changes (all of them, where none is named).
CREATE TRIGGER conference_guard
	BEFORE UPDATE OR DELETE ON conference
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_conference();
COMMENT ON TRIGGER conference_guard ON conference IS 'Keeps the row, the decimals of its currency and, once there are payments, the currency.';
CREATE TRIGGER conference_guard_truncate
	BEFORE TRUNCATE ON conference
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER conference_guard_truncate ON conference IS 'Keeps the row.';

CREATE TRIGGER product_guard
	BEFORE UPDATE ON product
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows('product_id', 'product_id');
COMMENT ON TRIGGER product_guard ON product IS 'A product keeps its key.';

CREATE TRIGGER product_change_stock
	AFTER UPDATE ON product REFERENCING OLD TABLE AS before NEW TABLE AS after
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.change_stock();
COMMENT ON TRIGGER product_change_stock ON product IS 'What there is more of is free at once, and what there is less of is not.';

CREATE TRIGGER category_change_stock
	AFTER UPDATE ON category REFERENCING OLD TABLE AS before NEW TABLE AS after
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.change_stock();
COMMENT ON TRIGGER category_change_stock ON category IS 'What there is more of is free at once, and what there is less of is not.';

CREATE TRIGGER stock_slot_guard
	BEFORE INSERT OR UPDATE ON stock_slot
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows('stock_slot_id');
COMMENT ON TRIGGER stock_slot_guard ON stock_slot IS 'Only the engine takes and gives back. Rows that are deleted are counted again.';

CREATE TRIGGER stock_slot_guard_truncate
	BEFORE TRUNCATE ON stock_slot
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER stock_slot_guard_truncate ON stock_slot IS 'Rows are deleted: REPEATABLE READ would not notice that they are gone.';

CREATE TRIGGER cart_move_reservation
	AFTER UPDATE ON cart
	FOR EACH ROW WHEN (OLD.time_last_updated <> NEW.time_last_updated
		OR OLD.reservation_duration <> NEW.reservation_duration)
	EXECUTE FUNCTION regpaydb.move_reservation();
COMMENT ON TRIGGER cart_move_reservation ON cart IS 'What the cart holds is reserved until its row says.';

CREATE TRIGGER cart_guard_insert
	BEFORE INSERT ON cart
	FOR EACH ROW WHEN (NEW.status <> 'active' OR NEW.revision <> 1 OR NEW.entry_count <> 0)
	EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER cart_guard_insert ON cart IS 'A new cart is active and empty.';

CREATE TRIGGER cart_guard
	BEFORE UPDATE ON cart
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows('cart_id', 'attendee_id',
		'status', 'revision', 'entry_count');
COMMENT ON TRIGGER cart_guard ON cart IS 'Keeps the columns that only the engine changes.';

CREATE TRIGGER reservation_guard
	BEFORE INSERT OR UPDATE OR DELETE ON reservation
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows('cart_id');
COMMENT ON TRIGGER reservation_guard ON reservation IS 'Only the engine reserves.';

CREATE TRIGGER reservation_guard_truncate
	BEFORE TRUNCATE ON reservation
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER reservation_guard_truncate ON reservation IS 'Only the engine reserves.';

CREATE TRIGGER cart_item_amend_insert
	AFTER INSERT ON cart_item
	REFERENCING NEW TABLE AS new_row
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.amend_carts();
COMMENT ON TRIGGER cart_item_amend_insert ON cart_item IS 'Amends the carts that the statement changes.';
CREATE TRIGGER cart_item_amend_update
	AFTER UPDATE ON cart_item
	REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.amend_carts();
COMMENT ON TRIGGER cart_item_amend_update ON cart_item IS 'Amends the carts that the statement changes.';
CREATE TRIGGER cart_item_amend_delete
	AFTER DELETE ON cart_item
	REFERENCING OLD TABLE AS old_row
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.amend_carts();
COMMENT ON TRIGGER cart_item_amend_delete ON cart_item IS 'Amends the carts that the statement changes.';

CREATE TRIGGER cart_item_guard_truncate
	BEFORE TRUNCATE ON cart_item
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER cart_item_guard_truncate ON cart_item IS 'Items are removed one by one.';

CREATE TRIGGER cart_discount_amend_insert
	AFTER INSERT ON cart_discount
	REFERENCING NEW TABLE AS new_row
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.amend_carts();
COMMENT ON TRIGGER cart_discount_amend_insert ON cart_discount IS 'Amends the carts that the statement changes.';
CREATE TRIGGER cart_discount_amend_update
	AFTER UPDATE ON cart_discount
	REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.amend_carts();
COMMENT ON TRIGGER cart_discount_amend_update ON cart_discount IS 'Amends the carts that the statement changes.';
CREATE TRIGGER cart_discount_amend_delete
	AFTER DELETE ON cart_discount
	REFERENCING OLD TABLE AS old_row
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.amend_carts();
COMMENT ON TRIGGER cart_discount_amend_delete ON cart_discount IS 'Amends the carts that the statement changes.';

CREATE TRIGGER cart_discount_guard_truncate
	BEFORE TRUNCATE ON cart_discount
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER cart_discount_guard_truncate ON cart_discount IS 'Discounts are removed one by one.';

CREATE TRIGGER invoice_guard_update
	BEFORE UPDATE ON invoice
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows('invoice_id', 'attendee_id',
		'cart_id', 'cart_revision', 'status', 'value', 'paid', 'payment_count',
		'last_payment_id', 'issue_time', 'paid_time', 'closed_time', 'issued_by',
		'closed_by', 'closed_reason', 'replaces');
COMMENT ON TRIGGER invoice_guard_update ON invoice IS 'Keeps the columns that only the engine changes.';
CREATE TRIGGER invoice_guard
	BEFORE INSERT OR DELETE ON invoice
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER invoice_guard ON invoice IS 'Invoices are made by functions, and voided, never deleted.';
CREATE TRIGGER invoice_guard_truncate
	BEFORE TRUNCATE ON invoice
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER invoice_guard_truncate ON invoice IS 'Invoices are voided, never deleted.';

CREATE TRIGGER line_item_guard
	BEFORE INSERT OR UPDATE OR DELETE ON line_item
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER line_item_guard ON line_item IS 'Append-only, and written by the engine.';
CREATE TRIGGER line_item_guard_truncate
	BEFORE TRUNCATE ON line_item
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER line_item_guard_truncate ON line_item IS 'Append-only.';

CREATE TRIGGER payment_guard
	BEFORE UPDATE OR DELETE ON payment
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER payment_guard ON payment IS 'Append-only.';
CREATE TRIGGER payment_guard_truncate
	BEFORE TRUNCATE ON payment
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER payment_guard_truncate ON payment IS 'Append-only.';

CREATE TRIGGER credit_note_guard_update
	BEFORE UPDATE ON credit_note
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows('credit_note_id');
COMMENT ON TRIGGER credit_note_guard_update ON credit_note IS 'Append-only but for the one claim.';
CREATE TRIGGER credit_note_guard
	BEFORE INSERT OR DELETE ON credit_note
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER credit_note_guard ON credit_note IS 'Append-only but for the one claim.';
CREATE TRIGGER credit_note_guard_truncate
	BEFORE TRUNCATE ON credit_note
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER credit_note_guard_truncate ON credit_note IS 'Append-only but for the one claim.';

CREATE TRIGGER credit_note_claim_guard
	BEFORE INSERT OR UPDATE OR DELETE ON credit_note_claim
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER credit_note_claim_guard ON credit_note_claim IS 'Append-only, and written by the engine.';
CREATE TRIGGER credit_note_claim_guard_truncate
	BEFORE TRUNCATE ON credit_note_claim
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER credit_note_claim_guard_truncate ON credit_note_claim IS 'Append-only.';

CREATE TRIGGER credit_note_application_guard
	BEFORE INSERT OR UPDATE OR DELETE ON credit_note_application
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER credit_note_application_guard ON credit_note_application IS 'Append-only, and written by the engine.';
CREATE TRIGGER credit_note_application_guard_truncate
	BEFORE TRUNCATE ON credit_note_application
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER credit_note_application_guard_truncate ON credit_note_application IS 'Append-only.';

CREATE TRIGGER credit_note_refund_guard_update
	BEFORE UPDATE ON credit_note_refund
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows('credit_note_refund_id');
COMMENT ON TRIGGER credit_note_refund_guard_update ON credit_note_refund IS 'Append-only but for its end.';
CREATE TRIGGER credit_note_refund_guard
	BEFORE INSERT OR DELETE ON credit_note_refund
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER credit_note_refund_guard ON credit_note_refund IS 'Append-only, and written by the engine.';
CREATE TRIGGER credit_note_refund_guard_truncate
	BEFORE TRUNCATE ON credit_note_refund
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER credit_note_refund_guard_truncate ON credit_note_refund IS 'Append-only.';

CREATE TRIGGER credit_note_refund_part_guard
	BEFORE INSERT OR UPDATE OR DELETE ON credit_note_refund_part
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER credit_note_refund_part_guard ON credit_note_refund_part IS 'Append-only, and written by the engine.';
CREATE TRIGGER credit_note_refund_part_guard_truncate
	BEFORE TRUNCATE ON credit_note_refund_part
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER credit_note_refund_part_guard_truncate ON credit_note_refund_part IS 'Append-only.';

CREATE TRIGGER reversal_guard
	BEFORE INSERT OR UPDATE OR DELETE ON reversal
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER reversal_guard ON reversal IS 'Append-only, and written by the engine.';
CREATE TRIGGER reversal_guard_truncate
	BEFORE TRUNCATE ON reversal
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER reversal_guard_truncate ON reversal IS 'Append-only.';

-- Taken rows may be deleted.
CREATE TRIGGER outbox_guard
	BEFORE UPDATE ON outbox
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER outbox_guard ON outbox IS 'What happened does not change.';
CREATE TRIGGER outbox_guard_truncate
	BEFORE TRUNCATE ON outbox
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.guard_rows();
COMMENT ON TRIGGER outbox_guard_truncate ON outbox IS 'Rows are taken one by one.';
