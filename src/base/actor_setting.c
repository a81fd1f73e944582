/*
 * actor_setting.c
 *	  The settings regpaydb.user_id and regpaydb.access_code: on whose behalf a
 *	  session acts.  Spec section 1, "actor".
 */
#include "postgres.h"

#include "base/actor_setting.h"

char	   *user_id_setting;
char	   *access_code_setting;

uint64		actor_changes;		/* how often either setting was assigned */

/* actor_changed: assign hook of the settings. */
void
actor_changed(const char *newval, void *extra)
{
	actor_changes++;
}

/*
 * actor_user_id
 *		The setting regpaydb.user_id; false where it is empty.  Raises 22023
 *		where it is no number.
 */
bool
actor_user_id(int64 *user_id)
{
	char	   *end;

	if (user_id_setting[0] == '\0')
		return false;
	errno = 0;
	*user_id = strtoi64(user_id_setting, &end, 10);
	if (errno != 0 || *end != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the setting regpaydb.user_id is not a user id"),
				 errdetail("Its value is \"%s\".", user_id_setting)));
	return true;
}

/* actor_code: the setting regpaydb.access_code; NULL where it is empty. */
const char *
actor_code(void)
{
	return access_code_setting[0] == '\0' ? NULL : access_code_setting;
}

/* actor_is_set: whether the session acts for somebody.  Raises 22023. */
bool
actor_is_set(void)
{
	int64		user_id;

	return actor_user_id(&user_id) || actor_code() != NULL;
}
