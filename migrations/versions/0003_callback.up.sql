-- Click-to-dial: who asked to be called and connected to whom, and how far it got. Owner: callback.
--
-- An attempt is a promise to dial at most once (C2): the ids of its legs are minted with the row, the row
-- moves from accepted to dialling before anything is sent to the switch, and no path leads back.

CREATE SCHEMA callback;
GRANT USAGE ON SCHEMA callback TO pbx_callback;

CREATE TYPE callback.state AS ENUM (
    'accepted', 'dialling', 'ringing_first', 'first_answered', 'ringing_target', 'connected',
    'ended', 'failed', 'cancelled', 'unknown');

-- C5; a subscriber without a row has the defaults.
CREATE TABLE callback.settings (
    company_id          bigint NOT NULL,
    subscriber_id       bigint PRIMARY KEY,
    max_simultaneous    int NOT NULL DEFAULT 2 CHECK (max_simultaneous BETWEEN 1 AND 20),
    max_per_minute      int NOT NULL DEFAULT 10 CHECK (max_per_minute BETWEEN 1 AND 60),
    ring_s              int NOT NULL DEFAULT 30 CHECK (ring_s BETWEEN 5 AND 120),   -- of the first leg
    FOREIGN KEY (company_id, subscriber_id) REFERENCES directory.subscribers ON DELETE CASCADE
);
SELECT directory.keep_companies_apart('callback.settings');

CREATE TABLE callback.attempts (
    attempt_id      uuid PRIMARY KEY,
    company_id      bigint NOT NULL,
    subscriber_id   bigint NOT NULL,
    asked_by        text NOT NULL CHECK (asked_by IN ('subscriber', 'administrator', 'operator')),
    idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 8 AND 128),
    request_sha256  bytea NOT NULL CHECK (length(request_sha256) = 32),
    target          text NOT NULL,                  -- as asked for
    destination     text NOT NULL CHECK (destination ~ '^\+?[0-9*#]{1,32}$'),   -- as the switch is asked
    number_class    text NOT NULL,
    shown_name      text NOT NULL,                  -- what the first leg's display shows
    shown_number    text NOT NULL,
    ring_s          int NOT NULL,
    state           callback.state NOT NULL DEFAULT 'accepted',
    reason          text,                           -- why it failed (services/callback/reasons.py)
    target_reason   text,                           -- how the target's last leg ended
    created_at      timestamptz NOT NULL DEFAULT now(),
    checked_at      timestamptz NOT NULL DEFAULT now(),     -- last news of it, or last look at the switch
    to_be_hung_up   boolean NOT NULL DEFAULT false,         -- cancelled, and a leg may still be up or come
    UNIQUE (company_id, subscriber_id, asked_by, idempotency_key),
    FOREIGN KEY (company_id, subscriber_id) REFERENCES directory.subscribers ON DELETE CASCADE
);
CREATE INDEX attempts_of_subscriber ON callback.attempts (company_id, subscriber_id, created_at DESC, attempt_id);
CREATE INDEX attempts_of_company ON callback.attempts (company_id, created_at DESC, attempt_id);
CREATE INDEX attempts_by_age ON callback.attempts (created_at);      -- forgetting, and the operator's list
CREATE INDEX attempts_under_way ON callback.attempts (checked_at)
    WHERE state NOT IN ('ended', 'failed', 'cancelled', 'unknown') OR to_be_hung_up;
SELECT directory.keep_companies_apart('callback.attempts');

-- Whom the attempt rings first: handsets, later also a number outside (Remote Office, mobile).
CREATE TABLE callback.first_legs (
    leg_uuid        uuid PRIMARY KEY,
    company_id      bigint NOT NULL,
    attempt_id      uuid NOT NULL REFERENCES callback.attempts ON DELETE CASCADE,
    device_id       text,
    number          text CHECK (number ~ '^\+[0-9]{5,15}$'),
    CHECK ((device_id IS NULL) <> (number IS NULL))
);
CREATE INDEX first_legs_of_attempt ON callback.first_legs (attempt_id);
SELECT directory.keep_companies_apart('callback.first_legs');

-- Every state an attempt has been in, in order: its history, and what is told to others.
CREATE TABLE callback.changes (
    change_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    company_id      bigint NOT NULL,
    attempt_id      uuid NOT NULL REFERENCES callback.attempts ON DELETE CASCADE,
    state           callback.state NOT NULL,
    at              timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX changes_of_attempt ON callback.changes (attempt_id, change_id);
SELECT directory.keep_companies_apart('callback.changes');

CREATE FUNCTION callback.note_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO callback.changes (company_id, attempt_id, state)
        VALUES (NEW.company_id, NEW.attempt_id, NEW.state);
    RETURN NULL;
END $$;
CREATE TRIGGER attempt_begins AFTER INSERT ON callback.attempts
    FOR EACH ROW EXECUTE FUNCTION callback.note_change();
CREATE TRIGGER attempt_changes AFTER UPDATE OF state ON callback.attempts
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION callback.note_change();

SELECT directory.create_outbox('callback', 'pbx_callback');

GRANT SELECT, INSERT, UPDATE, DELETE ON callback.settings, callback.attempts, callback.first_legs,
    callback.changes TO pbx_callback;
