-- Voicemail: mailboxes, the messages in them, and what became of each mail. Owner: voicemail.
--
-- The audio itself lies in the spool, one file a message, named by message_id. A row that goes,
-- however it goes (a subscriber erased, a company removed), leaves its file's name in
-- voicemail.audio_to_erase, so that no recording outlives its row.

CREATE SCHEMA voicemail;
GRANT USAGE ON SCHEMA voicemail TO pbx_voicemail, pbx_routing, pbx_callback, pbx_presence;

CREATE FUNCTION voicemail.is_mail_address(address text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT address ~ '^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}$'
$$;

CREATE TABLE voicemail.mailboxes (
    company_id      bigint NOT NULL,
    subscriber_id   bigint NOT NULL,
    enabled         boolean NOT NULL DEFAULT true,
    -- R11: when calls go there, and after how many rings (one ring = 5 s).
    on_always       boolean NOT NULL DEFAULT false,
    on_busy         boolean NOT NULL DEFAULT true,
    on_no_answer    boolean NOT NULL DEFAULT true,
    no_answer_rings int NOT NULL DEFAULT 4 CHECK (no_answer_rings = 0 OR no_answer_rings BETWEEN 2 AND 20),
    -- V1
    max_message_s   int NOT NULL DEFAULT 180 CHECK (max_message_s BETWEEN 10 AND 600),
    silence_end_s   int NOT NULL DEFAULT 5 CHECK (silence_end_s BETWEEN 2 AND 20),
    -- V3: the message by mail; and, apart from that and from each other, a notification and a copy.
    deliver_as_mail boolean NOT NULL DEFAULT false,
    email           text CHECK (voicemail.is_mail_address(email)),
    audio_format    text NOT NULL DEFAULT 'mp3' CHECK (audio_format IN ('wav', 'mp3')),
    notify_email    text CHECK (voicemail.is_mail_address(notify_email)),
    copy_email      text CHECK (voicemail.is_mail_address(copy_email)),
    -- V4, V5
    lamp_enabled    boolean NOT NULL DEFAULT true,
    max_messages    int NOT NULL DEFAULT 100 CHECK (max_messages BETWEEN 1 AND 1000),
    retention_days  int CHECK (retention_days BETWEEN 1 AND 3650),      -- NULL: kept until deleted
    delete_after_mail boolean NOT NULL DEFAULT false,
    -- V6: argon2; NULL: no PIN was set, nobody enters by telephone.
    pin_hash        text,
    pin_failures    int NOT NULL DEFAULT 0,          -- in a row; 10 lock until an operator unlocks
    pin_locked_until timestamptz,
    revision        int NOT NULL DEFAULT 1,          -- one more with each change: the ETag over HTTP
    PRIMARY KEY (company_id, subscriber_id),
    UNIQUE (subscriber_id),
    FOREIGN KEY (company_id, subscriber_id) REFERENCES directory.subscribers ON DELETE CASCADE,
    CONSTRAINT mail_needs_an_address CHECK (NOT deliver_as_mail OR email IS NOT NULL),
    CONSTRAINT deleting_needs_mail CHECK (NOT delete_after_mail OR deliver_as_mail)
);
CREATE INDEX mailboxes_that_forget ON voicemail.mailboxes (company_id, subscriber_id) WHERE retention_days IS NOT NULL;
SELECT directory.keep_companies_apart('voicemail.mailboxes');

CREATE TABLE voicemail.messages (
    company_id      bigint NOT NULL,
    message_id      uuid NOT NULL,
    subscriber_id   bigint NOT NULL,
    call_id         uuid,                            -- the call's first leg, as in every log line
    left_at         timestamptz NOT NULL,
    duration_ms     int NOT NULL CHECK (duration_ms > 0),
    sample_rate     int NOT NULL CHECK (sample_rate > 0),
    audio_bytes     bigint NOT NULL CHECK (audio_bytes > 44),
    incomplete      boolean NOT NULL DEFAULT false,  -- the disk took less than the switch said it wrote
    caller_number   text,                            -- NULL: withheld
    caller_name     text,
    caller_subscriber_id bigint,                     -- a colleague
    reason          text NOT NULL CHECK (reason IN ('always', 'busy', 'no_answer', 'not_reachable', 'direct')),
    urgent          boolean NOT NULL DEFAULT false,
    read_at         timestamptz,                     -- NULL: new
    deleted_at      timestamptz,                     -- can be taken back until the sweeper purges it
    level_dbfs      real,                            -- filled by the worker
    has_mp3         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (company_id, message_id),
    UNIQUE (message_id),
    FOREIGN KEY (company_id, subscriber_id) REFERENCES voicemail.mailboxes ON DELETE CASCADE
);
CREATE INDEX messages_of_mailbox ON voicemail.messages (company_id, subscriber_id, left_at DESC, message_id);
CREATE INDEX deleted_messages ON voicemail.messages (deleted_at) WHERE deleted_at IS NOT NULL;
SELECT directory.keep_companies_apart('voicemail.messages');

-- One row for each mail of a message, by kind: what makes a second send impossible.
CREATE TABLE voicemail.deliveries (
    company_id      bigint NOT NULL,
    message_id      uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('forward', 'notification', 'copy')),
    recipient       text NOT NULL,
    -- sending: between "we are about to hand over the data" and the server's word on it
    state           text NOT NULL DEFAULT 'waiting'
                    CHECK (state IN ('waiting', 'sending', 'sent', 'refused', 'given_up')),
    attempts        int NOT NULL DEFAULT 0,
    first_tried_at  timestamptz,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    queued_at       timestamptz DEFAULT now(),       -- NULL: waits for its time, then is put into the outbox
    claimed_until   timestamptz,                     -- a worker is at it; past: that worker died
    ambiguous       int NOT NULL DEFAULT 0,          -- times nobody can know whether the server took it
    sent_at         timestamptz,
    last_reply      text,                            -- the server's words, for the owner
    PRIMARY KEY (company_id, message_id, kind),
    FOREIGN KEY (company_id, message_id) REFERENCES voicemail.messages ON DELETE CASCADE
);
CREATE INDEX deliveries_due ON voicemail.deliveries (next_attempt_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX deliveries_of_interest ON voicemail.deliveries (state) WHERE state <> 'sent' OR ambiguous > 0;
SELECT directory.keep_companies_apart('voicemail.deliveries');

SELECT directory.create_outbox('voicemail', 'pbx_voicemail');

-- Mailboxes whose lamp must be told, in the order of the changes: rows are only added and taken away,
-- never merged, so that a change that commits while an older one is being told is not lost.
CREATE TABLE voicemail.lamp_changes (
    change_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    company_id      bigint NOT NULL,
    subscriber_id   bigint NOT NULL
);
SELECT directory.keep_companies_apart('voicemail.lamp_changes');

CREATE FUNCTION voicemail.note_lamp_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = voicemail, pg_temp AS $$
DECLARE changed record;
BEGIN
    IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    INSERT INTO voicemail.lamp_changes (company_id, subscriber_id)
    VALUES (changed.company_id, changed.subscriber_id);
    RETURN NULL;
END $$;
CREATE TRIGGER message_came_or_went AFTER INSERT OR DELETE ON voicemail.messages
    FOR EACH ROW EXECUTE FUNCTION voicemail.note_lamp_change();
CREATE TRIGGER message_changed AFTER UPDATE ON voicemail.messages
    FOR EACH ROW WHEN (OLD.read_at IS DISTINCT FROM NEW.read_at
                       OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at
                       OR OLD.urgent IS DISTINCT FROM NEW.urgent)
    EXECUTE FUNCTION voicemail.note_lamp_change();
CREATE TRIGGER lamp_switched AFTER UPDATE ON voicemail.mailboxes
    FOR EACH ROW WHEN (OLD.lamp_enabled IS DISTINCT FROM NEW.lamp_enabled)
    EXECUTE FUNCTION voicemail.note_lamp_change();

CREATE TABLE voicemail.audio_to_erase (
    message_id      uuid PRIMARY KEY,
    since           timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION voicemail.erase_audio_of_message() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = voicemail, pg_temp AS $$
BEGIN
    INSERT INTO voicemail.audio_to_erase (message_id) VALUES (OLD.message_id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER erase_audio AFTER DELETE ON voicemail.messages
    FOR EACH ROW EXECUTE FUNCTION voicemail.erase_audio_of_message();

-- What a lamp shows: messages that are there, new and saved.
CREATE VIEW voicemail.message_counts WITH (security_invoker = true) AS
SELECT b.company_id, b.subscriber_id, b.lamp_enabled,
       count(m.message_id) FILTER (WHERE m.read_at IS NULL)                  AS new,
       count(m.message_id) FILTER (WHERE m.read_at IS NOT NULL)              AS saved,
       count(m.message_id) FILTER (WHERE m.read_at IS NULL AND m.urgent)     AS new_urgent,
       count(m.message_id) FILTER (WHERE m.read_at IS NOT NULL AND m.urgent) AS saved_urgent
FROM voicemail.mailboxes b
LEFT JOIN voicemail.messages m
       ON m.company_id = b.company_id AND m.subscriber_id = b.subscriber_id AND m.deleted_at IS NULL
GROUP BY b.company_id, b.subscriber_id, b.lamp_enabled;

-- R11, for routing. Runs with the reader's rights, so the reader's row security holds.
CREATE VIEW voicemail.mailbox_routing WITH (security_invoker = true) AS
SELECT company_id, subscriber_id, on_always AS always, on_busy AS busy, on_no_answer AS no_answer,
       no_answer_rings AS rings
FROM voicemail.mailboxes
WHERE enabled;
-- The same of every mailbox, for whoever shows or changes when it takes a call...
CREATE VIEW voicemail.mailbox_conditions WITH (security_invoker = true) AS
SELECT company_id, subscriber_id, on_always AS always, on_busy AS busy, on_no_answer AS no_answer,
       no_answer_rings AS rings
FROM voicemail.mailboxes;
-- ... which is done here, so that only voicemail's own rules write a mailbox. False: there is none. The caller's
-- transaction must have named the company: the function's owner is not held back by row security.
CREATE FUNCTION voicemail.change_conditions(
    of_company bigint, of_subscriber bigint, on_always boolean, on_busy boolean, on_no_answer boolean, rings int
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE voicemail.mailboxes b
    SET on_always = change_conditions.on_always, on_busy = change_conditions.on_busy,
        on_no_answer = change_conditions.on_no_answer, no_answer_rings = change_conditions.rings,
        revision = b.revision + 1
    WHERE b.company_id = of_company AND b.subscriber_id = of_subscriber AND directory.in_scope(of_company);
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION voicemail.change_conditions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION voicemail.change_conditions TO pbx_routing;
-- The switch's own entries of a person say whether there is a mailbox, for the time routing is away (0002_routing).
CREATE TRIGGER mailbox_changed AFTER INSERT OR UPDATE OF enabled OR DELETE ON voicemail.mailboxes
    FOR EACH ROW EXECUTE FUNCTION routing.directory_changed();
GRANT SELECT (company_id, subscriber_id, enabled, on_always, on_busy, on_no_answer, no_answer_rings)
    ON voicemail.mailboxes TO pbx_routing;
GRANT SELECT ON voicemail.mailbox_routing, voicemail.mailbox_conditions TO pbx_routing;

-- V6: a new PIN, for who resets a forgotten one (routing's accounts), which also ends a lock; false: no mailbox.
CREATE FUNCTION voicemail.set_pin(of_company bigint, of_subscriber bigint, hash text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF hash NOT LIKE '$argon2id$%' THEN
        RAISE EXCEPTION 'a PIN is kept as an argon2 hash' USING ERRCODE = 'check_violation';
    END IF;
    UPDATE voicemail.mailboxes b SET pin_hash = hash, pin_failures = 0, pin_locked_until = NULL
    WHERE b.company_id = of_company AND b.subscriber_id = of_subscriber;
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION voicemail.set_pin FROM PUBLIC;
GRANT EXECUTE ON FUNCTION voicemail.set_pin TO pbx_routing;

GRANT SELECT, INSERT, UPDATE, DELETE ON voicemail.mailboxes, voicemail.messages, voicemail.deliveries,
    voicemail.lamp_changes, voicemail.audio_to_erase TO pbx_voicemail;
GRANT SELECT ON voicemail.message_counts TO pbx_voicemail;
