-- Feature codes a company dials differently, and which devices are integrated mobiles (N8).

CREATE TABLE routing.feature_codes (       -- no row: the standard code (services/routing/feature_codes.py)
    company_id      bigint NOT NULL REFERENCES directory.companies ON DELETE CASCADE,
    function        text NOT NULL CHECK (function ~ '^[a-z_]{1,64}$'),
    code            text NOT NULL CHECK (code ~ '^[*#][0-9]{2,3}$'),
    PRIMARY KEY (company_id, function),
    UNIQUE (company_id, code)
);
SELECT directory.keep_companies_apart('routing.feature_codes');
GRANT SELECT, INSERT, UPDATE, DELETE ON routing.feature_codes TO pbx_routing;

-- Its calls run through the system both ways, and it dials codes with 788 for the star.
ALTER TABLE directory.devices ADD is_mobile boolean NOT NULL DEFAULT false;
