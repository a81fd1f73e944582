/*
 * args.h
 *	  The arguments of SQL-callable functions.
 */
#ifndef REGPAYDB_ARGS_H
#define REGPAYDB_ARGS_H

#include "fmgr.h"

/* The longest texts that the tables take, in characters. */
#define MAX_TEXT_LENGTH		1000
#define MAX_PROVIDER_LENGTH 200

extern int64 int8_arg(FunctionCallInfo fcinfo, int number, const char *name);
extern int64 money_arg(int decimals, FunctionCallInfo fcinfo, int number, const char *name);
extern text *optional_text_arg(FunctionCallInfo fcinfo, int number, const char *name,
							   int max_length);
extern text *text_arg(FunctionCallInfo fcinfo, int number, const char *name,
					  int max_length);
extern void provider_args(FunctionCallInfo fcinfo, int number, const char *ref_name,
						  text **provider, text **ref);
extern void needed_provider_args(FunctionCallInfo fcinfo, int number, const char *ref_name,
								 text **provider, text **ref);
extern void require_arg(FunctionCallInfo fcinfo, int number, const char *name);
extern void check_text_length(text *value, const char *name, int max_length);

#endif							/* REGPAYDB_ARGS_H */
