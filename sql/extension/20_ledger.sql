-- Ledgers.

CREATE FUNCTION regpaydb.create_ledger(
		schema_name name DEFAULT 'regpaydb',
		conference_name text DEFAULT 'Conference',
		currency text DEFAULT 'USD')
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_create_ledger';
REVOKE ALL ON FUNCTION regpaydb.create_ledger(name, text, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.create_ledger(name, text, text) IS 'Makes a ledger: one conference''s tables, owned by the caller, in a schema of the caller''s.';

CREATE FUNCTION regpaydb.upgrade_ledger(
		schema_name name DEFAULT 'regpaydb')
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_upgrade_ledger';
REVOKE ALL ON FUNCTION regpaydb.upgrade_ledger(name) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.upgrade_ledger(name) IS 'Brings a ledger to the version of the extension after ALTER EXTENSION regpaydb UPDATE, and grants its owner and the roles with access to it what they need: also when it has a new owner.';

CREATE FUNCTION regpaydb.check_integrity(
		since timestamptz DEFAULT NULL)
	RETURNS TABLE (
		object text,
		problem text)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_check_integrity';
REVOKE ALL ON FUNCTION regpaydb.check_integrity(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.check_integrity(timestamptz) IS 'Whatever in the ledger does not agree with the facts: no rows, when all is well. With since, only of what moved since then, in time proportional to that.';
