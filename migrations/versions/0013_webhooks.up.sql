-- Whom the system tells about click-to-dial calls: webhooks, and how far each notice got. Owner: callback.

CREATE TABLE callback.webhooks (
    company_id      bigint NOT NULL REFERENCES directory.companies ON DELETE CASCADE,
    webhook_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscriber_id   bigint,                         -- his calls only; NULL: every call of the company
    url             text NOT NULL CHECK (url ~ '^https?://' AND length(url) <= 2000),
    label           text NOT NULL DEFAULT '' CHECK (length(label) <= 80),
    states          text[],                         -- told only these; NULL: all
    secret          text NOT NULL,                  -- signs each notice, so it is kept as it is
    enabled         boolean NOT NULL DEFAULT true,
    disabled_because text,                          -- the system switched it off, and why
    created_at      timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (company_id, subscriber_id) REFERENCES directory.subscribers ON DELETE CASCADE
);
CREATE INDEX webhooks_of_company ON callback.webhooks (company_id, webhook_id);
SELECT directory.keep_companies_apart('callback.webhooks');

-- One notice to one receiver: waiting, until it is delivered or given up.
CREATE TABLE callback.deliveries (
    company_id      bigint NOT NULL,
    delivery_id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    webhook_id      bigint NOT NULL REFERENCES callback.webhooks ON DELETE CASCADE,
    attempt_id      uuid NOT NULL,
    change_id       bigint NOT NULL REFERENCES callback.changes ON DELETE CASCADE,
    state           text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up')),
    tries           int NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    next_try_at     timestamptz NOT NULL DEFAULT now(),
    queued_at       timestamptz DEFAULT now(),      -- when it was last handed to the queue
    claimed_until   timestamptz,                    -- a worker is at it
    last_status     int,                            -- what the receiver answered
    last_error      text,                           -- or why there was no answer
    delivered_at    timestamptz,
    UNIQUE (webhook_id, change_id)
);
CREATE INDEX deliveries_not_there ON callback.deliveries (state, next_try_at) WHERE state <> 'delivered';
CREATE INDEX deliveries_of_change ON callback.deliveries (change_id);
CREATE INDEX deliveries_of_webhook ON callback.deliveries (company_id, webhook_id, created_at DESC, delivery_id);
SELECT directory.keep_companies_apart('callback.deliveries');

-- In the transaction that changes the call, whoever changes it: no change goes untold. `dialling` is a matter of
-- the worker's own, to others the call is still accepted.
CREATE FUNCTION callback.tell_webhooks() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    WITH told AS (
        INSERT INTO callback.deliveries (company_id, webhook_id, attempt_id, change_id)
        SELECT w.company_id, w.webhook_id, NEW.attempt_id, NEW.change_id
        FROM callback.webhooks w
        JOIN callback.attempts a ON a.attempt_id = NEW.attempt_id
        WHERE w.company_id = NEW.company_id AND w.enabled
          AND (w.subscriber_id IS NULL OR w.subscriber_id = a.subscriber_id)
          AND (w.states IS NULL OR NEW.state::text = ANY (w.states))
        RETURNING company_id, delivery_id
    )
    INSERT INTO callback.outbox (company_id, queue, task, payload)
    SELECT company_id, 'callback.webhook', 'callback.webhook', jsonb_build_object('delivery_id', delivery_id)
    FROM told;
    RETURN NULL;
END $$;
CREATE TRIGGER change_is_told AFTER INSERT ON callback.changes
    FOR EACH ROW WHEN (NEW.state <> 'dialling') EXECUTE FUNCTION callback.tell_webhooks();

GRANT SELECT, INSERT, UPDATE, DELETE ON callback.webhooks, callback.deliveries TO pbx_callback;
