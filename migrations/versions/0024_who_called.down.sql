DROP FUNCTION routing.name_of_caller;

-- What routing and the switch reported of calls (services/routing/call_log.py), in any order and any number of times:
-- one statement for a whole batch, because each call brings three reports and writing is most of what it costs.
CREATE OR REPLACE FUNCTION routing.write_records(of_company bigint, records jsonb) RETURNS void
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

ALTER TABLE routing.calls ADD COLUMN answered_by bigint;
UPDATE routing.calls c SET answered_by = (
    SELECT a.subscriber_id FROM routing.call_answers a
    WHERE a.company_id = c.company_id AND a.call_id = c.call_id AND a.subscriber_id IS NOT NULL
    ORDER BY a.answered_at LIMIT 1);
DROP TABLE routing.call_answers;
ALTER TABLE routing.call_log DROP COLUMN other;
ALTER TABLE routing.calls DROP COLUMN caller_withheld, DROP COLUMN later;
