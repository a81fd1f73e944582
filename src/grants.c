/*
 * grants.c
 *	  grant_access() and revoke_access(): what the uses of a ledger need.
 *
 * Which roles have which access is kept in the ledger itself, as policies of
 * the access's name on its table conference, so that it comes back with a dump
 * and goes with the role.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "call.h"
#include "compat.h"
#include "ddl.h"
#include "engine.h"
#include "errors.h"
#include "grants.h"
#include "ledger.h"
#include "row_security.h"

/* Uses of a ledger, as bits. */
#define ACCESS_APP		1
#define ACCESS_STAFF	2
#define ACCESS_REPORTS	4

#define NOBODY			0
#define ATTENDEES		(ACCESS_APP | ACCESS_STAFF)
#define EVERYBODY		(ACCESS_APP | ACCESS_STAFF | ACCESS_REPORTS)

static const struct
{
	const char *name;
	int			access;
}			accesses[] = {
	{"app", ACCESS_APP},
	{"staff", ACCESS_STAFF},
	{"reports", ACCESS_REPORTS},
};

/* Who may execute what; what is not here, the owners of ledgers only. */
static const struct
{
	int			access;
	const char *function;
}			functions[] = {
	{EVERYBODY, "actor_attendees(regclass)"},
	{EVERYBODY, "actor_carts(regclass)"},
	{EVERYBODY, "actor_floor(regclass)"},
	{EVERYBODY, "actor_invoices(regclass)"},
	{EVERYBODY, "actor_is_set()"},
	{EVERYBODY, "actor_user()"},
	{EVERYBODY, "available_credit(bigint)"},
	{EVERYBODY, "available_stock(bigint)"},
	{EVERYBODY, "balance_due(bigint)"},
	{EVERYBODY, "can_view(bigint, bigint, text)"},
	{EVERYBODY, "invoice_document(bigint)"},
	{EVERYBODY, "total_payments(bigint)"},
	{ATTENDEES, "current_cart(bigint)"},
	{ATTENDEES, "extend_reservation(bigint, interval)"},
	{ATTENDEES, "invoice_cart(bigint)"},
	{ATTENDEES, "invoice_for_access_code(text)"},
	{ATTENDEES, "pay(bigint, numeric, text, text, text)"},
	{ATTENDEES, "record_payment(bigint, numeric, text, text, text, date)"},
	{ATTENDEES, "set_quantity(bigint, bigint, integer)"},
	{ATTENDEES, "update_status(bigint)"},
	{ATTENDEES, "validate_allowed_to_pay(bigint)"},
	{ATTENDEES, "validate_cart(bigint)"},
	{ACCESS_STAFF, "apply_credit_note(bigint, bigint)"},
	{ACCESS_STAFF, "cancellation_fee(bigint, numeric)"},
	{ACCESS_STAFF, "expire_invoices(integer)"},
	{ACCESS_STAFF, "manual_invoice(bigint, interval, jsonb)"},
	{ACCESS_STAFF, "record_manual_payment(bigint, numeric, text, bigint, text, text, date)"},
	{ACCESS_STAFF, "refund_credit_note(bigint, text, bigint)"},
	{ACCESS_STAFF, "refund_invoice(bigint, text)"},
	{ACCESS_STAFF, "rotate_access_code(bigint)"},
	{ACCESS_STAFF, "void_invoice(bigint, text)"},
	{ACCESS_STAFF | ACCESS_REPORTS, "check_integrity()"},
	{ACCESS_STAFF | ACCESS_REPORTS, "reconciliation(timestamptz)"},
};

/* Who may do what with a ledger's tables and views. */
static const struct
{
	int			access;
	const char *privileges;
	const char *relation;
}			relations[] = {
	{EVERYBODY, "SELECT", "conference"},
	{ATTENDEES, "SELECT", "attendee"},
	/* Codes are for those who may use them. */
	{ACCESS_REPORTS, "SELECT (attendee_id, user_id, recipient, email)", "attendee"},
	{ACCESS_STAFF, "UPDATE (access_code)", "attendee"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "staff"},
	{EVERYBODY, "SELECT", "category"},
	{EVERYBODY, "SELECT", "product"},
	{EVERYBODY, "SELECT", "cart"},
	{EVERYBODY, "SELECT", "cart_item"},
	{EVERYBODY, "SELECT", "cart_discount"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "reservation"},
	{EVERYBODY, "SELECT", "invoice"},
	{ACCESS_STAFF, "INSERT (value), UPDATE (status)", "invoice"},
	{EVERYBODY, "SELECT", "line_item"},
	{EVERYBODY, "SELECT", "payment"},
	{ATTENDEES, "INSERT (invoice_id, amount, reference, provider, provider_ref, value_date)", "payment"},
	{ACCESS_STAFF, "INSERT (entered_by)", "payment"},
	{EVERYBODY, "SELECT", "credit_note"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "credit_note_claim"},
	{EVERYBODY, "SELECT", "credit_note_application"},
	{ACCESS_STAFF, "INSERT (credit_note_id)", "credit_note_application"},
	{EVERYBODY, "SELECT", "credit_note_refund"},
	{ACCESS_STAFF, "INSERT (credit_note_id)", "credit_note_refund"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "outbox"},
	{EVERYBODY, "SELECT", "status_history"},
	{EVERYBODY, "SELECT", "cart_line"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "current_reservation"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "cart_problem"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "integrity_problem"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_attendee_statement"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_credit_note_refunds"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_credit_notes"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_discount_status"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_invoices"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_items_sold"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_outbox_lag"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_overdue_ageing"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_paid_invoices_by_date"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_payments"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_product_line_items"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_product_status"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_received_by_day"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_sales_and_payments"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_unclaimed_ageing"},
};

/* The bit of an access's name.  Raises 22023. */
static int
access_arg(FunctionCallInfo fcinfo, int number)
{
	char	   *name = text_to_cstring(text_arg(fcinfo, number, "access", MAX_TEXT_LENGTH));

	for (int i = 0; i < (int) lengthof(accesses); i++)
		if (strcmp(name, accesses[i].name) == 0)
			return accesses[i].access;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no access \"%s\"", name),
			 errhint("Access is app, staff or reports.")));
}

/* The accesses that a role has in the ledger whose table conference this is. */
static int
access_of_role(Oid conference, Oid role)
{
	int			result = 0;

	for (int i = 0; i < (int) lengthof(accesses); i++)
		if (list_member_oid(policy_roles(conference, accesses[i].name), role))
			result |= accesses[i].access;
	return result;
}

/* The accesses that a role has in any ledger of the database. */
static int
access_anywhere(Oid role)
{
	List	   *tables = NIL;
	ListCell   *cell;
	int			result = 0;

	/* A table of that name is a ledger's if its guard is. */
	if (SPI_execute("SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname = 'conference' "
					"AND c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_policy p "
					"WHERE p.polrelid = c.oid) AND EXISTS (SELECT FROM pg_catalog.pg_trigger t "
					"WHERE t.tgrelid = c.oid "
					"AND t.tgfoid = 'regpaydb.guard_conference()'::pg_catalog.regprocedure)",
					false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for ledgers");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		tables = lappend_oid(tables, DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i],
																	SPI_tuptable->tupdesc, 1, &isnull)));
	}
	foreach(cell, tables)
		result |= access_of_role(lfirst_oid(cell), role);
	return result;
}

/* Grant what is in access on the ledger's tables, or revoke what is not. */
static void
set_table_privileges(const Ledger *ledger, int access, bool grant, const char *role_name)
{
	for (int i = 0; i < (int) lengthof(relations); i++)
	{
		/* The owner may have dropped a view. */
		if (((relations[i].access & access) != 0) != grant ||
			!OidIsValid(get_relname_relid(relations[i].relation, ledger->schema)))
			continue;
		ddl_execute(psprintf(grant ? "GRANT %s ON %s TO %s" : "REVOKE %s ON %s FROM %s",
							 relations[i].privileges, relations[i].relation, role_name));
	}
}

/* The same for the functions, as their owner. */
static void
set_function_privileges(int access, bool grant, const char *role_name, Oid functions_owner)
{
	for (int i = 0; i < (int) lengthof(functions); i++)
	{
		if (((functions[i].access & access) != 0) != grant)
			continue;
		ddl_execute_as(functions_owner,
					   psprintf(grant ? "GRANT EXECUTE ON FUNCTION regpaydb.%s TO %s" :
								"REVOKE EXECUTE ON FUNCTION regpaydb.%s FROM %s",
								functions[i].function, role_name));
	}
}

/*
 * All ledgers share the functions, and a catalog row can't be changed by two at
 * once: whoever grants them waits for whoever just does.
 */
static Oid
lock_extension_of(Oid function)
{
	Oid			extension = getExtensionOfObject(ProcedureRelationId, function);

	LockDatabaseObject(ExtensionRelationId, extension, 0, ShareUpdateExclusiveLock);
	return extension;
}

static Oid
function_owner(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

static void
set_usage(const Ledger *ledger, bool grant, const char *role_name)
{
	ddl_execute_as(ddl_schema_owner(ledger->schema),
				   psprintf(grant ? "GRANT USAGE ON SCHEMA %s TO %s" :
							"REVOKE USAGE ON SCHEMA %s FROM %s",
							ledger->quoted_schema, role_name));
}

static void
set_extension_usage(bool grant, const char *role_name)
{
	ddl_execute_as(ddl_schema_owner(get_namespace_oid("regpaydb", false)),
				   psprintf(grant ? "GRANT USAGE ON SCHEMA regpaydb TO %s" :
							"REVOKE USAGE ON SCHEMA regpaydb FROM %s", role_name));
}

/*
 * Give a role an access in the ledger of the setting, or take it back.  What
 * another access of the role's needs, in this ledger or for functions in any,
 * it keeps.
 */
static void
set_access(FunctionCallInfo fcinfo, bool grant)
{
	Ledger	   *ledger = ledger_of_setting();
	Oid			functions_owner = function_owner(fcinfo->flinfo->fn_oid);
	Oid			role;
	int			access;
	const char *role_name;
	EngineScope scope;
	int			save_nestlevel;

	require_arg(fcinfo, 0, "role");
	role = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);
	role_name = quote_identifier(NameStr(*PG_GETARG_NAME(0)));
	access = access_arg(fcinfo, 1);
	if (!relation_ownercheck(ledger->tables[CONFERENCE], GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of ledger \"%s\"", ledger->schema_name),
				 errhint("SET ROLE to its owner first.")));

	engine_begin_as_owner(&scope, ledger);
	engine_check_version(ledger, false);
	engine_end(&scope);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	lock_extension_of(fcinfo->flinfo->fn_oid);
	save_nestlevel = NewGUCNestLevel();
	ddl_search_path(ledger->schema_name);
	if (access == ACCESS_APP &&
		((access_of_role(ledger->tables[CONFERENCE], role) & ACCESS_APP) != 0) != grant)
		lock_policy_tables(ledger);
	for (int i = 0; i < (int) lengthof(accesses); i++)
		if (accesses[i].access == access)
			set_policy(ledger, "conference", accesses[i].name, role, grant, "FOR SELECT",
					   "USING (true)",
					   "Lists the roles that regpaydb.grant_access() gave this access.");
	access = access_of_role(ledger->tables[CONFERENCE], role);
	set_actor_policies(ledger, role, (access & ACCESS_APP) != 0);
	if (!grant)
		set_table_privileges(ledger, access, false, role_name);
	set_table_privileges(ledger, access, true, role_name);
	set_usage(ledger, access != 0, role_name);

	access = access_anywhere(role);
	set_function_privileges(access, grant, role_name, functions_owner);
	if (grant || access == 0)
		set_extension_usage(grant, role_name);
	AtEOXact_GUC(true, save_nestlevel);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

/*
 * grant_access(role, access) -> void
 *		Grant a database role what a use of the ledger needs: access is app,
 *		staff or reports.
 *
 * For the ledger's owner; locks the ledger's tables against all use for a
 * moment.  Raises 22004, 22023, 42501, 42704, RP012.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_grant_access);
Datum
regpaydb_grant_access(PG_FUNCTION_ARGS)
{
	set_access(fcinfo, true);
	PG_RETURN_VOID();
}

/*
 * revoke_access(role, access) -> void
 *		Take back what grant_access() granted, but for what the role's other
 *		accesses need.
 *
 * Raises 22004, 22023, 42501, 42704, RP012.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_revoke_access);
Datum
regpaydb_revoke_access(PG_FUNCTION_ARGS)
{
	set_access(fcinfo, false);
	PG_RETURN_VOID();
}

/*
 * grant_functions_to_owner
 *		Let who makes a ledger execute the extension's functions, those of the
 *		triggers too; SPI is connected.
 */
void
grant_functions_to_owner(Oid create_ledger, Oid owner)
{
	Oid			argtype = OIDOID;
	Datum		arg = ObjectIdGetDatum(lock_extension_of(create_ledger));
	const char *owner_name = quote_identifier(GetUserNameFromId(owner, false));
	List	   *names = NIL;
	ListCell   *cell;

	if (SPI_execute_with_args("SELECT d.objid::pg_catalog.regprocedure::pg_catalog.text "
							  "FROM pg_catalog.pg_depend d "
							  "WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass "
							  "AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass "
							  "AND d.refobjid = $1 AND d.deptype = 'e'",
							  1, &argtype, &arg, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not list the extension's functions");
	for (uint64 i = 0; i < SPI_processed; i++)
		names = lappend(names, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
	foreach(cell, names)
		ddl_execute_as(function_owner(create_ledger),
					   psprintf("GRANT EXECUTE ON FUNCTION %s TO %s",
								(char *) lfirst(cell), owner_name));
}
