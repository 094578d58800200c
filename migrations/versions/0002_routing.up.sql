-- Routing: the settings of a subscriber's calls, the record of every call, and the switch's directory. What one call
-- needs to know stands in 0011_call_facts. Owner: routing.

CREATE SCHEMA routing;
GRANT USAGE ON SCHEMA routing TO pbx_routing, pbx_callback, pbx_voicemail, pbx_presence;

-- ----- settings

CREATE TABLE routing.forwardings (         -- R1, R2; no row: off and never set
    company_id      bigint NOT NULL,
    subscriber_id   bigint NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('always', 'busy', 'no_answer', 'not_reachable')),
    enabled         boolean NOT NULL DEFAULT true,
    -- An extension of the company, or E.164: normalised with the site's country when it is entered (N3).
    target          text CHECK (target ~ '^(\+[0-9]{5,15}|[0-9]{2,6})$'),
    rings           int NOT NULL DEFAULT 4 CHECK (rings = 0 OR rings BETWEEN 2 AND 20),
    CHECK (NOT enabled OR target IS NOT NULL),
    PRIMARY KEY (company_id, subscriber_id, kind),
    UNIQUE (subscriber_id, kind),
    FOREIGN KEY (company_id, subscriber_id) REFERENCES directory.subscribers ON DELETE CASCADE
);
SELECT directory.keep_companies_apart('routing.forwardings');
GRANT SELECT, INSERT, UPDATE, DELETE ON routing.forwardings TO pbx_routing;

-- ----- the record of calls (L1, L2, R15)

CREATE TABLE routing.calls (
    company_id      bigint NOT NULL REFERENCES directory.companies ON DELETE CASCADE,
    call_id         uuid NOT NULL,             -- UUID of the first leg
    started_at      timestamptz NOT NULL,
    -- What routing decided, NULL while only the end of the call is known: the two arrive in any order.
    direction       text CHECK (direction IN ('internal', 'incoming', 'outgoing')),
    caller_subscriber_id bigint,
    caller_number   text,
    caller_name     text,
    dialled         text,
    callee_subscriber_id bigint,
    callee_number   text,
    callee_name     text,
    rung            text,                      -- the rung that decided
    trace           jsonb,                     -- what each rung looked at and said
    steps           jsonb NOT NULL DEFAULT '[]',   -- what was done, in the order of the questions
    from_memory     boolean NOT NULL DEFAULT false, -- decided with last known facts: the database was away
    -- What the switch reported.
    answered_at     timestamptz,
    answered_by     bigint,                    -- subscriber whose leg was answered
    ended_at        timestamptz,
    cause           text,
    PRIMARY KEY (company_id, call_id),
    UNIQUE (call_id)
);
CREATE INDEX calls_by_time ON routing.calls (company_id, started_at DESC, call_id);
SELECT directory.keep_companies_apart('routing.calls');

CREATE TABLE routing.call_log (                -- L1: one line of one subscriber's list
    company_id      bigint NOT NULL,
    subscriber_id   bigint NOT NULL,
    call_id         uuid NOT NULL,
    placed          boolean NOT NULL,          -- he made it; else it came to him
    deleted_at      timestamptz,               -- by the subscriber; kept so that a late record does not bring it back
    PRIMARY KEY (company_id, subscriber_id, call_id, placed),
    FOREIGN KEY (company_id, subscriber_id) REFERENCES directory.subscribers ON DELETE CASCADE,
    FOREIGN KEY (company_id, call_id) REFERENCES routing.calls ON DELETE CASCADE
);
CREATE INDEX call_log_of_call ON routing.call_log (company_id, call_id);
SELECT directory.keep_companies_apart('routing.call_log');

GRANT SELECT, INSERT, UPDATE, DELETE ON routing.calls, routing.call_log TO pbx_routing;
SELECT directory.create_outbox('routing', 'pbx_routing');

-- What routing and the switch reported of calls (services/routing/call_log.py), in any order and any number of times:
-- one statement for a whole batch, because each call brings three reports and writing is most of what it costs.
CREATE FUNCTION routing.write_records(of_company bigint, records jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF EXISTS (SELECT FROM jsonb_array_elements(records) r
               WHERE coalesce(r ->> 'kind', '') NOT IN ('decided', 'went_on', 'leg_answered', 'ended')) THEN
        RAISE EXCEPTION 'a record of an unknown kind' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    records := (SELECT jsonb_agg(DISTINCT r) FROM jsonb_array_elements(records) r);
    INSERT INTO routing.calls AS known (
        company_id, call_id, started_at, direction, caller_subscriber_id, caller_number, caller_name, dialled,
        callee_subscriber_id, callee_number, callee_name, rung, trace, from_memory, steps, answered_at, answered_by,
        ended_at, cause)
    SELECT of_company, r.call_id, min(coalesce(
               r.began_at, CASE WHEN r.kind = 'leg_answered' THEN r.answered_at END, r.at::timestamptz)),
           -- A transferred caller asks again as a new call would, under the same id: what was decided first stays.
           (array_agg(r.direction ORDER BY r.at) FILTER (WHERE r.kind = 'decided'))[1],
           (array_agg(r.caller_id ORDER BY r.at) FILTER (WHERE r.kind = 'decided'))[1],
           (array_agg(r.caller_number ORDER BY r.at) FILTER (WHERE r.kind = 'decided'))[1],
           (array_agg(r.caller_name ORDER BY r.at) FILTER (WHERE r.kind = 'decided'))[1],
           (array_agg(r.dialled ORDER BY r.at) FILTER (WHERE r.kind = 'decided'))[1],
           (array_agg(r.callee_id ORDER BY r.at) FILTER (WHERE r.kind = 'decided'))[1],
           (array_agg(r.callee_number ORDER BY r.at) FILTER (WHERE r.kind = 'decided'))[1],
           (array_agg(r.callee_name ORDER BY r.at) FILTER (WHERE r.kind = 'decided'))[1],
           (array_agg(r.rung ORDER BY r.at) FILTER (WHERE r.kind = 'decided'))[1],
           (array_agg(r.trace ORDER BY r.at) FILTER (WHERE r.kind = 'decided'))[1],
           coalesce((array_agg(r.from_memory ORDER BY r.at) FILTER (WHERE r.kind = 'decided'))[1], false),
           coalesce(jsonb_agg(jsonb_build_object('at', r.at) || CASE r.kind
               WHEN 'decided' THEN jsonb_build_object('question', 1, 'rung', r.rung)
               ELSE jsonb_build_object('question', r.question, 'outcome', r.outcome, 'causes', r.causes) END || r.step
               ORDER BY r.at)
               FILTER (WHERE r.kind IN ('decided', 'went_on')), '[]'),
           min(r.answered_at), max(r.subscriber_id) FILTER (WHERE r.kind = 'leg_answered'),
           max(r.at::timestamptz) FILTER (WHERE r.kind = 'ended'), max(r.cause) FILTER (WHERE r.kind = 'ended')
    FROM jsonb_to_recordset(records) AS r (
        kind text, call_id uuid, at text, direction text, caller_id bigint, caller_number text, caller_name text,
        dialled text, callee_id bigint, callee_number text, callee_name text, rung text, trace jsonb, from_memory boolean,
        step jsonb, question int, outcome text, causes jsonb, subscriber_id bigint, answered_at timestamptz,
        began_at timestamptz, cause text)
    GROUP BY r.call_id
    ORDER BY r.call_id                     -- two workers take the locks in the same order
    ON CONFLICT (company_id, call_id) DO UPDATE SET
        started_at = least(known.started_at, excluded.started_at),
        direction = coalesce(known.direction, excluded.direction),
        caller_subscriber_id = CASE WHEN known.direction IS NULL THEN excluded.caller_subscriber_id ELSE known.caller_subscriber_id END,
        caller_number = CASE WHEN known.direction IS NULL THEN excluded.caller_number ELSE known.caller_number END,
        caller_name = CASE WHEN known.direction IS NULL THEN excluded.caller_name ELSE known.caller_name END,
        dialled = CASE WHEN known.direction IS NULL THEN excluded.dialled ELSE known.dialled END,
        callee_subscriber_id = CASE WHEN known.direction IS NULL THEN excluded.callee_subscriber_id ELSE known.callee_subscriber_id END,
        callee_number = CASE WHEN known.direction IS NULL THEN excluded.callee_number ELSE known.callee_number END,
        callee_name = CASE WHEN known.direction IS NULL THEN excluded.callee_name ELSE known.callee_name END,
        rung = CASE WHEN known.direction IS NULL THEN excluded.rung ELSE known.rung END,
        trace = CASE WHEN known.direction IS NULL THEN excluded.trace ELSE known.trace END,
        from_memory = CASE WHEN known.direction IS NULL THEN excluded.from_memory ELSE known.from_memory END,
        steps = CASE WHEN known.steps @> excluded.steps THEN known.steps ELSE (
            SELECT jsonb_agg(one.step ORDER BY one.step ->> 'at')
            FROM (SELECT DISTINCT step FROM jsonb_array_elements(known.steps || excluded.steps) step) one) END,
        answered_at = least(known.answered_at, excluded.answered_at),
        answered_by = coalesce(excluded.answered_by, known.answered_by),
        ended_at = coalesce(excluded.ended_at, known.ended_at),
        cause = coalesce(excluded.cause, known.cause);

    INSERT INTO routing.call_log (company_id, subscriber_id, call_id, placed)
    SELECT DISTINCT s.company_id, s.subscriber_id, line.call_id, line.placed
    FROM (
        SELECT (r ->> 'call_id')::uuid AS call_id, (r ->> 'caller_id')::bigint AS subscriber_id, true AS placed
        FROM jsonb_array_elements(records) r WHERE r ->> 'kind' = 'decided'
        UNION ALL
        SELECT (r ->> 'call_id')::uuid, (r ->> 'callee_id')::bigint, false
        FROM jsonb_array_elements(records) r WHERE r ->> 'kind' = 'decided'
        UNION ALL
        SELECT (r ->> 'call_id')::uuid, rang.subscriber_id::bigint, false
        FROM jsonb_array_elements(records) r, jsonb_array_elements_text(r -> 'rang') rang (subscriber_id)
        WHERE r ->> 'kind' IN ('decided', 'went_on')
    ) line
    JOIN directory.subscribers s ON s.company_id = of_company AND s.subscriber_id = line.subscriber_id
    ORDER BY 1, 2, 3, 4
    ON CONFLICT DO NOTHING;
END $$;

CREATE INDEX subscribers_by_mobile_number ON directory.subscribers (company_id, mobile_number)
    WHERE mobile_number IS NOT NULL;

-- ----- the switch's directory

-- What registers, and the people behind extensions and numbers (for the dialplan's way on without
-- routing): one row for a user of a domain, or none. The numbers of all companies stand in numbers.invalid.
CREATE FUNCTION routing.directory_entry(of_user text, in_domain text) RETURNS TABLE (
    kind text, company_id bigint, domain text, subscriber_id bigint, extension text, name text, language text,
    main_number text, site_number text, country text, area_code text, device_id text, sip_ha1 text,
    devices text[], trunks text[], has_mailbox boolean, numbers text[]
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner   directory.subscribers;
    device  directory.devices;
BEGIN
    IF in_domain = 'numbers.invalid' THEN
        SELECT s.* INTO owner FROM directory.numbers n
        JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (n.company_id, n.subscriber_id)
        WHERE n.number = of_user;
    ELSE
        SELECT d.* INTO device FROM directory.devices d
        JOIN directory.companies c ON c.company_id = d.company_id
        WHERE d.device_id = of_user AND c.sip_domain = in_domain;
        IF device.device_id IS NOT NULL THEN
            SELECT s.* INTO owner FROM directory.subscribers s
            WHERE s.company_id = device.company_id AND s.subscriber_id = device.subscriber_id;
        ELSE
            SELECT s.* INTO owner FROM directory.subscribers s
            JOIN directory.companies c ON c.company_id = s.company_id
            WHERE s.extension = of_user AND c.sip_domain = in_domain;
        END IF;
    END IF;
    RETURN QUERY
    SELECT CASE WHEN device.device_id IS NULL THEN 'person' ELSE 'device' END,
           c.company_id, c.sip_domain, owner.subscriber_id, owner.extension,
           btrim(owner.first_name || ' ' || owner.last_name), owner.language,
           (SELECT n.number FROM directory.numbers n
            WHERE n.company_id = c.company_id AND n.subscriber_id = owner.subscriber_id AND n.is_main),
           t.main_number, t.country::text, t.area_code, device.device_id, device.sip_ha1::text,
           ARRAY(SELECT d.device_id FROM directory.devices d
                 WHERE d.company_id = c.company_id AND d.subscriber_id = owner.subscriber_id ORDER BY 1),
           ARRAY(SELECT r.name FROM directory.trunks r WHERE r.company_id = c.company_id ORDER BY r.position),
           EXISTS (SELECT FROM voicemail.mailbox_routing m
                   WHERE m.company_id = c.company_id AND m.subscriber_id = owner.subscriber_id),
           ARRAY(SELECT n.number FROM directory.numbers n
                 WHERE n.company_id = c.company_id AND n.subscriber_id = owner.subscriber_id ORDER BY 1)
    FROM directory.companies c
    JOIN directory.sites t ON t.company_id = c.company_id AND t.site_id = owner.site_id
    WHERE c.company_id = owner.company_id;
END $$;

REVOKE ALL ON FUNCTION routing.directory_entry FROM PUBLIC;
GRANT EXECUTE ON FUNCTION routing.directory_entry TO pbx_routing;

-- The switch keeps directory entries for ever; these say which ones to forget. Payload: user@domain, or *.
CREATE FUNCTION routing.directory_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rows_changed    jsonb[] := ARRAY[]::jsonb[];
    one             jsonb;
    domain          text;
BEGIN
    IF TG_OP <> 'INSERT' THEN rows_changed := rows_changed || to_jsonb(OLD); END IF;
    IF TG_OP <> 'DELETE' THEN rows_changed := rows_changed || to_jsonb(NEW); END IF;
    FOREACH one IN ARRAY rows_changed LOOP
        SELECT c.sip_domain INTO domain FROM directory.companies c
        WHERE c.company_id = (one ->> 'company_id')::bigint;
        CONTINUE WHEN domain IS NULL;
        IF one ? 'device_id' THEN
            PERFORM pg_notify('pbx_directory', (one ->> 'device_id') || '@' || domain);
        END IF;
        IF one ? 'number' THEN
            PERFORM pg_notify('pbx_directory', (one ->> 'number') || '@numbers.invalid');
        END IF;
        IF one ? 'extension' THEN
            PERFORM pg_notify('pbx_directory', (one ->> 'extension') || '@' || domain);
        END IF;
        -- Entries of the same person carry what just changed.
        PERFORM pg_notify('pbx_directory', s.extension || '@' || domain) FROM directory.subscribers s
        WHERE s.subscriber_id = (one ->> 'subscriber_id')::bigint;
        PERFORM pg_notify('pbx_directory', d.device_id || '@' || domain) FROM directory.devices d
        WHERE d.subscriber_id = (one ->> 'subscriber_id')::bigint;
        PERFORM pg_notify('pbx_directory', n.number || '@numbers.invalid') FROM directory.numbers n
        WHERE n.subscriber_id = (one ->> 'subscriber_id')::bigint;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION routing.whole_directory_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pbx_directory', '*');
    RETURN NULL;
END $$;

CREATE TRIGGER device_changed AFTER INSERT OR UPDATE OR DELETE ON directory.devices
    FOR EACH ROW EXECUTE FUNCTION routing.directory_changed();
CREATE TRIGGER subscriber_changed AFTER INSERT OR UPDATE OR DELETE ON directory.subscribers
    FOR EACH ROW EXECUTE FUNCTION routing.directory_changed();
CREATE TRIGGER number_changed AFTER INSERT OR UPDATE OR DELETE ON directory.numbers
    FOR EACH ROW EXECUTE FUNCTION routing.directory_changed();
CREATE TRIGGER company_changed AFTER UPDATE OR DELETE ON directory.companies
    FOR EACH STATEMENT EXECUTE FUNCTION routing.whole_directory_changed();
CREATE TRIGGER site_changed AFTER UPDATE ON directory.sites
    FOR EACH STATEMENT EXECUTE FUNCTION routing.whole_directory_changed();
CREATE TRIGGER trunk_changed AFTER INSERT OR UPDATE OR DELETE ON directory.trunks
    FOR EACH STATEMENT EXECUTE FUNCTION routing.whole_directory_changed();
