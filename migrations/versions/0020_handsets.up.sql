-- Handsets that fetch their whole configuration with a device token (X5), and what the operator's page looks at (X2).

-- ----- device tokens. Owner: routing, as of all that makes a login.

-- One a device. It is kept as a hash; the SIP password of a handset that has one follows from it
-- (shared/handset_secrets.py), so nothing in the database opens an account. A new token is a new password.
CREATE TABLE directory.device_tokens (
    company_id      bigint NOT NULL,
    device_id       text NOT NULL,
    token_sha256    bytea NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    made_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, device_id),
    FOREIGN KEY (company_id, device_id) REFERENCES directory.devices ON DELETE CASCADE
);
SELECT directory.keep_companies_apart('directory.device_tokens');
GRANT SELECT, INSERT, UPDATE, DELETE ON directory.device_tokens TO pbx_routing;
GRANT SELECT (company_id, device_id, made_at) ON directory.device_tokens TO pbx_presence;

-- A password from elsewhere is none the handset could find out from its token: the token ends with the old one.
CREATE FUNCTION directory.device_token_ends() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM directory.device_tokens t WHERE t.company_id = NEW.company_id AND t.device_id = NEW.device_id;
    RETURN NULL;
END $$;
CREATE TRIGGER device_token_ends AFTER UPDATE OF sip_ha1 ON directory.devices
    FOR EACH ROW WHEN (OLD.sip_ha1 <> NEW.sip_ha1) EXECUTE FUNCTION directory.device_token_ends();

-- Whose token it is; the company is not known before.
CREATE FUNCTION directory.device_of_token(sha256 bytea) RETURNS TABLE (company_id bigint, device_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.company_id, t.device_id FROM directory.device_tokens t WHERE t.token_sha256 = sha256
$$;
REVOKE ALL ON FUNCTION directory.device_of_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.device_of_token TO pbx_presence;

-- ----- when a handset last fetched what. Owner: presence.

CREATE TABLE presence.handset_fetches (
    company_id      bigint NOT NULL,
    device_id       text NOT NULL,
    at              timestamptz NOT NULL DEFAULT now(),
    vendor          text NOT NULL CHECK (vendor IN ('snom', 'yealink')),
    user_agent      text NOT NULL DEFAULT '' CHECK (length(user_agent) <= 200),
    address         text NOT NULL DEFAULT '' CHECK (length(address) <= 64),
    PRIMARY KEY (company_id, device_id),
    FOREIGN KEY (company_id, device_id) REFERENCES directory.devices ON DELETE CASCADE
);
SELECT directory.keep_companies_apart('presence.handset_fetches');
GRANT SELECT, INSERT, UPDATE, DELETE ON presence.handset_fetches TO pbx_presence;

-- ----- what presence reads of the others, through views that run with the reader's rights

-- The codes a company dials differently: a handset's mailbox key follows them.
CREATE VIEW routing.changed_codes WITH (security_invoker = true) AS
SELECT company_id, function, code FROM routing.feature_codes;
GRANT SELECT (company_id, function, code) ON routing.feature_codes TO pbx_presence;
GRANT SELECT ON routing.changed_codes TO pbx_presence;

-- What was decided of a call: for calls that are up.
CREATE VIEW routing.call_decisions WITH (security_invoker = true) AS
SELECT company_id, call_id, started_at, direction, caller_subscriber_id, caller_number, caller_name, dialled,
       callee_subscriber_id, callee_number, callee_name, rung, answered_at, ended_at
FROM routing.calls;
GRANT SELECT (company_id, call_id, started_at, direction, caller_subscriber_id, caller_number, caller_name, dialled,
              callee_subscriber_id, callee_number, callee_name, rung, answered_at, ended_at)
    ON routing.calls TO pbx_presence;
GRANT SELECT ON routing.call_decisions TO pbx_presence;

CREATE VIEW voicemail.mail_deliveries WITH (security_invoker = true) AS
SELECT d.company_id, d.message_id, d.kind, d.state, d.attempts, d.ambiguous, d.first_tried_at, d.next_attempt_at,
       d.last_reply, m.subscriber_id, m.left_at
FROM voicemail.deliveries d
JOIN voicemail.messages m ON m.company_id = d.company_id AND m.message_id = d.message_id;
GRANT SELECT (company_id, message_id, kind, state, attempts, ambiguous, first_tried_at, next_attempt_at, last_reply)
    ON voicemail.deliveries TO pbx_presence;
GRANT SELECT (company_id, message_id, subscriber_id, left_at) ON voicemail.messages TO pbx_presence;
GRANT SELECT ON voicemail.mail_deliveries TO pbx_presence;

-- How much waits in each outbox, of all companies together: for the operator of the system.
CREATE FUNCTION directory.outboxes() RETURNS TABLE (name text, waiting bigint, oldest_s float)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'routing', count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM routing.outbox
    UNION ALL
    SELECT 'callback', count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM callback.outbox
    UNION ALL
    SELECT 'voicemail', count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM voicemail.outbox
$$;
REVOKE ALL ON FUNCTION directory.outboxes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.outboxes TO pbx_presence;
