-- V1: what an owner says to his callers. The audio lies in the spool as greetings/<greeting_id>.wav; a new recording has a
-- new id, so a file never changes while somebody hears it. Owner: voicemail.

CREATE TABLE voicemail.greetings (
    company_id      bigint NOT NULL,
    subscriber_id   bigint NOT NULL,
    -- personal: whatever the reason; busy and no_answer go before it; name: spoken in the default greetings
    kind            text NOT NULL CHECK (kind IN ('personal', 'busy', 'no_answer', 'name')),
    greeting_id     uuid NOT NULL UNIQUE,
    in_use          boolean NOT NULL DEFAULT true,   -- false: kept for later
    duration_ms     int NOT NULL CHECK (duration_ms > 0),
    audio_bytes     bigint NOT NULL CHECK (audio_bytes > 44),
    made_by         text NOT NULL CHECK (made_by IN ('telephone', 'upload')),
    made_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, subscriber_id, kind),
    FOREIGN KEY (company_id, subscriber_id) REFERENCES voicemail.mailboxes ON DELETE CASCADE
);
SELECT directory.keep_companies_apart('voicemail.greetings');

-- Like a message's: a recording does not outlive its row (0004).
CREATE FUNCTION voicemail.erase_audio_of_greeting() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = voicemail, pg_temp AS $$
BEGIN
    INSERT INTO voicemail.audio_to_erase (message_id) VALUES (OLD.greeting_id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER erase_audio AFTER DELETE ON voicemail.greetings
    FOR EACH ROW EXECUTE FUNCTION voicemail.erase_audio_of_greeting();
CREATE TRIGGER erase_replaced_audio AFTER UPDATE ON voicemail.greetings
    FOR EACH ROW WHEN (OLD.greeting_id <> NEW.greeting_id) EXECUTE FUNCTION voicemail.erase_audio_of_greeting();

GRANT SELECT, INSERT, UPDATE, DELETE ON voicemail.greetings TO pbx_voicemail;
