-- can_view() in SQL.  A function with a subquery is inlined where it returns a
-- set and is called in FROM; as a scalar one it is not.
CREATE FUNCTION inlined_view(which bigint, viewer bigint, code text)
	RETURNS SETOF boolean
	LANGUAGE sql STABLE
AS $$
	SELECT EXISTS (
		SELECT FROM invoice i JOIN attendee a USING (attendee_id)
		WHERE i.invoice_id = which
			AND (a.access_code = code OR a.user_id = viewer
				OR EXISTS (SELECT FROM staff s WHERE s.user_id = viewer)))
$$;

CREATE FUNCTION scalar_view(which bigint, viewer bigint, code text)
	RETURNS boolean
	LANGUAGE sql STABLE
AS $$
	SELECT EXISTS (
		SELECT FROM invoice i JOIN attendee a USING (attendee_id)
		WHERE i.invoice_id = which
			AND (a.access_code = code OR a.user_id = viewer
				OR EXISTS (SELECT FROM staff s WHERE s.user_id = viewer)))
$$;

-- So many calls, for invoices in an order that looks random.
CREATE TABLE call AS
	SELECT invoice_id, user_id, access_code, -1 - invoice_id % 100 AS staff_id
	FROM (SELECT 1 + (g * 7919) % :invoices AS invoice_id
		FROM generate_series(1, :calls) g) AS random
	JOIN invoice USING (invoice_id) JOIN attendee USING (attendee_id)
	ORDER BY hashint8(invoice_id);
VACUUM (ANALYZE) call;
