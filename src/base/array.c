/*
 * array.c
 *	  Arrays that grow.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/array.h"

/*
 * room_for_one
 *		The array, NULL at first, with room for one more element, of which it has n.
 *		Called for each of them, so that it doubles where it is full.
 */
void *
room_for_one(void *array, int64 n, Size size)
{
	if (array == NULL)
		return palloc(8 * size);
	return n >= 8 && (n & (n - 1)) == 0 ? repalloc_huge(array, 2 * n * size) : array;
}
