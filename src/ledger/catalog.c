/*
 * catalog.c
 *	  The extension's types and functions in PostgreSQL's catalog, kept for the
 *	  session.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "ledger/catalog.h"

const char *const invoice_status_names[] = {
	[INVOICE_UNPAID] = "unpaid",
	[INVOICE_PAID] = "paid",
	[INVOICE_REFUNDED] = "refunded",
	[INVOICE_VOID] = "void",
};

const char *const payment_kind_names[] = {
	[PAYMENT_PLAIN] = "payment",
	[PAYMENT_MANUAL] = "manual",
	[PAYMENT_REVERSAL] = "reversal",
	[PAYMENT_CREDIT_NOTE] = "credit_note",
	[PAYMENT_CREDIT_APPLICATION] = "credit_application",
	[PAYMENT_REFUND_FAILED] = "refund_failed",
};

const char *const credit_note_state_names[] = {
	[CREDIT_NOTE_UNCLAIMED] = "unclaimed",
	[CREDIT_NOTE_APPLIED] = "applied",
	[CREDIT_NOTE_REFUNDED] = "refunded",
};

const char *const refund_state_names[] = {
	[REFUND_REQUESTED] = "requested",
	[REFUND_DONE] = "done",
	[REFUND_FAILED] = "failed",
};

const char *const outbox_kind_names[] = {
	[OUTBOX_INVOICE_CREATED] = "invoice_created",
	[OUTBOX_INVOICE_UPDATED] = "invoice_updated",
	[OUTBOX_CREDIT_NOTE_CREATED] = "credit_note_created",
	[OUTBOX_CREDIT_NOTE_APPLIED] = "credit_note_applied",
	[OUTBOX_CREDIT_NOTE_REFUNDED] = "credit_note_refunded",
	[OUTBOX_CART_PAID] = "cart_paid",
	[OUTBOX_CART_RELEASED] = "cart_released",
	[OUTBOX_REFUND_DONE] = "refund_done",
	[OUTBOX_REFUND_FAILED] = "refund_failed",
	[OUTBOX_PAYMENT_REVERSED] = "payment_reversed",
	[OUTBOX_REVERSAL_LOSS] = "reversal_loss",
};

const char *const cart_status_names[] = {
	[CART_STATUS_ACTIVE] = "active",
	[CART_STATUS_PAID] = "paid",
	[CART_STATUS_RELEASED] = "released",
};

#define MAX_LABELS 11

static const struct
{
	const char *name;
	const char *const *labels;
	int			nlabels;
}			enum_specs[ENUM_TYPES] = {
	[ENUM_INVOICE_STATUS] = {"invoice_status", invoice_status_names, INVOICE_VOID + 1},
	[ENUM_PAYMENT_KIND] = {"payment_kind", payment_kind_names, PAYMENT_REFUND_FAILED + 1},
	[ENUM_OUTBOX_KIND] = {"outbox_kind", outbox_kind_names, OUTBOX_REVERSAL_LOSS + 1},
	[ENUM_CART_STATUS] = {"cart_status", cart_status_names, CART_STATUS_RELEASED + 1},
	[ENUM_CREDIT_NOTE_STATE] = {"credit_note_state", credit_note_state_names, CREDIT_NOTE_REFUNDED + 1},
	[ENUM_REFUND_STATE] = {"refund_state", refund_state_names, REFUND_FAILED + 1},
};

static struct
{
	bool		valid;			/* set last */
	Oid			types[ENUM_TYPES];
	uint32		hashes[ENUM_TYPES]; /* as type_changed is told of them */
	Oid			values[ENUM_TYPES][MAX_LABELS];
	TriggerFunctions functions;
}			catalog;

/* How many changes were seen of what compiled expressions call, and of what catalog has. */
static uint64 changes;

static void
function_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	catalog.valid = false;
	changes++;
}

/* Temporary tables make and drop types all the time: look whether it is ours. */
static void
type_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	for (int type = 0; type < ENUM_TYPES; type++)
		if (hashvalue == 0 || hashvalue == catalog.hashes[type])
			function_changed(arg, cacheid, hashvalue);
}

/* catalog_init: when the library is loaded. */
void
catalog_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, function_changed, 0);
	CacheRegisterSyscacheCallback(ENUMOID, function_changed, 0);
	CacheRegisterSyscacheCallback(TYPEOID, type_changed, 0);
}

static Oid
find_type(Oid schema, const char *name)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
						   ObjectIdGetDatum(schema));
}

/* extension_type: the OID of a type of the extension's. */
Oid
extension_type(const char *name)
{
	Oid			type = find_type(get_namespace_oid("regpaydb", false), name);

	if (!OidIsValid(type))
		elog(ERROR, "type \"regpaydb.%s\" does not exist", name);
	return type;
}

static Oid
trigger_function(const char *name)
{
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(NULL, 0)),
						   ObjectIdGetDatum(get_namespace_oid("regpaydb", false)));
}

/*
 * What an extension of an older version has not is InvalidOid: such calls come as far
 * as the ledger's version, which then tells what to do.
 */
static void
load_catalog(void)
{
	uint64		changes_before = changes;
	Oid			schema = get_namespace_oid("regpaydb", false);

	for (int type = 0; type < ENUM_TYPES; type++)
	{
		catalog.types[type] = find_type(schema, enum_specs[type].name);
		catalog.hashes[type] = GetSysCacheHashValue1(TYPEOID,
													 ObjectIdGetDatum(catalog.types[type]));
		for (int value = 0; value < enum_specs[type].nlabels; value++)
			catalog.values[type][value] =
				GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid,
								ObjectIdGetDatum(catalog.types[type]),
								CStringGetDatum(enum_specs[type].labels[value]));
	}
	catalog.functions.settle_payments = trigger_function("settle_payments");
	catalog.functions.guard_rows = trigger_function("guard_rows");
	catalog.functions.move_reservation = trigger_function("move_reservation");
	catalog.functions.amend_carts = trigger_function("amend_carts");
	catalog.valid = changes == changes_before;
}

/* enum_type: the OID of a type of the extension's. */
Oid
enum_type(EnumType type)
{
	if (!catalog.valid)
		load_catalog();
	return catalog.types[type];
}

/* enum_type_name: the same for an SQL text. */
const char *
enum_type_name(EnumType type)
{
	return psprintf("regpaydb.%s", enum_specs[type].name);
}

/* enum_oid: a value as columns hold it. */
Oid
enum_oid(EnumType type, int value)
{
	if (!catalog.valid)
		load_catalog();
	return catalog.values[type][value];
}

/* enum_value: which value a column holds. */
int
enum_value(EnumType type, Oid oid)
{
	if (!catalog.valid)
		load_catalog();
	for (int value = 0; value < enum_specs[type].nlabels; value++)
		if (catalog.values[type][value] == oid)
			return value;
	elog(ERROR, "unexpected value %u of type regpaydb.%s in a ledger", oid,
		 enum_specs[type].name);
}

/* our_trigger_functions: those that let the engine's rows pass. */
const TriggerFunctions *
our_trigger_functions(void)
{
	if (!catalog.valid)
		load_catalog();
	return &catalog.functions;
}

/* code_changes: how many changes of functions and types were seen. */
uint64
code_changes(void)
{
	return changes;
}
