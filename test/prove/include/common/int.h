/* As PostgreSQL's common/int.h has it where the compiler has such a builtin. */
static inline bool
pg_add_s64_overflow(int64 a, int64 b, int64 *result)
{
	return __builtin_add_overflow(a, b, result);
}
