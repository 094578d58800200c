DROP FUNCTION routing.call_facts, routing.barring_facts, routing.assistant_facts, routing.simultaneous_facts,
    routing.rule_facts, routing.owner_of;
DROP INDEX directory.sites_by_main_number;
DROP TABLE presence.calls_up_confirmed, presence.calls_up;
DROP TABLE routing.audit, routing.emergency_calls, routing.assistants, routing.executives, routing.night_switchers,
    routing.site_settings, routing.intercepts, routing.call_rules, routing.speed_dials, routing.simultaneous_numbers,
    routing.call_settings, routing.barring_ranges, routing.barring_profiles;
DROP TRIGGER number_taken_away ON directory.numbers;
DROP TRIGGER number_given_to_another ON directory.numbers;
DROP FUNCTION routing.is_target, routing.number_was_taken_away;
