-- Click-to-dial: by which telephone (C1, C4), how often and whereto (C5). Owner: callback; changed through routing's
-- settings like everything else a person or an administrator sets, by the functions below.

ALTER TABLE callback.settings
    ADD mode            text NOT NULL DEFAULT 'call_back' CHECK (mode IN ('call_back', 'this_phone')),
    ADD always_call_back boolean NOT NULL DEFAULT false,
    ADD first_leg       text NOT NULL DEFAULT 'devices' CHECK (first_leg IN ('devices', 'mobile')),
    ADD device_id       text,                               -- the one that rings; NULL: all of them
    ADD press_1         boolean NOT NULL DEFAULT false,     -- asked of whoever answers outside
    ADD countries       text[] CHECK (countries <> '{}'),   -- ISO 3166; NULL: whatever the company allows
    ADD FOREIGN KEY (company_id, device_id) REFERENCES directory.devices ON DELETE SET NULL (device_id);

-- C5, of all subscribers together; a company without a row has the defaults.
CREATE TABLE callback.company_settings (
    company_id          bigint PRIMARY KEY REFERENCES directory.companies ON DELETE CASCADE,
    max_simultaneous    int NOT NULL DEFAULT 100 CHECK (max_simultaneous BETWEEN 1 AND 10000),
    max_per_minute      int NOT NULL DEFAULT 100 CHECK (max_per_minute BETWEEN 1 AND 10000),
    countries           text[] CHECK (countries <> '{}')    -- NULL: all
);
SELECT directory.keep_companies_apart('callback.company_settings');

ALTER TABLE callback.attempts
    ADD first_leg       text NOT NULL DEFAULT 'devices' CHECK (first_leg IN ('devices', 'mobile', 'remote_office')),
    ADD press_1         boolean NOT NULL DEFAULT false,
    ADD business_number text CHECK (business_number ~ '^\+[0-9]{5,15}$'),   -- O2, chosen for this call; NULL: as set
    ADD presentation    text NOT NULL DEFAULT 'as_set'
        CHECK (presentation IN ('as_set', 'suppressed_once', 'shown_once'));
CREATE INDEX attempts_of_company_under_way ON callback.attempts (company_id)
    WHERE state NOT IN ('ended', 'failed', 'cancelled', 'unknown');

-- A number outside is rung over one trunk after the other, each time under an id of its own.
ALTER TABLE callback.first_legs ADD position int NOT NULL DEFAULT 0;

-- ----- what routing publishes: Remote Office while it is on, and what each person may dial (N5)

CREATE VIEW routing.remote_offices WITH (security_invoker = true) AS
SELECT company_id, subscriber_id, remote_office_number AS number
FROM routing.call_settings WHERE remote_office_on;

-- Of his own profile, or else of his site's.
CREATE VIEW routing.outgoing_ranges WITH (security_invoker = true) AS
SELECT s.company_id, s.subscriber_id, r.prefix, r.allowed
FROM directory.subscribers s
LEFT JOIN routing.call_settings c ON (c.company_id, c.subscriber_id) = (s.company_id, s.subscriber_id)
LEFT JOIN routing.site_settings t ON (t.company_id, t.site_id) = (s.company_id, s.site_id)
JOIN routing.barring_ranges r
    ON (r.company_id, r.profile_id) = (s.company_id, coalesce(c.barring_profile_id, t.barring_profile_id))
WHERE r.part = 'outgoing';

GRANT SELECT (company_id, subscriber_id, remote_office_on, remote_office_number, barring_profile_id)
    ON routing.call_settings TO pbx_callback;
GRANT SELECT (company_id, site_id, barring_profile_id) ON routing.site_settings TO pbx_callback;
GRANT SELECT ON routing.barring_ranges, routing.remote_offices, routing.outgoing_ranges TO pbx_callback;

-- ----- what callback publishes: its settings, and the one way to change them. The caller's transaction must have named
-- the company: the functions' owner is not held back by row security.

GRANT USAGE ON SCHEMA callback TO pbx_routing;

CREATE VIEW callback.preferences WITH (security_invoker = true) AS
SELECT company_id, subscriber_id, mode, always_call_back, first_leg, device_id, press_1, ring_s
FROM callback.settings;
CREATE VIEW callback.limits WITH (security_invoker = true) AS
SELECT company_id, subscriber_id, max_simultaneous, max_per_minute, countries
FROM callback.settings;

CREATE FUNCTION callback.change_preferences(
    of_company bigint, of_subscriber bigint, mode text, always_call_back boolean, first_leg text, device_id text,
    press_1 boolean, ring_s int
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO callback.settings AS s (company_id, subscriber_id, mode, always_call_back, first_leg, device_id,
                                        press_1, ring_s)
    SELECT of_company, of_subscriber, change_preferences.mode, change_preferences.always_call_back,
           change_preferences.first_leg, change_preferences.device_id, change_preferences.press_1,
           change_preferences.ring_s
    WHERE directory.in_scope(of_company)
    ON CONFLICT (subscriber_id) DO UPDATE
    SET mode = excluded.mode, always_call_back = excluded.always_call_back, first_leg = excluded.first_leg,
        device_id = excluded.device_id, press_1 = excluded.press_1, ring_s = excluded.ring_s
    WHERE s.company_id = of_company
$$;
CREATE FUNCTION callback.change_limits(
    of_company bigint, of_subscriber bigint, max_simultaneous int, max_per_minute int, countries text[]
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO callback.settings AS s (company_id, subscriber_id, max_simultaneous, max_per_minute, countries)
    SELECT of_company, of_subscriber, change_limits.max_simultaneous, change_limits.max_per_minute,
           change_limits.countries
    WHERE directory.in_scope(of_company)
    ON CONFLICT (subscriber_id) DO UPDATE
    SET max_simultaneous = excluded.max_simultaneous, max_per_minute = excluded.max_per_minute,
        countries = excluded.countries
    WHERE s.company_id = of_company
$$;
CREATE FUNCTION callback.change_company_limits(
    of_company bigint, max_simultaneous int, max_per_minute int, countries text[]
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO callback.company_settings (company_id, max_simultaneous, max_per_minute, countries)
    SELECT of_company, change_company_limits.max_simultaneous, change_company_limits.max_per_minute,
           change_company_limits.countries
    WHERE directory.in_scope(of_company)
    ON CONFLICT (company_id) DO UPDATE
    SET max_simultaneous = excluded.max_simultaneous, max_per_minute = excluded.max_per_minute,
        countries = excluded.countries
$$;
REVOKE ALL ON FUNCTION callback.change_preferences, callback.change_limits, callback.change_company_limits FROM PUBLIC;
GRANT EXECUTE ON FUNCTION callback.change_preferences, callback.change_limits, callback.change_company_limits
    TO pbx_routing;
GRANT SELECT ON callback.settings, callback.company_settings, callback.preferences, callback.limits TO pbx_routing;
GRANT SELECT, INSERT, UPDATE, DELETE ON callback.company_settings TO pbx_callback;
