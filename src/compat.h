/*
 * compat.h
 *	  Every difference between the supported PostgreSQL versions (15 to 18).
 */
#ifndef REGPAYDB_COMPAT_H
#define REGPAYDB_COMPAT_H

#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "commands/sequence.h"
#include "utils/acl.h"
#include "utils/rel.h"

#if PG_VERSION_NUM < 150000
#error "regpaydb needs PostgreSQL 15 or newer"
#endif

#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

#if PG_VERSION_NUM >= 160000
#define schema_aclcheck(nspid, roleid, mode) \
	object_aclcheck(NamespaceRelationId, nspid, roleid, mode)
#define relation_ownercheck(relid, roleid) \
	object_ownercheck(RelationRelationId, relid, roleid)
#else
#define schema_aclcheck(nspid, roleid, mode) \
	pg_namespace_aclcheck(nspid, roleid, mode)
#define relation_ownercheck(relid, roleid) \
	pg_class_ownercheck(relid, roleid)
#endif

static inline Oid
identity_sequence_of(Relation rel, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 170000
	return getIdentitySequence(rel, attnum, false);
#else
	return getIdentitySequence(RelationGetRelid(rel), attnum, false);
#endif
}

#endif							/* REGPAYDB_COMPAT_H */
