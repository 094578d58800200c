DO $$
DECLARE one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['directory.subscribers', 'directory.devices', 'presence.watched',
                               'routing.call_settings', 'routing.forwardings', 'routing.intercepts',
                               'routing.pickup_group_members', 'voicemail.mailboxes', 'directory.companies',
                               'directory.sites', 'routing.site_settings'] LOOP
        EXECUTE format('DROP TRIGGER tell_of_new ON %s', one);
        EXECUTE format('DROP TRIGGER tell_of_gone ON %s', one);
        EXECUTE format('DROP TRIGGER tell_of_before ON %s', one);
        EXECUTE format('DROP TRIGGER tell_of_after ON %s', one);
    END LOOP;
END $$;
DROP FUNCTION presence.tell_changes_of, presence.tell_of_people, presence.tell_of_companies;

DROP VIEW routing.availability, routing.night_services;
REVOKE SELECT ON voicemail.mailbox_routing FROM pbx_presence;
REVOKE SELECT (company_id, subscriber_id, enabled, on_always, on_busy, on_no_answer, no_answer_rings)
    ON voicemail.mailboxes FROM pbx_presence;
REVOKE SELECT (company_id, site_id, night_target, night_scheduled, night_times, night_by_hand, night_by_hand_at)
    ON routing.site_settings FROM pbx_presence;
REVOKE SELECT (company_id, intercept_id, subscriber_id, site_id, incoming) ON routing.intercepts FROM pbx_presence;
REVOKE SELECT (company_id, subscriber_id, kind, enabled) ON routing.forwardings FROM pbx_presence;
REVOKE SELECT (company_id, subscriber_id, do_not_disturb, remote_office_on) ON routing.call_settings
    FROM pbx_presence;

DROP TABLE routing.pickup_group_members, routing.pickup_groups;
