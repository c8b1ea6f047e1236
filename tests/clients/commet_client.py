"""Runs Commet's released client for Python: `commet_client.py URL KEY`.

Its host is fixed, so what it would send there goes to URL, as behind a name or a proxy of one's own.
"""

import sys

import commet
import httpx
from commet._exceptions import CommetAPIError, CommetValidationError

url, key = sys.argv[1:]


class Redirected(httpx.HTTPTransport):
    def handle_request(self, request):
        assert request.url.host == "commet.co" and request.url.path.startswith("/api/v1/"), request.url
        here = httpx.URL(url)
        request.url = request.url.copy_with(scheme=here.scheme, host=here.host, port=here.port)
        request.headers["host"] = here.netloc.decode()
        return super().handle_request(request)


def same(actual, expected, where):
    assert actual == expected, f"{where}: {actual!r} is not {expected!r}"


def connect(key):
    client = commet.Commet(key, retries=0, telemetry=False)
    client._http._client._mounts = {}
    client._http._client._transport = Redirected()
    return client


client = connect(key)
again = {"idempotency_key": "the-same"}
for model, feature, amounts in [
    ("boolean", "python_boolean", {}),
    ("metered", "python_metered", {"included_units": 100, "overage_rate": 20}),
    ("credits", "python_credits", {"credit_cost": 3}),
    ("balance", "python_balance", {"overage_rate": 15}),
]:
    asked = dict(name=f"Add-on {feature}", base_price=900, feature_id=feature, consumption_model=model, description="", **amounts)
    made = client.addons.create(**asked)
    for name, value in asked.items():
        if name != "feature_id":
            same(getattr(made, name), value, name)
    same((made.feature_code, made.object, made.livemode), (feature, "addon", True), feature)
    same((made.included_units, made.overage_rate, made.credit_cost),
         tuple(amounts.get(name) for name in ("included_units", "overage_rate", "credit_cost")), feature)
asked = dict(name="Again", base_price=1, feature_id="python_again", consumption_model="boolean", **again)
same(client.addons.create(**asked), client.addons.create(**asked), "the same request under the same key")


def refused(call, status, code, where):
    try:
        call()
    except CommetAPIError as error:
        same((error.status_code, error.code), (status, code), where)
        return error
    raise AssertionError(f"{where}: it is not refused")


create = dict(name="x", base_price=1, consumption_model="boolean")
refused(lambda: client.addons.create(feature_id="none", **create), 404, "feature_not_found", "no feature")
refused(lambda: client.addons.create(feature_id="python_boolean", **create), 409, "feature_already_exists", "twice")
wrong = refused(lambda: client.addons.create(feature_id="python_boolean", **dict(create, name="")), 400, "validation_error", "a field")
assert isinstance(wrong, CommetValidationError) and list(wrong.validation_errors) == ["name"], wrong.validation_errors
refused(lambda: client.plans.list(), 404, "not_found", "what is not here")
refused(lambda: connect("ck_unknown").addons.create(feature_id="python_boolean", **create), 401, "unauthorized", "an unknown key")
