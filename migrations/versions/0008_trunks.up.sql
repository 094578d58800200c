-- Trunks as data: where each leads and how the carrier behind it wants calls to look; and what outside calls may cost.

ALTER TABLE directory.trunks
    ADD label           text CHECK (length(label) BETWEEN 1 AND 80),       -- what people call it; NULL: its name
    ADD host            text CHECK (host ~ '^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$'),  -- NULL: leads nowhere yet
    ADD port            int NOT NULL DEFAULT 5060 CHECK (port BETWEEN 1 AND 65535),
    ADD transport       text NOT NULL DEFAULT 'udp' CHECK (transport IN ('udp', 'tcp', 'tls')),
    ADD username        text CHECK (username ~ '^[A-Za-z0-9+._@-]{1,80}$'),
    -- As it is: SIP digest answers need it. Given to the switch only; no HTTP answer and no log line holds it.
    ADD password        text CHECK (password ~ '^[\x21-\x7e]{1,120}$'),
    ADD register        boolean NOT NULL DEFAULT false,
    ADD realm           text CHECK (realm ~ '^[A-Za-z0-9._@-]{1,253}$'),   -- NULL: the host
    ADD from_domain     text CHECK (from_domain ~ '^[A-Za-z0-9.-]{1,253}$'),   -- NULL: the host
    ADD number_format   text NOT NULL DEFAULT 'e164' CHECK (number_format IN ('e164', 'national', 'plain')),
    ADD caller_style    text NOT NULL DEFAULT 'p_asserted_identity'
        CHECK (caller_style IN ('from', 'p_asserted_identity', 'p_preferred_identity', 'remote_party_id')),
    ADD privacy_style   text NOT NULL DEFAULT 'id' CHECK (privacy_style IN ('id', 'id_only', 'from_only')),
    ADD diversion_style text NOT NULL DEFAULT 'diversion'
        CHECK (diversion_style IN ('diversion', 'history_info', 'both', 'none')),
    ADD enabled         boolean NOT NULL DEFAULT true,
    ADD CONSTRAINT registering_needs_a_login
        CHECK (NOT register OR (username IS NOT NULL AND password IS NOT NULL));
CREATE UNIQUE INDEX trunk_labels ON directory.trunks (company_id, coalesce(label, name));

-- The other services may know which trunks there are, not their logins.
REVOKE SELECT ON directory.trunks FROM pbx_callback, pbx_voicemail, pbx_presence;
GRANT SELECT (company_id, trunk_id, name, position, enabled) ON directory.trunks
    TO pbx_callback, pbx_voicemail, pbx_presence;

-- Which gateways the switch must have; a payload of its own beside the directory's entries.
CREATE FUNCTION routing.trunks_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pbx_directory', 'gateways@trunks.invalid');
    RETURN NULL;
END $$;
CREATE TRIGGER gateways_changed AFTER INSERT OR UPDATE OR DELETE ON directory.trunks
    FOR EACH STATEMENT EXECUTE FUNCTION routing.trunks_changed();

-- ----- what a company's calls to the outside may be: no row means these defaults

CREATE TABLE routing.call_limits (
    company_id              bigint PRIMARY KEY REFERENCES directory.companies ON DELETE CASCADE,
    per_subscriber_per_minute int NOT NULL DEFAULT 10 CHECK (per_subscriber_per_minute BETWEEN 1 AND 1000),
    forwarded_at_once       int NOT NULL DEFAULT 2 CHECK (forwarded_at_once BETWEEN 0 AND 100),   -- per subscriber
    longest_call_s          int NOT NULL DEFAULT 14400 CHECK (longest_call_s BETWEEN 10 AND 86400),
    daily_budget_cents      int DEFAULT 50000 CHECK (daily_budget_cents >= 0),                    -- NULL: no budget
    alert_percent           int NOT NULL DEFAULT 80 CHECK (alert_percent BETWEEN 1 AND 100),
    -- What a minute is counted with, by class of number; a begun minute counts.
    cents_per_minute        jsonb NOT NULL DEFAULT
        '{"national": 2, "mobile": 10, "international": 50, "premium": 200, "satellite": 500}'
        CHECK (jsonb_typeof(cents_per_minute) = 'object')
);
SELECT directory.keep_companies_apart('routing.call_limits');

CREATE TABLE routing.spending (            -- of a day (UTC), gathered by routing and added now and then
    company_id      bigint NOT NULL REFERENCES directory.companies ON DELETE CASCADE,
    day             date NOT NULL,
    cents           bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (company_id, day)
);
SELECT directory.keep_companies_apart('routing.spending');

CREATE TRIGGER call_limits_changed AFTER INSERT OR UPDATE OR DELETE ON routing.call_limits
    FOR EACH STATEMENT EXECUTE FUNCTION routing.trunks_changed();
CREATE TRIGGER company_limits_changed AFTER UPDATE OF max_external_calls_per_minute ON directory.companies
    FOR EACH STATEMENT EXECUTE FUNCTION routing.trunks_changed();

GRANT SELECT, INSERT, UPDATE, DELETE ON routing.call_limits, routing.spending TO pbx_routing;
