/*
 * actor.c
 *	  Who may view what belongs to an attendee, and what the actor on whose
 *	  behalf a session acts may do.  Spec sections 1 and 7.
 */
#include "postgres.h"

#include "base/errors.h"
#include "engine/actor.h"
#include "rows/attendee_rows.h"
#include "rows/ledger_rows.h"

/*
 * Compare codes in a time that depends on the length of the given one only,
 * so that it tells nothing about the real one.
 */
static bool
codes_match(const char *code, const char *given, size_t given_length)
{
	size_t		code_length = strlen(code);
	unsigned char difference = code_length != given_length;

	if (code_length == 0)
		return false;
	/* Around the real code again and again, without a branch or a division. */
	for (size_t i = 0, place = 0; i < given_length; i++)
	{
		difference |= (unsigned char) code[place] ^ (unsigned char) given[i];
		place++;
		place &= (size_t) 0 - (size_t) (place < code_length);
	}
	return difference == 0;
}

/*
 * viewer_may_view
 *		Whether a user, or the holder of a code, may view what belongs to an
 *		attendee; user_id and code may be NULL, and so may attendee, for what
 *		does not exist; is_staff is what the table staff says of the user.
 *
 * Does the same work whatever the answer, so that the time it takes does not
 * give the answer's reason away.
 */
bool
viewer_may_view(const AttendeeRow *attendee, const int64 *user_id,
				bool is_staff, const char *code, size_t code_length)
{
	bool		exists = attendee != NULL;
	bool		is_attendee = user_id != NULL && exists && attendee->user_id == *user_id;
	bool		has_code = code != NULL &&
		codes_match(exists ? attendee->access_code : "no code at all", code, code_length);

	return exists && (is_staff || is_attendee || has_code);
}

/*
 * actor_may_view
 *		Whether the actor of the settings regpaydb.user_id and
 *		regpaydb.access_code may view what belongs to an attendee.
 *
 * Without an actor everything may be viewed: then the database role's
 * privileges are what counts.  Raises 22023.
 */
bool
actor_may_view(Ledger *ledger, int64 attendee_id)
{
	AttendeeRow attendee;
	bool		exists;
	int64		user_id;
	bool		has_user = actor_user_id(&user_id);
	const char *code = actor_code();

	if (!has_user && code == NULL)
		return true;
	exists = row_attendee_access(ledger, attendee_id, code != NULL, &attendee);
	return viewer_may_view(exists ? &attendee : NULL, has_user ? &user_id : NULL,
						   has_user && row_is_staff(ledger, user_id),
						   code, code == NULL ? 0 : strlen(code));
}

/*
 * actor_must_be_staff
 *		Raise RP010 where there is an actor who is not staff.  Without an actor
 *		the database role's privileges are what counts.  Raises 22023.
 *
 * Spec section 7, "Staff are people".
 */
void
actor_must_be_staff(Ledger *ledger)
{
	int64		user_id;

	if (actor_user_id(&user_id) ? row_is_staff(ledger, user_id) : actor_code() == NULL)
		return;
	ereport(ERROR,
			(errcode(RP_STAFF_ONLY),
			 errmsg("the actor is not staff"),
			 errdetail("This is for the users in the table staff."),
			 errhint("Reset the settings regpaydb.user_id and regpaydb.access_code, or add the user to the table staff.")));
}

/*
 * staff_begin
 *		As engine_begin, for what only staff may do.  Raises RP010, too.
 */
Ledger *
staff_begin(LedgerTable table, const char *column, AclMode privilege)
{
	Ledger	   *ledger = engine_begin(table, column, privilege);

	actor_must_be_staff(ledger);
	return ledger;
}

/*
 * actor_must_be
 *		Raise RP010 where there is an actor who is another user than the one who is
 *		said to have entered something: nobody signs for somebody else.
 */
void
actor_must_be(int64 entered_by)
{
	int64		actor;
	bool		is_user = actor_user_id(&actor);

	if (is_user ? actor == entered_by : actor_code() == NULL)
		return;
	ereport(ERROR,
			(errcode(RP_STAFF_ONLY),
			 is_user ?
			 errmsg("user " INT64_FORMAT " can't enter this as user " INT64_FORMAT, actor, entered_by) :
			 errmsg("the holder of an access code can't enter this as user " INT64_FORMAT, entered_by),
			 errdetail("What is done on behalf of a user is entered by that user."),
			 errhint("Leave entered_by out, or reset the settings regpaydb.user_id and regpaydb.access_code.")));
}

/*
 * check_entered_by
 *		Raise RP010 where who is said to have entered something is not staff, or
 *		is not the actor.
 */
void
check_entered_by(Ledger *ledger, int64 entered_by)
{
	if (!row_is_staff(ledger, entered_by))
		ereport(ERROR,
				(errcode(RP_STAFF_ONLY),
				 errmsg("user " INT64_FORMAT " is not staff", entered_by),
				 errdetail("Only the users in the table staff enter this."),
				 errhint("Check the user id, or add the user to the table staff.")));
	actor_must_be(entered_by);
}
