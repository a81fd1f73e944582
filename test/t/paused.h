/*
 * paused.h
 *	  Included before all else of each source (-include), so that a pause stands where a
 *	  session takes a snapshot, finds, locks or writes a row, or runs a query: now and
 *	  then, for as long as others need to do something in between.
 */
#ifndef REGPAYDB_PAUSED_H
#define REGPAYDB_PAUSED_H

#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* One time in 12, for up to 2 ms; one of 40 of these for up to 20 ms. */
static inline void
take_a_pause(void)
{
	static uint32 state;

	if (state == 0)
		state = (uint32) MyProcPid * 2654435761u + (uint32) GetCurrentTimestamp();
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	if (state % 12 == 0)
		pg_usleep(state / 12 % 40 == 0 ? state / 480 % 20000 : state / 480 % 2000);
}

static inline Snapshot
paused_snapshot(Snapshot snapshot)
{
	take_a_pause();
	return snapshot;
}

static inline bool
paused_bool(bool result)
{
	take_a_pause();
	return result;
}

static inline int
paused_int(int result)
{
	take_a_pause();
	return result;
}

/* Before, and after. */
#define GetTransactionSnapshot() (take_a_pause(), paused_snapshot(GetTransactionSnapshot()))
#define GetLatestSnapshot() (take_a_pause(), paused_snapshot(GetLatestSnapshot()))
#define index_getnext_slot(...) (take_a_pause(), paused_bool(index_getnext_slot(__VA_ARGS__)))
#define table_tuple_fetch_row_version(...) \
	(take_a_pause(), paused_bool(table_tuple_fetch_row_version(__VA_ARGS__)))
#define table_tuple_lock(...) (take_a_pause(), paused_int(table_tuple_lock(__VA_ARGS__)))
#define table_tuple_update(...) (take_a_pause(), paused_int(table_tuple_update(__VA_ARGS__)))
#define table_tuple_delete(...) (take_a_pause(), paused_int(table_tuple_delete(__VA_ARGS__)))
#define table_tuple_insert(...) (table_tuple_insert(__VA_ARGS__), take_a_pause())
#define SPI_execute_plan(...) (take_a_pause(), paused_int(SPI_execute_plan(__VA_ARGS__)))

#endif							/* REGPAYDB_PAUSED_H */
