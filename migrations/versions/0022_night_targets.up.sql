-- G6: night service sends calls to a person's mailbox, too, and takes those for numbers of the site that nobody has.

ALTER TABLE routing.site_settings DROP CONSTRAINT site_settings_night_target_check,
    ADD CONSTRAINT site_settings_night_target_check
        CHECK (routing.is_target(night_target) OR night_target ~ '^mailbox:[0-9]{2,6}$');

-- Who of the company owns an extension or a number, or the mailbox of an extension.
CREATE OR REPLACE FUNCTION routing.owner_of(in_company bigint, dialled text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint;
BEGIN
    IF dialled LIKE '+%' THEN
        SELECT n.subscriber_id INTO found FROM directory.numbers n
        WHERE n.number = dialled AND n.company_id = in_company;
    ELSE
        SELECT s.subscriber_id INTO found FROM directory.subscribers s
        WHERE s.company_id = in_company
          AND s.extension = CASE WHEN dialled LIKE 'mailbox:%' THEN substr(dialled, 9) ELSE dialled END;
    END IF;
    RETURN found;
END $$;

-- Pools do not overlap: of those whose numbers are as long, the last that begins no later is the one, or none is.
CREATE INDEX pools_by_first_number ON directory.number_pools (length(first_number), first_number COLLATE "C");

-- A call from outside to a number of a pool that nobody has: the site whose number it is, and everybody its night
-- target leads to. NULL: no site's number, or not over this trunk. Looked at only where call_facts found nothing.
CREATE FUNCTION routing.nobodys_facts(
    caller_device text, acting_subscriber bigint, own_company bigint, over_trunk text, dialled_number text
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pool    record;
    site    record;
BEGIN
    IF caller_device IS NOT NULL OR acting_subscriber IS NOT NULL OR own_company IS NOT NULL
            OR dialled_number IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT p.company_id, p.site_id, p.last_number INTO pool FROM directory.number_pools p
    WHERE length(p.first_number) = length(dialled_number) AND p.first_number COLLATE "C" <= dialled_number
    ORDER BY p.first_number COLLATE "C" DESC LIMIT 1;
    IF pool.site_id IS NULL OR pool.last_number COLLATE "C" < dialled_number
            OR over_trunk IS NOT NULL AND NOT EXISTS (
                SELECT FROM directory.trunks t
                WHERE t.company_id = pool.company_id AND t.name = over_trunk AND t.enabled) THEN
        RETURN NULL;
    END IF;
    SELECT c.night_target, c.barring_profile_id, json_build_object(
               'id', t.site_id, 'country', t.country, 'area_code', t.area_code, 'main_number', t.main_number,
               'time_zone', t.time_zone, 'region', t.region, 'settings', row_to_json(c), 'intercept', NULL,
               'rules', NULL, 'emergency', NULL) AS facts
    INTO site
    FROM directory.sites t
    LEFT JOIN routing.site_settings c ON c.company_id = t.company_id AND c.site_id = t.site_id
    WHERE t.company_id = pool.company_id AND t.site_id = pool.site_id;
    RETURN json_build_object(
        'site', site.facts, 'night_target', site.night_target,
        'barring', CASE WHEN site.barring_profile_id IS NOT NULL
            THEN routing.barring_facts(pool.company_id, ARRAY[site.barring_profile_id]) END,
        'target', routing.call_facts(NULL, NULL, pool.company_id, NULL, coalesce(site.night_target, ''), NULL, NULL,
                                     NULL, NULL, NULL));
END $$;
REVOKE ALL ON FUNCTION routing.nobodys_facts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION routing.nobodys_facts TO pbx_routing;
