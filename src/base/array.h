/*
 * array.h
 *	  Arrays that grow.
 */
#ifndef REGPAYDB_ARRAY_H
#define REGPAYDB_ARRAY_H

extern int	compare_int8(const void *a, const void *b);
extern void *room_for_one(void *array, int64 n, Size size);

#endif							/* REGPAYDB_ARRAY_H */
