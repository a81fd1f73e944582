/*
 * palloc.c
 *	  What the extension gets from palloc(), guarded for Valgrind.
 *
 * A server that was built without -DUSE_VALGRIND cuts its chunks from blocks of
 * many kilobytes, and Valgrind sees nothing but the blocks.  test/valgrind/run
 * links this file into a regpaydb.so of its own, with the linker's --wrap, so
 * that each chunk that the extension asks for is undefined at first, has a fence
 * behind it, and can't be touched once it is freed.  Chunks that the server
 * makes for itself stay as they are.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include <valgrind/memcheck.h>

#define FENCE 64

/* A guard, which goes with the context that the chunk is in. */
typedef struct Guard
{
	MemoryContextCallback callback;
	dlist_node	node;
	char	   *chunk;
	Size		size;
} Guard;

static dlist_head guards = DLIST_STATIC_INIT(guards);

extern void *__real_MemoryContextAlloc(MemoryContext context, Size size);
extern void __real_pfree(void *pointer);
extern char *__real_text_to_cstring(const text *t);
extern text *__real_cstring_to_text_with_len(const char *s, int len);

extern void *__wrap_MemoryContextAlloc(MemoryContext context, Size size);
extern void *__wrap_MemoryContextAllocZero(MemoryContext context, Size size);
extern void *__wrap_palloc(Size size);
extern void *__wrap_palloc0(Size size);
extern void __wrap_pfree(void *pointer);
extern void *__wrap_repalloc_huge(void *pointer, Size size);
extern char *__wrap_pstrdup(const char *in);
extern char *__wrap_psprintf(const char *fmt,...) pg_attribute_printf(1, 2);
extern char *__wrap_text_to_cstring(const text *t);
extern text *__wrap_cstring_to_text(const char *s);
extern text *__wrap_cstring_to_text_with_len(const char *s, int len);

/* The context is about to be reset: what was in it is the server's again. */
static void
lift_guard(void *arg)
{
	Guard	   *guard = arg;

	(void) VALGRIND_MAKE_MEM_UNDEFINED(guard->chunk, guard->size + FENCE);
	dlist_delete(&guard->node);
	free(guard);
}

/* The guard of a chunk; NULL if the server made it. */
static Guard *
guard_of(void *chunk)
{
	dlist_iter	iter;

	dlist_foreach(iter, &guards)
	{
		Guard	   *guard = dlist_container(Guard, node, iter.cur);

		if (guard->chunk == chunk)
			return guard;
	}
	return NULL;
}

void *
__wrap_MemoryContextAlloc(MemoryContext context, Size size)
{
	Guard	   *guard = malloc(sizeof(Guard));

	if (guard == NULL)
		elog(ERROR, "out of memory");
	guard->chunk = __real_MemoryContextAlloc(context, size + FENCE);
	guard->size = size;
	dlist_push_head(&guards, &guard->node);
	guard->callback.func = lift_guard;
	guard->callback.arg = guard;
	MemoryContextRegisterResetCallback(context, &guard->callback);
	(void) VALGRIND_MAKE_MEM_UNDEFINED(guard->chunk, size);
	(void) VALGRIND_MAKE_MEM_NOACCESS(guard->chunk + size, FENCE);
	return guard->chunk;
}

void *
__wrap_MemoryContextAllocZero(MemoryContext context, Size size)
{
	return memset(__wrap_MemoryContextAlloc(context, size), 0, size);
}

void *
__wrap_palloc(Size size)
{
	return __wrap_MemoryContextAlloc(CurrentMemoryContext, size);
}

void *
__wrap_palloc0(Size size)
{
	return __wrap_MemoryContextAllocZero(CurrentMemoryContext, size);
}

/* Freed, but not given back before the context is reset. */
void
__wrap_pfree(void *pointer)
{
	Guard	   *guard = guard_of(pointer);

	if (guard == NULL)
		__real_pfree(pointer);
	else
		(void) VALGRIND_MAKE_MEM_NOACCESS(guard->chunk, guard->size);
}

void *
__wrap_repalloc_huge(void *pointer, Size size)
{
	Guard	   *guard = guard_of(pointer);
	void	   *chunk = __wrap_MemoryContextAlloc(GetMemoryChunkContext(pointer), size);

	if (guard == NULL)
		elog(ERROR, "a chunk of the server's is enlarged: test/valgrind/palloc.c does not know how");
	memcpy(chunk, pointer, Min(size, guard->size));
	__wrap_pfree(pointer);
	return chunk;
}

char *
__wrap_pstrdup(const char *in)
{
	return strcpy(__wrap_palloc(strlen(in) + 1), in);
}

char *
__wrap_psprintf(const char *fmt,...)
{
	va_list		args;
	char	   *text;
	int			length;

	va_start(args, fmt);
	length = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	text = __wrap_palloc(length + 1);
	va_start(args, fmt);
	vsnprintf(text, length + 1, fmt, args);
	va_end(args);
	return text;
}

char *
__wrap_text_to_cstring(const text *t)
{
	return __wrap_pstrdup(__real_text_to_cstring(t));
}

text *
__wrap_cstring_to_text_with_len(const char *s, int len)
{
	text	   *t = __real_cstring_to_text_with_len(s, len);

	return memcpy(__wrap_palloc(VARSIZE(t)), t, VARSIZE(t));
}

text *
__wrap_cstring_to_text(const char *s)
{
	return __wrap_cstring_to_text_with_len(s, strlen(s));
}
