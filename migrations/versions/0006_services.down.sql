DROP TABLE routing.audit, routing.emergency_calls, routing.assistants, routing.executives, routing.night_switchers,
    routing.site_settings, routing.intercepts, routing.call_rules, routing.speed_dials, routing.simultaneous_numbers,
    routing.call_settings, routing.barring_ranges, routing.barring_profiles;
DROP TRIGGER number_taken_away ON directory.numbers;
DROP TRIGGER number_given_to_another ON directory.numbers;
DROP FUNCTION routing.is_target, routing.number_was_taken_away;
