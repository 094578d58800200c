-- Who called, and who took it: whether the caller showed his number, everyone who answered, and what was decided when
-- a call was sent to somebody else later on (L1, L2, O2, R15). Owner: routing.

ALTER TABLE routing.calls
    ADD COLUMN caller_withheld boolean NOT NULL DEFAULT false,     -- from the callee; the company's records know him
    ADD COLUMN later jsonb NOT NULL DEFAULT '[]';                  -- decisions after the first, as the call was transferred

-- Whom a line is about, where that is not the call's: a call back out of the voice portal, made on the leg of another.
ALTER TABLE routing.call_log ADD COLUMN other jsonb;

CREATE TABLE routing.call_answers (        -- one leg that was answered
    company_id      bigint NOT NULL,
    call_id         uuid NOT NULL,
    answered_at     timestamptz NOT NULL,
    subscriber_id   bigint,                -- at whose place; NULL: outside
    ended_at        timestamptz NOT NULL,
    PRIMARY KEY (company_id, call_id, answered_at),
    FOREIGN KEY (company_id, call_id) REFERENCES routing.calls ON DELETE CASCADE
);
SELECT directory.keep_companies_apart('routing.call_answers');
GRANT SELECT, INSERT, UPDATE, DELETE ON routing.call_answers TO pbx_routing;
INSERT INTO routing.call_answers (company_id, call_id, answered_at, subscriber_id, ended_at)
SELECT company_id, call_id, answered_at, answered_by, coalesce(ended_at, answered_at)
FROM routing.calls WHERE answered_at IS NOT NULL AND answered_by IS NOT NULL;
ALTER TABLE routing.calls DROP COLUMN answered_by;

-- What routing and the switch reported of calls (services/routing/call_log.py), in any order and any number of times:
-- one statement for a whole batch, because each call brings three reports and writing is most of what it costs.
-- decided_again: the same leg asked again, for it was transferred, or because the voice portal calls back for its owner.
CREATE OR REPLACE FUNCTION routing.write_records(of_company bigint, records jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF EXISTS (SELECT FROM jsonb_array_elements(records) r
               WHERE coalesce(r ->> 'kind', '') NOT IN (
                   'decided', 'decided_again', 'went_on', 'leg_answered', 'ended')) THEN
        RAISE EXCEPTION 'a record of an unknown kind' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    records := (SELECT jsonb_agg(DISTINCT r) FROM jsonb_array_elements(records) r);
    INSERT INTO routing.calls AS known (
        company_id, call_id, started_at, direction, caller_subscriber_id, caller_number, caller_name, dialled,
        callee_subscriber_id, callee_number, callee_name, rung, trace, from_memory, caller_withheld, steps, later,
        answered_at, ended_at, cause)
    SELECT of_company, r.call_id, min(coalesce(
               r.began_at, CASE WHEN r.kind = 'leg_answered' THEN r.answered_at END, r.at::timestamptz)),
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
           coalesce(bool_or(r.withheld) FILTER (WHERE r.kind = 'decided'), false),
           coalesce(jsonb_agg(jsonb_build_object('at', r.at) || CASE r.kind
               WHEN 'went_on' THEN jsonb_build_object('question', r.question, 'outcome', r.outcome, 'causes', r.causes)
               ELSE jsonb_build_object('question', 1, 'rung', r.rung) END || r.step
               ORDER BY r.at)
               FILTER (WHERE r.kind IN ('decided', 'decided_again', 'went_on')), '[]'),
           coalesce(jsonb_agg(jsonb_build_object(
               'at', r.at, 'dialled', r.dialled, 'callee_subscriber_id', r.callee_id, 'callee_number', r.callee_number,
               'callee_name', r.callee_name, 'rung', r.rung, 'trace', r.trace) ORDER BY r.at)
               FILTER (WHERE r.kind = 'decided_again'), '[]'),
           min(r.answered_at),
           max(r.at::timestamptz) FILTER (WHERE r.kind = 'ended'), max(r.cause) FILTER (WHERE r.kind = 'ended')
    FROM jsonb_to_recordset(records) AS r (
        kind text, call_id uuid, at text, direction text, caller_id bigint, caller_number text, caller_name text,
        dialled text, callee_id bigint, callee_number text, callee_name text, rung text, trace jsonb, from_memory boolean,
        withheld boolean, step jsonb, question int, outcome text, causes jsonb, subscriber_id bigint, answered_at timestamptz,
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
        caller_withheld = known.caller_withheld OR excluded.caller_withheld,
        steps = CASE WHEN known.steps @> excluded.steps THEN known.steps ELSE (
            SELECT jsonb_agg(one.step ORDER BY one.step ->> 'at')
            FROM (SELECT DISTINCT step FROM jsonb_array_elements(known.steps || excluded.steps) step) one) END,
        later = CASE WHEN known.later @> excluded.later THEN known.later ELSE (
            SELECT jsonb_agg(one.decision ORDER BY one.decision ->> 'at')
            FROM (SELECT DISTINCT decision FROM jsonb_array_elements(known.later || excluded.later) decision) one) END,
        answered_at = least(known.answered_at, excluded.answered_at),
        ended_at = coalesce(excluded.ended_at, known.ended_at),
        cause = coalesce(excluded.cause, known.cause);

    INSERT INTO routing.call_answers (company_id, call_id, answered_at, subscriber_id, ended_at)
    SELECT of_company, r.call_id, r.answered_at, r.subscriber_id, r.at
    FROM jsonb_to_recordset(records) AS r (
        kind text, call_id uuid, at timestamptz, answered_at timestamptz, subscriber_id bigint)
    WHERE r.kind = 'leg_answered'
    ON CONFLICT DO NOTHING;

    INSERT INTO routing.call_log AS known (company_id, subscriber_id, call_id, placed, other)
    SELECT DISTINCT ON (s.company_id, s.subscriber_id, line.call_id, line.placed)
           s.company_id, s.subscriber_id, line.call_id, line.placed, line.other
    FROM (
        SELECT r.call_id, r.at, r.caller_id AS subscriber_id, true AS placed,
               CASE WHEN r.anew THEN jsonb_build_object(
                   'number', r.callee_number, 'name', r.callee_name, 'id', r.callee_id) END AS other
        FROM jsonb_to_recordset(records) AS r (
            kind text, call_id uuid, at text, caller_id bigint, anew boolean, callee_id bigint, callee_number text,
            callee_name text)
        WHERE r.kind = 'decided' OR r.kind = 'decided_again' AND r.anew
        UNION ALL
        SELECT r.call_id, r.at, rang.subscriber_id, false,
               CASE WHEN r.anew AND r.withheld THEN '{}' WHEN r.anew THEN jsonb_build_object(
                   'number', r.caller_number, 'name', r.caller_name, 'id', r.caller_id) END
        FROM jsonb_to_recordset(records) AS r (
            kind text, call_id uuid, at text, caller_id bigint, caller_number text, caller_name text, withheld boolean,
            anew boolean, callee_id bigint, rang jsonb),
            LATERAL (SELECT r.callee_id AS subscriber_id
                     UNION ALL SELECT jsonb_array_elements_text(r.rang)::bigint) rang
        WHERE r.kind IN ('decided', 'decided_again', 'went_on')
    ) line
    JOIN directory.subscribers s ON s.company_id = of_company AND s.subscriber_id = line.subscriber_id
    ORDER BY 1, 2, 3, 4, line.other IS NULL, line.at DESC
    ON CONFLICT (company_id, subscriber_id, call_id, placed) DO UPDATE SET other = excluded.other
        WHERE excluded.other IS NOT NULL AND known.other IS DISTINCT FROM excluded.other;
END $$;

-- R13: the name of somebody outside, by his number: a colleague's mobile, else a contact of the company. One's own
-- contacts are not asked: the name goes along to everybody the call is forwarded to.
CREATE FUNCTION routing.name_of_caller(of_company bigint, called_number text, caller_number text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    in_company  bigint := of_company;
    name        text;
BEGIN
    IF caller_number IS NULL THEN
        RETURN NULL;
    END IF;
    IF in_company IS NULL THEN
        SELECT n.company_id INTO in_company FROM directory.numbers n WHERE n.number = called_number;
    END IF;
    IF in_company IS NULL THEN
        SELECT t.company_id INTO in_company FROM directory.sites t WHERE t.main_number = called_number LIMIT 1;
    END IF;
    SELECT btrim(s.first_name || ' ' || s.last_name) INTO name FROM directory.subscribers s
    WHERE s.company_id = in_company AND s.mobile_number = caller_number
    ORDER BY s.subscriber_id LIMIT 1;
    IF name IS NULL THEN
        SELECT coalesce(nullif(btrim(c.first_name || ' ' || c.last_name), ''), c.organisation) INTO name
        FROM directory.contact_numbers n
        JOIN directory.contacts c ON (c.company_id, c.contact_id) = (n.company_id, n.contact_id)
        WHERE n.company_id = in_company AND n.number = caller_number AND c.subscriber_id IS NULL
        ORDER BY c.contact_id LIMIT 1;
    END IF;
    RETURN name;
END $$;
REVOKE ALL ON FUNCTION routing.name_of_caller FROM PUBLIC;
GRANT EXECUTE ON FUNCTION routing.name_of_caller TO pbx_routing;
