/*
 * regpaydb.c
 *	  Module magic and settings.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "base/actor_setting.h"
#include "engine/query_call.h"
#include "ledger/catalog.h"
#include "ledger/engine_call.h"
#include "ledger/snapshot_mark.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* Read by the script that CREATE EXTENSION runs, perhaps before we are loaded. */
static char *schema_owner_setting;

void
_PG_init(void)
{
	DefineCustomStringVariable("regpaydb.ledger",
							   "The schema of the ledger that functions work on.",
							   NULL, &ledger_setting, DEFAULT_LEDGER,
							   PGC_USERSET, 0, NULL, NULL, NULL);

	/*
	 * No check hook on the actor: where one rejects what was set before the
	 * library was loaded, the setting falls back to empty, and a session that
	 * meant to act for somebody would act for everybody.
	 */
	DefineCustomStringVariable("regpaydb.user_id",
							   "The user on whose behalf the session acts.",
							   "Empty for none.", &user_id_setting, "",
							   PGC_USERSET, 0, NULL, actor_changed, NULL);
	DefineCustomStringVariable("regpaydb.access_code",
							   "The access code that the session's user presented.",
							   "Empty for none.", &access_code_setting, "",
							   PGC_USERSET, GUC_NO_SHOW_ALL, NULL, actor_changed, NULL);
	DefineCustomStringVariable("regpaydb.schema_owner",
							   "Whose schema regpaydb CREATE EXTENSION takes, if it is not the caller's.",
							   "For superusers who restore a dump; empty for nobody's.",
							   &schema_owner_setting, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("regpaydb");
	snapshot_mark_init();
	ledger_init();
	engine_call_init();
	query_call_init();
	catalog_init();
}
