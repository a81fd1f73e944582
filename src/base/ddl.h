/*
 * ddl.h
 *	  Running DDL: texts that name objects, which can't be parameters.
 */
#ifndef REGPAYDB_DDL_H
#define REGPAYDB_DDL_H

#include "postgres.h"

extern void ddl_execute(const char *sql);
extern void ddl_execute_as(Oid role, const char *sql);
extern void ddl_search_path(const char *schema_name);
extern Oid	ddl_schema_owner(Oid schema);
extern Oid	ddl_relation_owner(Oid relid);
extern void ddl_check_schema_owner(Oid schema, Oid owner);
extern void ddl_own_schema(Oid schema);
extern Datum ddl_relations(Oid schema);
extern void ddl_own_relations(Oid schema, Datum before);

#endif							/* REGPAYDB_DDL_H */
