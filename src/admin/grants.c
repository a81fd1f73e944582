/*
 * grants.c
 *	  What each use of a ledger needs: which of the extension's functions, and
 *	  which privileges on the ledger's tables and views.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "admin/grants.h"
#include "base/ddl.h"

#define ATTENDEES		(ACCESS_APP | ACCESS_STAFF)
#define EVERYBODY		(ACCESS_APP | ACCESS_STAFF | ACCESS_REPORTS)

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
	/* For those of them whom the owner grants INSERT on reversal. */
	{ATTENDEES, "record_reversal(text, text, numeric, text, text)"},
	{ATTENDEES, "set_quantity(bigint, bigint, integer)"},
	{ATTENDEES, "update_status(bigint)"},
	{ATTENDEES, "validate_allowed_to_pay(bigint)"},
	{ATTENDEES, "validate_cart(bigint)"},
	{ACCESS_STAFF, "apply_credit_note(bigint, bigint)"},
	{ACCESS_STAFF, "cancellation_fee(bigint, numeric)"},
	{ACCESS_STAFF, "charge_credit_note(bigint, jsonb, interval)"},
	{ACCESS_STAFF, "confirm_refund(bigint, text, text)"},
	{ACCESS_STAFF, "expire_invoices(integer)"},
	{ACCESS_STAFF, "fail_refund(bigint, text)"},
	{ACCESS_STAFF, "manual_invoice(bigint, interval, jsonb)"},
	{ACCESS_STAFF, "record_manual_payment(bigint, numeric, text, bigint, text, text, date)"},
	{ACCESS_STAFF, "refund_credit_note(bigint, text, bigint)"},
	{ACCESS_STAFF, "refund_invoice(bigint, text)"},
	{ACCESS_STAFF, "request_refund(bigint, text, jsonb, bigint)"},
	{ACCESS_STAFF, "return_items(bigint, jsonb, text)"},
	{ACCESS_STAFF, "rotate_access_code(bigint)"},
	{ACCESS_STAFF, "void_invoice(bigint, text)"},
	{ACCESS_STAFF | ACCESS_REPORTS, "check_grants()"},
	{ACCESS_STAFF | ACCESS_REPORTS, "check_integrity(timestamptz)"},
	{ACCESS_STAFF | ACCESS_REPORTS, "money_trail(bigint)"},
	{ACCESS_STAFF | ACCESS_REPORTS, "payment_summary(text, text)"},
	{ACCESS_STAFF | ACCESS_REPORTS, "reconciliation(timestamptz)"},
	{ACCESS_STAFF | ACCESS_REPORTS, "refund_sources(bigint)"},
};

/* Who may do what with a ledger's tables and views: one privilege a line. */
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
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "stock_slot"},
	{EVERYBODY, "SELECT", "invoice"},
	{ACCESS_STAFF, "INSERT (value)", "invoice"},
	{ACCESS_STAFF, "UPDATE (status)", "invoice"},
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
	{EVERYBODY, "SELECT", "credit_note_refund_part"},
	{EVERYBODY, "SELECT", "reversal"},
	{ACCESS_STAFF, "INSERT (amount)", "reversal"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "outbox"},
	{EVERYBODY, "SELECT", "status_history"},
	{EVERYBODY, "SELECT", "cart_line"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "current_reservation"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "product_stock"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "category_stock"},
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
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_received"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_received_by_day"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_refund_parts"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_refunds_in_flight"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_reversals"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_sales_and_payments"},
	{ACCESS_STAFF | ACCESS_REPORTS, "SELECT", "report_unclaimed_ageing"},
};

/* Whether "INSERT" or "INSERT (column, ...)" gives a privilege on a column, if any. */
static bool
gives(const char *privileges, const char *privilege, const char *column)
{
	size_t		length = strlen(privilege);

	if (strncmp(privileges, privilege, length) != 0)
		return false;
	if (privileges[length] == '\0')
		return true;
	if (column == NULL)
		return false;
	for (const char *name = privileges + length; *name != '\0'; name += length)
	{
		name += strspn(name, " (,)");
		length = strcspn(name, " (,)");
		if (strlen(column) == length && strncmp(name, column, length) == 0)
			return true;
	}
	return false;
}

/*
 * grants_explain
 *		Whether one of these accesses needs a privilege on a table or view, or on
 *		a column of it where column is not NULL.
 */
bool
grants_explain(int access, const char *relation, const char *column, const char *privilege)
{
	for (int i = 0; i < (int) lengthof(relations); i++)
		if ((relations[i].access & access) != 0 &&
			strcmp(relations[i].relation, relation) == 0 &&
			gives(relations[i].privileges, privilege, column))
			return true;
	return false;
}

/*
 * Those of the relations with these privileges that the accesses need, or don't, and the
 * shards that have their rows.
 */
static char *
relation_names(const Ledger *ledger, const char *privileges, int access, bool needed)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < (int) lengthof(relations); i++)
	{
		Oid			shard = ledger_shard(ledger, relations[i].relation);

		/* The owner may have dropped a view. */
		if (strcmp(relations[i].privileges, privileges) != 0 ||
			((relations[i].access & access) != 0) != needed ||
			!OidIsValid(get_relname_relid(relations[i].relation, ledger->schema)))
			continue;
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", relations[i].relation);
		if (OidIsValid(shard))
			appendStringInfo(&names, ", %s", quote_identifier(get_rel_name(shard)));
	}
	return names.data;
}

static bool
is_first_with_privileges(int number)
{
	for (int i = 0; i < number; i++)
		if (strcmp(relations[i].privileges, relations[number].privileges) == 0)
			return false;
	return true;
}

/*
 * grants_set_relations
 *		Grant a role what the accesses need on the ledger's tables and views, or
 *		revoke what they don't; SPI is connected, search_path is the ledger's.
 */
void
grants_set_relations(const Ledger *ledger, int access, bool grant, const char *role_name)
{
	for (int i = 0; i < (int) lengthof(relations); i++)
	{
		char	   *names;

		if (!is_first_with_privileges(i))
			continue;
		names = relation_names(ledger, relations[i].privileges, access, grant);
		if (names[0] != '\0')
			ddl_execute(psprintf(grant ? "GRANT %s ON %s TO %s" : "REVOKE %s ON %s FROM %s",
								 relations[i].privileges, names, role_name));
	}
}

/* grants_set_functions: the same for the functions, as their owner. */
void
grants_set_functions(Oid functions_owner, int access, bool grant, const char *role_name)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < (int) lengthof(functions); i++)
		if (((functions[i].access & access) != 0) == grant)
			appendStringInfo(&names, "%sregpaydb.%s", names.len > 0 ? ", " : "",
							 functions[i].function);
	if (names.len > 0)
		ddl_execute_as(functions_owner,
					   psprintf(grant ? "GRANT EXECUTE ON FUNCTION %s TO %s" :
								"REVOKE EXECUTE ON FUNCTION %s FROM %s",
								names.data, role_name));
}

/*
 * grants_lock
 *		All ledgers share the functions, and a catalog row can't be changed by
 *		two at once: whoever grants them waits for whoever just does.  It is the
 *		first lock that is taken.  function is one of the extension's.
 */
void
grants_lock(Oid function)
{
	PreventCommandIfReadOnly("GRANT");
	LockDatabaseObject(ExtensionRelationId, getExtensionOfObject(ProcedureRelationId, function),
					   0, ShareUpdateExclusiveLock);
}

/* grants_functions_owner: the owner of the extension's functions. */
Oid
grants_functions_owner(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * grants_to_owner
 *		Let a ledger's owner execute all of the extension's functions, those of
 *		the triggers too; SPI is connected, and grants_lock() held.
 */
void
grants_to_owner(Oid function, Oid owner)
{
	Oid			argtype = OIDOID;
	Datum		arg = ObjectIdGetDatum(getExtensionOfObject(ProcedureRelationId, function));
	const char *owner_name = quote_identifier(GetUserNameFromId(owner, false));

	if (SPI_execute_with_args("SELECT pg_catalog.string_agg("
							  "d.objid::pg_catalog.regprocedure::pg_catalog.text, ', ') "
							  "FROM pg_catalog.pg_depend d "
							  "WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass "
							  "AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass "
							  "AND d.refobjid = $1 AND d.deptype = 'e'",
							  1, &argtype, &arg, NULL, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not list the extension's functions");
	ddl_execute_as(grants_functions_owner(function),
				   psprintf("GRANT EXECUTE ON FUNCTION %s TO %s",
							SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1),
							owner_name));
	ddl_execute_as(ddl_schema_owner(get_namespace_oid("regpaydb", false)),
				   psprintf("GRANT USAGE ON SCHEMA regpaydb TO %s", owner_name));
}
