DROP SCHEMA directory CASCADE;
-- The roles stay: they belong to the database server, which other databases may share.
