"""Every setting of a subscriber, a site or a company, as one registry: HTTP, feature codes and `make apply` change
settings through `change` and nothing else, so that each rule, each audit line and each limit is written once.
"""

from services.routing.features import availability, company_codes
from services.routing.features.base import (
    FEATURES,
    Access,
    Actor,
    Conflict,
    Feature,
    Forbidden,
    Refused,
    Scope,
    Whose,
    change,
    etag,
    may,
    notice,
    read,
)

FEATURES.update({feature.name: feature for feature in (
    *availability.FEATURES, *company_codes.FEATURES,
)})

__all__ = ["FEATURES", "Access", "Actor", "Conflict", "Feature", "Forbidden", "Refused", "Scope", "Whose", "change",
           "etag", "may", "notice", "read"]
