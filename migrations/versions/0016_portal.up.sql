-- The voice portal: tries at a PIN (V6), and a message lamp that is put out by hand (F1, *99). Owner: voicemail.

ALTER TABLE voicemail.mailboxes
    ADD COLUMN pin_failed_at timestamptz[] NOT NULL DEFAULT '{}';   -- of the last 15 minutes: five lock for 30

-- Tries at what nobody can enter: no such mailbox, none with a PIN, or one that is locked. One row a company, so that
-- guessing numbers fills no table; written as often as a mailbox's own counters, so that it takes as long.
CREATE TABLE voicemail.pin_tries_at_nothing (
    company_id      bigint PRIMARY KEY REFERENCES directory.companies ON DELETE CASCADE,
    tries           bigint NOT NULL,
    last_at         timestamptz NOT NULL
);
SELECT directory.keep_companies_apart('voicemail.pin_tries_at_nothing');
GRANT SELECT, INSERT, UPDATE ON voicemail.pin_tries_at_nothing TO pbx_voicemail;

-- One try at a PIN, counted as a wrong one before anybody knows: whoever was right takes it back. So two calls at a
-- time have no more tries than one. The mailbox by its owner or his extension; allowed is false where the PIN
-- does not matter any more, and then the hash may be NULL.
CREATE FUNCTION voicemail.take_pin_try(in_company bigint, of_subscriber bigint, of_extension text)
RETURNS TABLE (subscriber_id bigint, pin_hash text, allowed boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    box voicemail.mailboxes;
    recent timestamptz[];
BEGIN
    SELECT b.* INTO box
    FROM voicemail.mailboxes b
    JOIN directory.subscribers s ON s.company_id = b.company_id AND s.subscriber_id = b.subscriber_id
    WHERE b.company_id = in_company
      AND (s.subscriber_id = of_subscriber OR (of_subscriber IS NULL AND s.extension = of_extension))
    FOR UPDATE OF b;
    IF box.pin_hash IS NULL OR box.pin_failures >= 10 OR box.pin_locked_until > now() THEN
        INSERT INTO voicemail.pin_tries_at_nothing AS t VALUES (in_company, 1, now())
        ON CONFLICT (company_id) DO UPDATE SET tries = t.tries + 1, last_at = now();
        RETURN QUERY SELECT box.subscriber_id, box.pin_hash, false;
        RETURN;
    END IF;
    recent := ARRAY(SELECT at FROM unnest(box.pin_failed_at) AS at WHERE at > now() - interval '15 minutes') || now();
    UPDATE voicemail.mailboxes b
    SET pin_failures = b.pin_failures + 1, pin_failed_at = recent,
        pin_locked_until = CASE WHEN cardinality(recent) >= 5 THEN now() + interval '30 minutes' END
    WHERE b.company_id = in_company AND b.subscriber_id = box.subscriber_id;
    RETURN QUERY SELECT box.subscriber_id, box.pin_hash, true;
END $$;
REVOKE ALL ON FUNCTION voicemail.take_pin_try FROM PUBLIC;
GRANT EXECUTE ON FUNCTION voicemail.take_pin_try TO pbx_voicemail;

-- As before, and without the tries at the old PIN.
CREATE OR REPLACE FUNCTION voicemail.set_pin(of_company bigint, of_subscriber bigint, hash text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF hash NOT LIKE '$argon2id$%' THEN
        RAISE EXCEPTION 'a PIN is kept as an argon2 hash' USING ERRCODE = 'check_violation';
    END IF;
    UPDATE voicemail.mailboxes b
    SET pin_hash = hash, pin_failures = 0, pin_failed_at = '{}', pin_locked_until = NULL
    WHERE b.company_id = of_company AND b.subscriber_id = of_subscriber;
    RETURN FOUND;
END $$;

-- ----- the lamp, put out by hand: these messages stay new and light nothing any more

ALTER TABLE voicemail.messages ADD COLUMN lamp_cleared boolean NOT NULL DEFAULT false;
CREATE TRIGGER lamp_was_cleared AFTER UPDATE ON voicemail.messages
    FOR EACH ROW WHEN (OLD.lamp_cleared IS DISTINCT FROM NEW.lamp_cleared)
    EXECUTE FUNCTION voicemail.note_lamp_change();

-- Whoever makes a message new again wants to be told of it.
CREATE FUNCTION voicemail.light_again() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.lamp_cleared := false;
    RETURN NEW;
END $$;
CREATE TRIGGER message_is_new_again BEFORE UPDATE ON voicemail.messages
    FOR EACH ROW WHEN (OLD.read_at IS NOT NULL AND NEW.read_at IS NULL)
    EXECUTE FUNCTION voicemail.light_again();

-- What the lamps of a mailbox's telephones are told; message_counts is what there is.
CREATE VIEW voicemail.lamp_counts WITH (security_invoker = true) AS
SELECT b.company_id, b.subscriber_id, b.lamp_enabled,
       count(m.message_id) FILTER (WHERE m.read_at IS NULL AND NOT m.lamp_cleared)                   AS new,
       count(m.message_id) FILTER (WHERE m.read_at IS NOT NULL OR m.lamp_cleared)                    AS saved,
       count(m.message_id) FILTER (WHERE m.read_at IS NULL AND NOT m.lamp_cleared AND m.urgent)      AS new_urgent,
       count(m.message_id) FILTER (WHERE (m.read_at IS NOT NULL OR m.lamp_cleared) AND m.urgent)     AS saved_urgent
FROM voicemail.mailboxes b
LEFT JOIN voicemail.messages m
       ON m.company_id = b.company_id AND m.subscriber_id = b.subscriber_id AND m.deleted_at IS NULL
GROUP BY b.company_id, b.subscriber_id, b.lamp_enabled;
GRANT SELECT ON voicemail.lamp_counts TO pbx_voicemail;

-- For routing, which does what a feature code asks for; false: there is no mailbox.
CREATE FUNCTION voicemail.clear_lamp(of_company bigint, of_subscriber bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE voicemail.messages m SET lamp_cleared = true
    WHERE m.company_id = of_company AND m.subscriber_id = of_subscriber AND directory.in_scope(of_company)
      AND m.read_at IS NULL AND m.deleted_at IS NULL AND NOT m.lamp_cleared;
    RETURN EXISTS (SELECT FROM voicemail.mailboxes b WHERE b.company_id = of_company
                   AND b.subscriber_id = of_subscriber AND directory.in_scope(of_company));
END $$;
REVOKE ALL ON FUNCTION voicemail.clear_lamp FROM PUBLIC;
GRANT EXECUTE ON FUNCTION voicemail.clear_lamp TO pbx_routing;
