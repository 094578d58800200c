"""The company's people with their states."""

from __future__ import annotations

from marshmallow import Schema, fields
from marshmallow.validate import Length, Range
from webargs.fields import DelimitedList

from services.presence.schemas import LampView, in_step


class ColleaguesQuery(Schema):
    subscriber_ids = DelimitedList(
        fields.Integer(validate=Range(min=1, max=2**63 - 1)), validate=Length(1, 200),
        metadata={"description": "only these, with commas between them"})
    limit = fields.Integer(load_default=50, validate=Range(min=1, max=500))


class ColleagueView(LampView):
    class Meta:
        exclude = ("position",)


class ColleaguesView(Schema):
    colleagues = fields.List(fields.Nested(ColleagueView), required=True)
    total = fields.Integer(required=True, metadata={"description": "how many there are, shown or not"})
    in_step = in_step()


COLLEAGUES_EXAMPLE = {
    "colleagues": [{"subscriber_id": 2, "extension": "22", "name": "Bernd Bauer", "state": "away", "lamp": "confirmed",
                    "because": ["forwarded"], "caller": None}],
    "total": 1, "in_step": True,
}
