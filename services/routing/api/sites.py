"""/v1/sites and /v1/departments (N1), and the numbers of a site (N7)."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing.api.company import Changes, Publish, manages, today_at
from services.routing.company import numbers, sites
from services.routing.schemas.company import (
    DEPARTMENT_EXAMPLE,
    POOL_EXAMPLE,
    POOL_NEW_EXAMPLE,
    POOLED_EXAMPLE,
    SITE_EXAMPLE,
    SITE_NEW_EXAMPLE,
    DepartmentChange,
    DepartmentNew,
    Departments,
    DepartmentsQuery,
    DepartmentView,
    NumbersQuery,
    OfCompany,
    PooledNumbers,
    PoolNew,
    Pools,
    PoolView,
    SiteChange,
    SiteNew,
    Sites,
    SiteView,
)
from shared.api import ErrorView, requires
from shared.database import Database


def blueprint(database: Database, publish: Publish) -> Blueprint:
    one = Blueprint("sites", "sites", url_prefix="/v1", description="Sites, departments, number pools (N1, N7).")
    changes = Changes(database, publish)
    _sites(one, changes)
    _departments(one, changes)
    _numbers(one, changes)
    return one


def _sites(one: Blueprint, changes: Changes) -> None:
    @one.route("/sites")
    class All(MethodView):
        @manages
        @one.arguments(OfCompany, location="query")
        @one.response(200, Sites, example={"sites": [SITE_EXAMPLE]})
        def get(self, query: dict[str, Any]) -> Any:
            """Sites of a company"""
            company_id = changes.company(query["company_id"])
            with changes.at(company_id) as (tx, _):
                return {"sites": sites.sites(tx, company_id)}

        @manages
        @one.arguments(OfCompany, location="query")
        @one.arguments(SiteNew, example=SITE_NEW_EXAMPLE)
        @one.response(201, SiteView, example=SITE_EXAMPLE)
        @one.alt_response(409, schema=ErrorView, description="the name is taken")
        @one.alt_response(422, schema=ErrorView)
        def post(self, query: dict[str, Any], body: dict[str, Any]) -> Any:
            """A new site"""
            company_id = changes.company(query["company_id"])
            with changes.at(company_id, "site") as (tx, actor):
                return sites.add_site(tx, company_id, body, actor)

    @one.route("/sites/<int:site_id>")
    class One(MethodView):
        @manages
        @one.response(200, SiteView, example=SITE_EXAMPLE)
        @one.alt_response(404, schema=ErrorView)
        def get(self, site_id: int) -> Any:
            """A site"""
            company_id = changes.site(site_id).company_id
            with changes.at(company_id) as (tx, _):
                return sites.site(tx, company_id, site_id)

        @manages
        @one.arguments(SiteChange, example={"main_number": "030 5550000"})
        @one.response(200, SiteView, example=SITE_EXAMPLE)
        @one.alt_response(422, schema=ErrorView)
        def patch(self, body: dict[str, Any], site_id: int) -> Any:
            """Change what is sent"""
            company_id = changes.site(site_id).company_id
            with changes.at(company_id, "site") as (tx, actor):
                return sites.change_site(tx, company_id, site_id, body, actor)

        @manages
        @one.response(204)
        @one.alt_response(409, schema=ErrorView, description="somebody still works there, and who")
        def delete(self, site_id: int) -> None:
            """Delete a site nobody works at, with its pools and departments"""
            company_id = changes.site(site_id).company_id
            with changes.at(company_id, "site") as (tx, actor):
                sites.remove_site(tx, company_id, site_id, actor)


def _departments(one: Blueprint, changes: Changes) -> None:
    @one.route("/departments")
    class All(MethodView):
        @manages
        @one.arguments(DepartmentsQuery, location="query")
        @one.response(200, Departments, example={"departments": [DEPARTMENT_EXAMPLE]})
        def get(self, query: dict[str, Any]) -> Any:
            """Departments of a company, or of one of its sites"""
            company_id = changes.company(query["company_id"])
            with changes.at(company_id) as (tx, _):
                return {"departments": sites.departments(tx, company_id, query["site_id"])}

        @manages
        @one.arguments(OfCompany, location="query")
        @one.arguments(DepartmentNew, example={"site_id": 3, "name": "Verkauf"})
        @one.response(201, DepartmentView, example=DEPARTMENT_EXAMPLE)
        @one.alt_response(409, schema=ErrorView, description="the name is taken")
        def post(self, query: dict[str, Any], body: dict[str, Any]) -> Any:
            """A new department of a site"""
            company_id = changes.company(query["company_id"])
            with changes.at(company_id, "department") as (tx, actor):
                return sites.add_department(tx, company_id, body["site_id"], body["name"], actor)

    @one.route("/departments/<int:department_id>")
    class One(MethodView):
        @manages
        @one.response(200, DepartmentView, example=DEPARTMENT_EXAMPLE)
        def get(self, department_id: int) -> Any:
            """A department"""
            company_id = changes.company_of_department(department_id)
            with changes.at(company_id) as (tx, _):
                return sites.department(tx, company_id, department_id)

        @manages
        @one.arguments(DepartmentChange, example={"name": "Vertrieb"})
        @one.response(200, DepartmentView, example=DEPARTMENT_EXAMPLE)
        def patch(self, body: dict[str, Any], department_id: int) -> Any:
            """Rename a department"""
            company_id = changes.company_of_department(department_id)
            with changes.at(company_id, "department") as (tx, actor):
                return sites.rename_department(tx, company_id, department_id, body["name"], actor)

        @manages
        @one.response(204)
        @one.alt_response(409, schema=ErrorView, description="somebody is still in it, and who")
        def delete(self, department_id: int) -> None:
            """Delete an empty department"""
            company_id = changes.company_of_department(department_id)
            with changes.at(company_id, "department") as (tx, actor):
                sites.remove_department(tx, company_id, department_id, actor)


def _numbers(one: Blueprint, changes: Changes) -> None:
    @one.route("/sites/<int:site_id>/pools")
    class Pooled(MethodView):
        @manages
        @one.response(200, Pools, example={"pools": [POOL_EXAMPLE]})
        def get(self, site_id: int) -> Any:
            """Ranges of numbers the site owns"""
            company_id = changes.site(site_id).company_id
            with changes.at(company_id) as (tx, _):
                return {"pools": numbers.pools(tx, company_id, site_id)}

        @requires("operator")
        @one.arguments(PoolNew, example=POOL_NEW_EXAMPLE)
        @one.response(201, PoolView, example=POOL_EXAMPLE)
        @one.alt_response(409, schema=ErrorView, description="overlaps another one, which is named")
        def post(self, body: dict[str, Any], site_id: int) -> Any:
            """A further range, from now on or from a date on: operators only, who know which numbers are the site's"""
            company_id = changes.site(site_id).company_id
            with changes.at(company_id, "numbers") as (tx, actor):
                return numbers.add_pool(tx, company_id, site_id, body, actor)

    @one.route("/sites/<int:site_id>/pools/<int:pool_id>")
    class OnePool(MethodView):
        @manages
        @one.response(200, PoolView, example=POOL_EXAMPLE)
        def get(self, site_id: int, pool_id: int) -> Any:
            """A range"""
            company_id = changes.site(site_id).company_id
            with changes.at(company_id) as (tx, _):
                return numbers.pool(tx, company_id, site_id, pool_id)

        @requires("operator")
        @one.response(204)
        @one.alt_response(409, schema=ErrorView, description="numbers of it are assigned, and which")
        def delete(self, site_id: int, pool_id: int) -> None:
            """Give a range back that nobody has a number of"""
            company_id = changes.site(site_id).company_id
            with changes.at(company_id, "numbers") as (tx, actor):
                numbers.remove_pool(tx, company_id, site_id, pool_id, actor)

    @one.route("/sites/<int:site_id>/numbers")
    class Numbers(MethodView):
        @manages
        @one.arguments(NumbersQuery, location="query")
        @one.response(200, PooledNumbers, example={"numbers": [POOLED_EXAMPLE], "next": None})
        def get(self, query: dict[str, Any], site_id: int) -> Any:
            """Every number of the site's pools: free, assigned and to whom, or not yet valid"""
            company_id = changes.site(site_id).company_id
            with changes.at(company_id) as (tx, _):
                site = sites.site(tx, company_id, site_id)
                found = numbers.numbers(
                    tx, company_id, site_id, state=query["state"], search=query["search"], after=query["next"],
                    limit=query["limit"] + 1, today=today_at(site.time_zone))
            page = found[: query["limit"]]
            return {"numbers": page, "next": page[-1].digits if len(found) > len(page) else None}
