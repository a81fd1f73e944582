-- Row-level security.  Everybody sees and writes what his privileges allow;
-- regpaydb.grant_access(role, 'app') adds restrictive policies for that role, which
-- show it what the actor may view.

ALTER TABLE conference ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON conference USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON conference IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE attendee ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON attendee USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON attendee IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE staff ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON staff USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON staff IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE category ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON category USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON category IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE product ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON product USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON product IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE cart ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON cart USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON cart IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE cart_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON cart_item USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON cart_item IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE cart_discount ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON cart_discount USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON cart_discount IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE reservation ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON reservation USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON reservation IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE invoice ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON invoice USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON invoice IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE line_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON line_item USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON line_item IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE payment ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON payment USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON payment IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE credit_note ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON credit_note USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON credit_note IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE credit_note_claim ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON credit_note_claim USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON credit_note_claim IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE credit_note_application ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON credit_note_application USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON credit_note_application IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE credit_note_refund ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON credit_note_refund USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON credit_note_refund IS 'What privileges allow, and no restrictive policy forbids.';

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON outbox USING (true) WITH CHECK (true);
COMMENT ON POLICY everyone ON outbox IS 'What privileges allow, and no restrictive policy forbids.';
