-- Routing: what one call needs to know, in one question. Owner: routing; the table of calls that are up: presence.

-- ----- which calls are up: written by presence, which folds the switch's events; read with the facts of a call

-- Only who is on a call has a row; what a crash of the server empties is written anew within seconds.
CREATE UNLOGGED TABLE presence.calls_up (
    company_id      bigint NOT NULL,
    subscriber_id   bigint NOT NULL,
    leg_uuids       uuid[] NOT NULL CHECK (leg_uuids <> '{}'),   -- answered, held, or dialled by himself
    PRIMARY KEY (company_id, subscriber_id)
) WITH (fillfactor = 50);
SELECT directory.keep_companies_apart('presence.calls_up');

-- When presence last stood by what calls_up says. Older than 10 s: nobody knows, and nobody counts as busy.
CREATE UNLOGGED TABLE presence.calls_up_confirmed (
    only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    at              timestamptz NOT NULL
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON presence.calls_up, presence.calls_up_confirmed TO pbx_presence;

-- ----- the facts of a call, in one round trip

-- plpgsql keeps its plans, and each statement of it costs some 10 us: so there are few. json, not jsonb: nobody looks
-- into it here, and building it takes half as long. The login of a call's path plans by index alone and in general
-- (shared/database.py): plans live as long as a connection, so they must not depend on how small a table once was.

CREATE INDEX sites_by_main_number ON directory.sites (main_number) WHERE main_number IS NOT NULL;

-- Who of the company owns an extension or a number.
CREATE FUNCTION routing.owner_of(in_company bigint, dialled text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint;
BEGIN
    IF dialled LIKE '+%' THEN
        SELECT n.subscriber_id INTO found FROM directory.numbers n
        WHERE n.number = dialled AND n.company_id = in_company;
    ELSE
        SELECT s.subscriber_id INTO found FROM directory.subscribers s
        WHERE s.company_id = in_company AND s.extension = dialled;
    END IF;
    RETURN found;
END $$;

-- A rule as services/routing/found.py reads it; inlined into the queries below.
CREATE FUNCTION routing.rule_facts(rule routing.call_rules) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_build_array(
        rule.list, rule.name, rule.is_exception, rule.numbers, rule.prefixes, rule.internal, rule.external,
        rule.anonymous, rule.times, rule.action, rule.target)
$$;

-- Looked up only for those who have them switched on.
CREATE FUNCTION routing.simultaneous_facts(in_company bigint, of_subscriber bigint) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT json_agg(json_build_array(n.number, n.confirm) ORDER BY n.position)
        FROM routing.simultaneous_numbers n
        WHERE n.company_id = in_company AND n.subscriber_id = of_subscriber);
END $$;

CREATE FUNCTION routing.assistant_facts(in_company bigint, of_executive bigint) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT json_agg(json_build_array(
                   s.subscriber_id, s.extension, coalesce(c.do_not_disturb, false),
                   ARRAY(SELECT d.device_id FROM directory.devices d
                         WHERE d.company_id = s.company_id AND d.subscriber_id = s.subscriber_id ORDER BY 1)
               ) ORDER BY a.position)
        FROM routing.assistants a
        JOIN directory.subscribers s ON s.company_id = a.company_id AND s.subscriber_id = a.assistant_id
        LEFT JOIN routing.call_settings c ON c.company_id = a.company_id AND c.subscriber_id = a.assistant_id
        WHERE a.company_id = in_company AND a.executive_id = of_executive);
END $$;

CREATE FUNCTION routing.barring_facts(in_company bigint, of_profiles bigint[]) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT json_agg(json_build_array(r.profile_id, r.part, r.prefix, r.allowed))
        FROM routing.barring_ranges r
        WHERE r.company_id = in_company AND r.profile_id = ANY (of_profiles));
END $$;

-- One question of the switch, whole: who calls, whom, and everyone a forward of any kind can lead to. Forwards are
-- followed here, five redirections deep and the one too many, so that the plan of the call is made in one go and
-- later questions need no database.
-- NULL: no such device, or no such number on this trunk.
--
-- caller_device: login of the handset that calls; acting_subscriber: the one the suite itself calls for;
-- own_company: of a leg that is neither, but inside a company (a caller somebody transferred); all three NULL:
-- from outside, over the trunk if its name is known.
CREATE FUNCTION routing.call_facts(
    caller_device text, acting_subscriber bigint, own_company bigint, over_trunk text,
    dialled text, dialled_number text, caller_number text,
    lamp_extension text, lamp_position int, lamp_key text
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    from_outside boolean := false;
    in_company  bigint := own_company;
    caller_id   bigint;
    caller_name text;
    owner_id    bigint;
    is_mobile   boolean := false;
    lamp_owner  bigint;
    called_site bigint;            -- from outside, by the number of a site (N5)
    company     record;
    person      record;
    site        record;
    speed_dials json;
    frontier    bigint[];          -- whose forwards are followed next
    wanted      bigint[];          -- whose facts are read next: theirs, and the caller's own
    met         bigint[] := '{}';
    sites_met   bigint[] := '{}';
    new_sites   bigint[] := '{}';
    targets     text[] := '{}';
    target      text;
    asked       text[] := '{}';
    owner       bigint;
    people      json[] := '{}';
    sites       json[] := '{}';
    owners      json[] := '{}';
    profiles    bigint[] := '{}';
BEGIN
    IF acting_subscriber IS NOT NULL THEN
        SELECT s.subscriber_id, s.company_id INTO caller_id, in_company FROM directory.subscribers s
        WHERE s.subscriber_id = acting_subscriber AND (own_company IS NULL OR s.company_id = own_company);
    ELSIF caller_device IS NOT NULL THEN
        SELECT d.subscriber_id, d.company_id, d.is_mobile INTO caller_id, in_company, is_mobile
        FROM directory.devices d
        WHERE d.device_id = caller_device AND (own_company IS NULL OR d.company_id = own_company);
    ELSIF own_company IS NULL THEN
        from_outside := true;
        SELECT n.company_id, n.subscriber_id, t.site_id INTO in_company, owner_id, called_site
        FROM directory.numbers n
        LEFT JOIN directory.sites t ON t.main_number = n.number AND t.company_id = n.company_id
        WHERE n.number = dialled_number LIMIT 1;
        IF in_company IS NULL THEN
            SELECT t.company_id, t.site_id INTO in_company, called_site FROM directory.sites t
            WHERE t.main_number = dialled_number LIMIT 1;
        END IF;
    END IF;

    SELECT c.company_id, c.sip_domain, t.names AS trunks, r.facts AS rules, r.targets,
           json_build_object(
               'id', c.company_id, 'domain', c.sip_domain, 'classes', c.allowed_classes, 'trunks', t.names,
               'rules', r.facts, 'codes', (
                   SELECT json_object_agg(f.function, f.code) FROM routing.feature_codes f
                   WHERE f.company_id = c.company_id)) AS facts, c.mobile_integration
    INTO company
    FROM directory.companies c
    LEFT JOIN LATERAL (
        SELECT array_agg(t.name ORDER BY t.position) AS names FROM directory.trunks t
        WHERE t.company_id = c.company_id AND t.enabled) t ON true
    LEFT JOIN LATERAL (
        SELECT json_agg(routing.rule_facts(r) ORDER BY r.position) AS facts, array_agg(r.target) AS targets
        FROM routing.call_rules r
        WHERE r.company_id = c.company_id AND r.site_id IS NULL AND r.subscriber_id IS NULL AND r.enabled) r ON true
    WHERE c.company_id = in_company;
    IF company.company_id IS NULL
            OR from_outside AND over_trunk IS NOT NULL AND (over_trunk = ANY (company.trunks)) IS NOT TRUE THEN
        RETURN NULL;
    END IF;

    IF NOT from_outside THEN
        owner_id := routing.owner_of(in_company, dialled);
        IF owner_id IS NULL AND dialled_number <> dialled THEN
            owner_id := routing.owner_of(in_company, dialled_number);
        END IF;
        IF lamp_key IS NOT NULL THEN
            SELECT p.watched_subscriber_id INTO lamp_owner
            FROM presence.person_on_lamp(in_company, lamp_extension, lamp_position, lamp_key) p
            WHERE p.subscriber_id = caller_id OR caller_id IS NULL;
        END IF;
    ELSIF caller_number IS NOT NULL THEN
        SELECT btrim(s.first_name || ' ' || s.last_name) INTO caller_name FROM directory.subscribers s
        WHERE s.company_id = in_company AND s.mobile_number = caller_number
        ORDER BY s.subscriber_id LIMIT 1;
    END IF;
    frontier := array_remove(ARRAY[owner_id, lamp_owner], NULL);
    IF called_site IS NOT NULL THEN                 -- N5: an emergency centre may call back
        frontier := frontier || ARRAY(
            SELECT e.subscriber_id FROM routing.emergency_calls e
            WHERE e.company_id = in_company AND e.site_id = called_site AND e.subscriber_id <> ALL (frontier));
    END IF;
    wanted := CASE WHEN caller_id IS NULL THEN frontier ELSE frontier || caller_id END;
    targets := coalesce(company.targets, '{}');

    FOR depth IN 0..6 LOOP
        met := met || frontier;
        FOR person IN
            SELECT s.subscriber_id, s.site_id, c.barring_profile_id,
                   f.targets AS forwarding_targets, r.targets AS rule_targets, i.target AS intercept_target,
                   c.selective_forwarding_target AS selective_target,
                   json_build_object(
                       'id', s.subscriber_id, 'extension', s.extension,
                       'name', btrim(s.first_name || ' ' || s.last_name), 'language', s.language,
                       'site', s.site_id,
                       'numbers', (
                           SELECT json_agg(json_build_array(n.number, n.is_main, n.distinctive_ring))
                           FROM directory.numbers n
                           WHERE n.company_id = s.company_id AND n.subscriber_id = s.subscriber_id),
                       'devices', ARRAY(
                           SELECT d.device_id FROM directory.devices d
                           WHERE d.company_id = s.company_id AND d.subscriber_id = s.subscriber_id ORDER BY 1),
                       'forwardings', f.facts,
                       'mailbox', (
                           SELECT json_build_array(m.always, m.busy, m.no_answer, m.rings)
                           FROM voicemail.mailbox_routing m
                           WHERE m.company_id = s.company_id AND m.subscriber_id = s.subscriber_id),
                       'settings', row_to_json(c), 'rules', r.facts, 'intercept', row_to_json(i),
                       'simultaneous', CASE WHEN c.simultaneous_ring_on
                           THEN routing.simultaneous_facts(s.company_id, s.subscriber_id) END,
                       'executive', CASE WHEN e.filter_on THEN json_build_array(
                           e.internal, e.external, e.executive_rings,
                           routing.assistant_facts(s.company_id, s.subscriber_id)) END,
                       'calls_up', u.leg_uuids
                   ) AS facts
            FROM directory.subscribers s
            LEFT JOIN routing.call_settings c ON c.company_id = s.company_id AND c.subscriber_id = s.subscriber_id
            LEFT JOIN routing.intercepts i ON i.company_id = s.company_id AND i.subscriber_id = s.subscriber_id
            LEFT JOIN routing.executives e ON e.company_id = s.company_id AND e.subscriber_id = s.subscriber_id
            LEFT JOIN presence.calls_up u
                   ON u.company_id = s.company_id AND u.subscriber_id = s.subscriber_id
                  AND (SELECT k.at FROM presence.calls_up_confirmed k) > statement_timestamp() - interval '10 s'
            LEFT JOIN LATERAL (
                SELECT json_object_agg(f.kind, json_build_array(f.target, f.rings)) AS facts,
                       array_agg(f.target) AS targets
                FROM routing.forwardings f
                WHERE f.company_id = s.company_id AND f.subscriber_id = s.subscriber_id AND f.enabled) f ON true
            LEFT JOIN LATERAL (
                SELECT json_agg(routing.rule_facts(r) ORDER BY r.position) AS facts, array_agg(r.target) AS targets
                FROM routing.call_rules r
                WHERE r.company_id = s.company_id AND r.subscriber_id = s.subscriber_id AND r.enabled) r ON true
            WHERE s.company_id = in_company AND s.subscriber_id = ANY (wanted)
        LOOP
            people := people || person.facts;
            IF person.barring_profile_id IS NOT NULL THEN
                profiles := profiles || person.barring_profile_id;
            END IF;
            IF person.site_id <> ALL (sites_met) AND person.site_id <> ALL (new_sites) THEN
                new_sites := new_sites || person.site_id;
            END IF;
            targets := targets || person.rule_targets || person.intercept_target;
            IF person.subscriber_id = ANY (frontier) THEN
                targets := targets || person.forwarding_targets || person.selective_target;
            END IF;
        END LOOP;
        IF depth = 0 THEN
            IF called_site <> ALL (new_sites) THEN
                new_sites := new_sites || called_site;
            END IF;
            -- Any code may be the speed dial's: its last two digits say which one.
            IF caller_id IS NOT NULL AND dialled ~ '^([*#]|788)' THEN
                SELECT json_object_agg(d.code, d.number ORDER BY d.subscriber_id NULLS FIRST),
                       targets || array_agg(d.number)
                INTO speed_dials, targets
                FROM directory.subscribers s
                JOIN routing.speed_dials d ON d.company_id = s.company_id
                     AND (d.subscriber_id = s.subscriber_id OR d.site_id = s.site_id)
                WHERE s.company_id = in_company AND s.subscriber_id = caller_id
                  AND d.code = right(rtrim(dialled, '#'), 2);
            END IF;
        END IF;
        IF new_sites <> '{}' THEN
            FOR site IN
                SELECT c.barring_profile_id, r.targets, i.target AS intercept_target,
                       CASE WHEN caller_id IS NULL THEN c.night_target END AS night_target,
                       json_build_object(
                           'id', t.site_id, 'country', t.country, 'area_code', t.area_code,
                           'main_number', t.main_number, 'time_zone', t.time_zone, 'region', t.region,
                           'settings', row_to_json(c), 'intercept', row_to_json(i), 'rules', r.facts,
                           'emergency', CASE WHEN t.site_id = called_site THEN (
                               SELECT json_build_array(e.subscriber_id, e.called_at)
                               FROM routing.emergency_calls e
                               WHERE e.company_id = t.company_id AND e.site_id = t.site_id) END
                       ) AS facts
                FROM directory.sites t
                LEFT JOIN routing.site_settings c ON c.company_id = t.company_id AND c.site_id = t.site_id
                LEFT JOIN routing.intercepts i ON i.company_id = t.company_id AND i.site_id = t.site_id
                LEFT JOIN LATERAL (
                    SELECT json_agg(routing.rule_facts(r) ORDER BY r.position) AS facts,
                           array_agg(r.target) AS targets
                    FROM routing.call_rules r
                    WHERE r.company_id = t.company_id AND r.site_id = t.site_id AND r.enabled) r ON true
                WHERE t.company_id = in_company AND t.site_id = ANY (new_sites)
            LOOP
                sites := sites || site.facts;
                targets := targets || site.targets || site.night_target || site.intercept_target;
                IF site.barring_profile_id IS NOT NULL THEN
                    profiles := profiles || site.barring_profile_id;
                END IF;
            END LOOP;
            sites_met := sites_met || new_sites;
            new_sites := '{}';
        END IF;
        frontier := '{}';
        FOREACH target IN ARRAY array_remove(targets, NULL) LOOP
            CONTINUE WHEN target = ANY (asked);
            asked := asked || target;
            owner := routing.owner_of(in_company, target);
            IF owner IS NOT NULL THEN
                owners := owners || json_build_array(target, owner);
                IF owner <> ALL (met) AND owner <> ALL (frontier) THEN
                    frontier := frontier || owner;
                END IF;
            END IF;
        END LOOP;
        EXIT WHEN frontier = '{}';
        wanted := frontier;
        targets := '{}';
    END LOOP;

    RETURN json_build_object(
        'company', company.facts, 'caller', caller_id, 'owner', owner_id, 'lamp_owner', lamp_owner,
        'called_site', called_site, 'caller_name', caller_name,
        'from_mobile', is_mobile AND company.mobile_integration,
        'owners', owners, 'people', people, 'sites', sites, 'speed_dials', speed_dials,
        'barring', CASE WHEN profiles <> '{}' THEN routing.barring_facts(in_company, profiles) END);
END $$;

REVOKE ALL ON FUNCTION routing.owner_of, routing.simultaneous_facts, routing.assistant_facts, routing.barring_facts,
    routing.call_facts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION routing.call_facts TO pbx_routing;
