/*
 * array.c
 *	  Arrays that grow.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/array.h"

/*
 * room_for_one
 *		Make room for one more element in an array that has n, NULL for a new one.
 *		Called before each is added: it doubles where it is full.
 */
void *
room_for_one(void *array, int64 n, Size size)
{
	if (array == NULL)
		return palloc(8 * size);
	return n >= 8 && (n & (n - 1)) == 0 ? repalloc_huge(array, 2 * n * size) : array;
}

/* compare_int8: for qsort(). */
int
compare_int8(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}
