\echo Use "ALTER EXTENSION regpaydb UPDATE" to load this file. \quit
-- What is there before, for the end of this script.
SELECT pg_catalog.set_config('regpaydb_update.known', pg_catalog.string_agg(pg_catalog.format('%s/%s', d.classid, d.objid), ' '), true)
	FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
	WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
		AND d.deptype OPERATOR(pg_catalog.=) 'e' AND e.extname OPERATOR(pg_catalog.=) 'regpaydb';

-- Stock in slots.
CREATE FUNCTION regpaydb.change_stock()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_change_stock';
REVOKE ALL ON FUNCTION regpaydb.change_stock() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.change_stock() IS 'Trigger function of product and category: what there is more of is free at once, and what there is less of is not.';

-- Return and substitute.
CREATE FUNCTION regpaydb.return_items(
		invoice_id bigint,
		items jsonb,
		reason text DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_return_items';
REVOKE ALL ON FUNCTION regpaydb.return_items(bigint, jsonb, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.return_items(bigint, jsonb, text) IS 'Takes items of a paid invoice back: what remains is on a new invoice that is paid, at the prices that were paid, and nobody else can buy it meanwhile; returns the credit note of what is left over, NULL for none. items: [{"line_item_id": 7, "quantity": 1}, ...], by default all of a line.';

CREATE FUNCTION regpaydb.charge_credit_note(
		credit_note_id bigint,
		lines jsonb,
		due interval DEFAULT '1 day')
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_charge_credit_note';
REVOKE ALL ON FUNCTION regpaydb.charge_credit_note(bigint, jsonb, interval) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.charge_credit_note(bigint, jsonb, interval) IS 'Makes an invoice of these lines, due after the given time, and pays it by this credit note; what is left over becomes a new note. Returns the invoice''s id. lines are as those of manual_invoice().';

COMMENT ON FUNCTION regpaydb.available_stock(bigint) IS 'How many of the product are neither sold nor reserved, of its own stock and of its category''s; NULL for any number.';
COMMENT ON FUNCTION regpaydb.expire_invoices(integer) IS 'Voids, or refunds to credit, unpaid invoices whose carts can''t be had any more, so many at most; returns how many. What lapsed reservations have is free then. For a scheduler, every minute.';

-- Refunds that are requested, and money that platforms take back.  The values can be used
-- from the next transaction on.
ALTER TYPE regpaydb.payment_kind ADD VALUE 'reversal' BEFORE 'credit_note';
ALTER TYPE regpaydb.payment_kind ADD VALUE 'refund_failed';
COMMENT ON TYPE regpaydb.payment_kind IS 'Where a payment comes from. Those before credit_note are money from outside, or that went back there.';
ALTER TYPE regpaydb.outbox_kind ADD VALUE 'refund_done';
ALTER TYPE regpaydb.outbox_kind ADD VALUE 'refund_failed';
ALTER TYPE regpaydb.outbox_kind ADD VALUE 'payment_reversed';
ALTER TYPE regpaydb.outbox_kind ADD VALUE 'reversal_loss';

CREATE TYPE regpaydb.refund_state AS ENUM ('requested', 'done', 'failed');
COMMENT ON TYPE regpaydb.refund_state IS 'How far a refund is.';

CREATE FUNCTION regpaydb.request_refund(
		credit_note_id bigint,
		reference text,
		parts jsonb DEFAULT NULL,
		entered_by bigint DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_request_refund';
REVOKE ALL ON FUNCTION regpaydb.request_refund(bigint, text, jsonb, bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.request_refund(bigint, text, jsonb, bigint) IS 'Claims a credit note for a refund that a payment platform is to make; returns the refund''s id, which is the idempotency key to send, with the payment''s where there are several parts. parts: [{"payment_id": 3, "amount": 100.00}, ...], by default what its sources can take; the rest goes some other way.';

CREATE FUNCTION regpaydb.confirm_refund(
		credit_note_refund_id bigint,
		provider text DEFAULT NULL,
		provider_ref text DEFAULT NULL)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_confirm_refund';
REVOKE ALL ON FUNCTION regpaydb.confirm_refund(bigint, text, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.confirm_refund(bigint, text, text) IS 'Records that a refund that was requested is done; again with the same reference does nothing.';

CREATE FUNCTION regpaydb.fail_refund(
		credit_note_refund_id bigint,
		reason text)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_fail_refund';
REVOKE ALL ON FUNCTION regpaydb.fail_refund(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.fail_refund(bigint, text) IS 'Records that a refund that was requested has failed: its money becomes a new credit note, whose id is returned.';

CREATE FUNCTION regpaydb.refund_sources(
		credit_note_id bigint)
	RETURNS TABLE (
		payment_id bigint,
		provider text,
		provider_ref text,
		reference text,
		amount numeric,
		refundable numeric)
	LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 5
	AS 'MODULE_PATHNAME', 'regpaydb_refund_sources';
REVOKE ALL ON FUNCTION regpaydb.refund_sources(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.refund_sources(bigint) IS 'Which payments from outside brought a credit note''s money, how much each, and how much of each payment can still go back to it.';

CREATE FUNCTION regpaydb.money_trail(
		payment_id bigint)
	RETURNS TABLE (
		place text,
		amount numeric,
		invoice_id bigint,
		credit_note_id bigint,
		credit_note_refund_id bigint)
	LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 5
	AS 'MODULE_PATHNAME', 'regpaydb_money_trail';
REVOKE ALL ON FUNCTION regpaydb.money_trail(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.money_trail(bigint) IS 'Where the money that a payment brought is now: on invoices, in unclaimed credit notes, refunded or reversed.';

CREATE FUNCTION regpaydb.payment_summary(
		provider text,
		provider_ref text)
	RETURNS text
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_payment_summary';
REVOKE ALL ON FUNCTION regpaydb.payment_summary(text, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.payment_summary(text, text) IS 'The same in words for a platform''s payment: 640.00: 475.00 on invoice 12 (paid), 100.00 back by refund 7 (done), 65.00 in credit note 88. NULL where there is no such payment.';

CREATE FUNCTION regpaydb.record_reversal(
		provider text,
		provider_ref text,
		amount numeric,
		reversal_ref text,
		reference text DEFAULT '')
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_record_reversal';
REVOKE ALL ON FUNCTION regpaydb.record_reversal(text, text, numeric, text, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.record_reversal(text, text, numeric, text, text) IS 'Records that a platform took back money that this payment had brought, from what its invoice has too much first; returns the reversal''s id. NULL where reversal_ref is a refund of ours, which is confirmed. The same reversal_ref again returns the first one''s id and does nothing.';
COMMENT ON FUNCTION regpaydb.total_payments(bigint) IS 'What has been paid on the invoice, less what was turned into credit notes or taken back by a platform.';
COMMENT ON FUNCTION regpaydb.refund_credit_note(bigint, text, bigint) IS 'Records that a credit note was paid out in full: a refund that is requested and done at once; returns its id.';

DROP FUNCTION regpaydb.reconciliation(timestamptz);
CREATE FUNCTION regpaydb.reconciliation(
		as_of timestamptz)
	RETURNS TABLE (
		money_received numeric,
		on_paid_invoices numeric,
		part_payments numeric,
		credit_notes_unclaimed numeric,
		credit_notes_refunded numeric,
		difference numeric,
		sales numeric,
		due numeric,
		losses numeric)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_reconciliation';
REVOKE ALL ON FUNCTION regpaydb.reconciliation(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.reconciliation(timestamptz) IS 'Where the money that had been received by a time was then: on invoices, in unclaimed credit notes or refunded, which leaves a difference of 0. Beside it the value of the invoices that were paid, what was due on the others, and what platforms took back that no invoice had.';

DROP FUNCTION regpaydb.check_integrity();
CREATE FUNCTION regpaydb.check_integrity(
		since timestamptz DEFAULT NULL)
	RETURNS TABLE (
		object text,
		problem text)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_check_integrity';
REVOKE ALL ON FUNCTION regpaydb.check_integrity(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.check_integrity(timestamptz) IS 'Whatever in the ledger does not agree with the facts: no rows, when all is well. With since, only of what moved since then, in time proportional to that.';

-- Functions belong to the owner of their schema, who is whoever installs the
-- extension, or did before a dump: a superuser or not, he may make ledgers, let
-- others do so, and restore a dump of it all.  Making a ledger grants its owner
-- the other functions.
--
-- They belong to nobody else, whatever ALTER DEFAULT PRIVILEGES says; types can be
-- used by everybody, as ever.
--
-- Scripts of ALTER EXTENSION UPDATE end in this, too.  What was there before, and was
-- granted to roles, they leave alone: it is in regpaydb_update.known, which they set
-- first, to pg_depend's "classid/objid", with blanks between them.
DO $$
DECLARE
	schema_owner pg_catalog.oid := (SELECT nspowner FROM pg_catalog.pg_namespace
		WHERE nspname OPERATOR(pg_catalog.=) 'regpaydb');
	known pg_catalog.text[] := pg_catalog.string_to_array(pg_catalog.current_setting('regpaydb_update.known'), ' ');
	member record;
	name pg_catalog.text;
	others pg_catalog.text;
BEGIN
	FOR member IN
		SELECT d.objid, d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass AS is_function,
			coalesce(p.proowner, t.typowner) AS owner, coalesce(p.proacl, t.typacl) AS acl
		FROM pg_catalog.pg_depend d
		JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
		LEFT JOIN pg_catalog.pg_proc p ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
			AND p.oid OPERATOR(pg_catalog.=) d.objid
		LEFT JOIN pg_catalog.pg_type t ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
			AND t.oid OPERATOR(pg_catalog.=) d.objid
		WHERE e.extname OPERATOR(pg_catalog.=) 'regpaydb'
			AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
			AND d.deptype OPERATOR(pg_catalog.=) 'e'
			AND (p.oid IS NOT NULL OR t.typacl IS NOT NULL)
			AND pg_catalog.format('%s/%s', d.classid, d.objid) OPERATOR(pg_catalog.<>) ALL (known)
	LOOP
		others := (SELECT pg_catalog.string_agg(', ' OPERATOR(pg_catalog.||) a.grantee::pg_catalog.regrole::pg_catalog.text, '')
			FROM pg_catalog.aclexplode(member.acl) a
			WHERE a.grantee OPERATOR(pg_catalog.<>) ALL (ARRAY[0, member.owner, schema_owner]));
		IF member.is_function THEN
			name := member.objid::pg_catalog.regprocedure;
			EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO %s', name, schema_owner::pg_catalog.regrole);
			EXECUTE pg_catalog.format('GRANT ALL ON FUNCTION %s TO %s', name, schema_owner::pg_catalog.regrole);
			-- The last one, since a dump has what differs from that.
			EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC%s CASCADE', name, others);
		ELSE
			name := member.objid::pg_catalog.regtype;
			EXECUTE pg_catalog.format('REVOKE ALL ON TYPE %s FROM PUBLIC, %s%s CASCADE', name,
				schema_owner::pg_catalog.regrole, others);
			EXECUTE pg_catalog.format('GRANT ALL ON TYPE %s TO PUBLIC, %s', name, member.owner::pg_catalog.regrole);
		END IF;
	END LOOP;
END
$$;
