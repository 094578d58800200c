ALTER TABLE directory.devices ADD call_limit int NOT NULL DEFAULT 2 CHECK (call_limit BETWEEN 1 AND 20);
