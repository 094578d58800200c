DROP FUNCTION directory.outboxes;
DROP VIEW voicemail.mail_deliveries, routing.call_decisions, routing.changed_codes;
REVOKE SELECT (company_id, message_id, subscriber_id, left_at) ON voicemail.messages FROM pbx_presence;
REVOKE SELECT (company_id, message_id, kind, state, attempts, ambiguous, first_tried_at, next_attempt_at, last_reply)
    ON voicemail.deliveries FROM pbx_presence;
REVOKE SELECT (company_id, call_id, started_at, direction, caller_subscriber_id, caller_number, caller_name, dialled,
               callee_subscriber_id, callee_number, callee_name, rung, answered_at, ended_at)
    ON routing.calls FROM pbx_presence;
REVOKE SELECT (company_id, function, code) ON routing.feature_codes FROM pbx_presence;
DROP TABLE presence.handset_fetches;
DROP TRIGGER device_token_ends ON directory.devices;
DROP FUNCTION directory.device_of_token, directory.device_token_ends;
DROP TABLE directory.device_tokens;
