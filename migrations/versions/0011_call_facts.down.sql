DROP FUNCTION routing.call_facts, routing.barring_facts, routing.assistant_facts, routing.simultaneous_facts,
    routing.rule_facts, routing.owner_of;
DROP INDEX directory.sites_by_main_number;
DROP TABLE presence.calls_up_confirmed, presence.calls_up;
