DROP FUNCTION voicemail.clear_lamp;
DROP VIEW voicemail.lamp_counts;
DROP TRIGGER message_is_new_again ON voicemail.messages;
DROP FUNCTION voicemail.light_again;
DROP TRIGGER lamp_was_cleared ON voicemail.messages;
ALTER TABLE voicemail.messages DROP COLUMN lamp_cleared;
CREATE OR REPLACE FUNCTION voicemail.set_pin(of_company bigint, of_subscriber bigint, hash text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF hash NOT LIKE '$argon2id$%' THEN
        RAISE EXCEPTION 'a PIN is kept as an argon2 hash' USING ERRCODE = 'check_violation';
    END IF;
    UPDATE voicemail.mailboxes b SET pin_hash = hash, pin_failures = 0, pin_locked_until = NULL
    WHERE b.company_id = of_company AND b.subscriber_id = of_subscriber;
    RETURN FOUND;
END $$;
DROP FUNCTION voicemail.take_pin_try;
DROP TABLE voicemail.pin_tries_at_nothing;
ALTER TABLE voicemail.mailboxes DROP COLUMN pin_failed_at;
