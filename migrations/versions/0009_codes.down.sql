ALTER TABLE directory.devices DROP is_mobile;
DROP TABLE routing.feature_codes;
