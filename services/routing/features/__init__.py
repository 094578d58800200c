"""Every setting of a subscriber, a site or a company, as one registry: HTTP, feature codes and `make apply` change
settings through `change` and nothing else, so that each rule, each audit line and each limit is written once.
"""

from services.routing.features import (
    availability,
    barring,
    click_to_dial,
    company_codes,
    enterprise,
    executive,
    forwardings,
    intercept,
    limits,
    lists,
    mailbox,
    night,
    numbers,
    pickup_groups,
    retention,
    ringing,
)
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
    *availability.FEATURES, *forwardings.FEATURES, *lists.FEATURES, *ringing.FEATURES, *numbers.FEATURES,
    *mailbox.FEATURES, *executive.FEATURES, *barring.FEATURES, *intercept.FEATURES, *enterprise.FEATURES,
    *night.FEATURES, *limits.FEATURES, *company_codes.FEATURES, *retention.FEATURES,
    *pickup_groups.FEATURES,
    *click_to_dial.FEATURES,
)})

__all__ = ["FEATURES", "Access", "Actor", "Conflict", "Feature", "Forbidden", "Refused", "Scope", "Whose", "change",
           "etag", "may", "notice", "read"]
