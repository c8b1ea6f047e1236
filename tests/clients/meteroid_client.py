"""Runs every method of Meteroid's released client that has a route here: `meteroid_client.py URL KEY`.

The client decodes every answer into its own types and raises where a field is missing or of another type; what it
decoded is written back and held against the answer as it came, so that no field is lost either.
"""

import datetime
import decimal
import json
import sys

import httpx
from meteroid import Meteroid, errors, models as m
from meteroid.serialization import UnknownVariant

url, key = sys.argv[1:]
answers = []
http = httpx.Client(event_hooks={"response": [lambda response: (response.read(), answers.append(response))]})
client = Meteroid(api_key=key, base_url=url, max_retries=0, http_client=http)

SAMPLE = "7n42DGM5Tflk9n8mt7Fhc7"
PLAN, CUSTOMER, ADD_ON = f"plan_{SAMPLE}", f"cus_{SAMPLE}", f"add_{SAMPLE}"
PRODUCT, PRICE, COMPONENT = f"prd_{SAMPLE}", f"pri_{SAMPLE}", f"price_{SAMPLE}"
TODAY = datetime.datetime.now(datetime.timezone.utc).date()


def same(actual, expected, where):
    assert actual == expected, f"{where}: {actual!r} is not {expected!r}"


def known(value, where):
    """No variant of a union that the client does not know, however deep."""
    assert not isinstance(value, UnknownVariant), f"{where}: {value!r}"
    if isinstance(value, (list, tuple)):
        for item in value:
            known(item, where)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            known(getattr(value, name), f"{where}.{name}")


def contains(sent, back, where):
    """Whether what came is what the client understood, field by field. Nothing and `null` are the same."""
    if isinstance(sent, dict):
        for name, value in sent.items():
            if value is not None:
                assert name in back, f"{where}.{name} is lost"
                contains(value, back[name], f"{where}.{name}")
    elif isinstance(sent, list):
        same(len(back), len(sent), where)
        for n, (one, other) in enumerate(zip(sent, back)):
            contains(one, other, f"{where}[{n}]")
    elif isinstance(sent, str) and sent != back:
        # An instant in another spelling.
        same(datetime.datetime.fromisoformat(back), datetime.datetime.fromisoformat(sent.replace("Z", "+00:00")), where)
    else:
        same(back, sent, where)


def decoded(model, where):
    known(model, where)
    contains(answers[-1].json(), model.to_dict(), where)
    return model


def refused(call, status, message, where):
    try:
        call()
    except errors.APIStatusError as error:
        same(error.status_code, status, where)
        assert message in error.body.message, f"{where}: {error.body.message}"
        return error
    raise AssertionError(f"{where}: it is not refused")


# --- features ---

features = list(client.features.list(per_page=100))
assert len(features) > 10, features
for feature in features:
    known(feature, "features.list")
    one = decoded(client.features.retrieve(feature.code), f"features.retrieve {feature.code}")
    same(one, feature, feature.code)
metered = [feature for feature in features if isinstance(feature.feature_type, m.MeteredFeatureType)]
assert metered and all(feature.feature_type.metric_id for feature in metered)
plain = next(feature for feature in features if feature.code == "without_metric")
assert plain.feature_type.metric_id.startswith("bm_"), plain
same([f.code for f in client.features.list(search="Single")], ["sso"], "features.list search")
same(list(client.features.list(statuses=[m.FeatureStatus.ARCHIVED])), [], "features.list statuses")
refused(lambda: client.features.retrieve("no_such"), 404, "Resource not found", "features.retrieve")

# --- add-ons ---

created = decoded(
    client.add_ons.create(
        name="Extra seats", product_id=PRODUCT, price_id=PRICE, description="", max_instances_per_subscription=3, self_serviceable=True
    ),
    "add_ons.create",
)
same((created.description, created.max_instances_per_subscription, created.self_serviceable), ("", 3, True), "add_ons.create")
same(decoded(client.add_ons.retrieve(created.id), "add_ons.retrieve"), created, "add_ons.retrieve")
changed = decoded(client.add_ons.update(created.id, name="More seats", description=None), "add_ons.update")
same((changed.name, changed.description), ("More seats", None), "add_ons.update")
names = lambda **more: [add_on.id for add_on in client.add_ons.list(per_page=100, **more)]
assert created.id in names() and created.id in names(search="more SEATS", order_by="name.asc", currency="EUR")
assert created.id not in names(currency="USD")
client.add_ons.archive(created.id)
assert created.id not in names() and created.id in names(include_archived=True)
client.add_ons.unarchive(created.id)
assert created.id in names()
for add_on in client.add_ons.list(per_page=2):
    known(add_on, "add_ons.list")
    rows = decoded(client.add_ons.entitlements.list(add_on.id), f"add_ons.entitlements.list {add_on.id}")
refused(lambda: client.add_ons.retrieve("add_none"), 404, "Resource not found", "add_ons.retrieve")
refused(lambda: client.add_ons.create(name="", product_id=PRODUCT, price_id=PRICE), 400, "name", "add_ons.create")

# --- what is granted ---

decoded(client.products.entitlements.list(PRODUCT), "products.entitlements.list")
decoded(client.plans.list_plan_version_entitlements(f"plv_{SAMPLE}"), "plans.list_plan_version_entitlements")
held = decoded(client.customers.list_entitlements("acme"), "customers.list_entitlements")
assert any(isinstance(row.value, m.MeteredEffectiveEntitlementValue) for row in held.data), held
subscription = decoded(client.subscriptions.list_entitlements("sub_acme"), "subscriptions.list_entitlements")
assert subscription.data, subscription
metric = {row.feature.code: row.value.spec.metric_id for row in held.data if hasattr(row.value, "spec")}
same(metric["without_metric"], plain.feature_type.metric_id, "one metric everywhere")

# --- subscriptions ---

required = dict(
    plan_id=PLAN, customer_id_or_alias="sample", start_date=TODAY, activation_condition=m.SubscriptionActivationConditionEnum.ON_START
)
first = decoded(client.subscriptions.create(**required), "subscriptions.create")
same((first.status, first.start_date, first.customer_id), (m.SubscriptionStatusEnum.ACTIVE, TODAY, CUSTOMER), "subscriptions.create")
same((first.tax_inclusive, first.custom_properties, first.currency), (False, {}, "EUR"), "subscriptions.create")

price = lambda rate: m.PriceInput(
    cadence=m.BillingPeriodEnum.MONTHLY, currency="EUR", pricing=m.RatePricing(rate=decimal.Decimal(rate))
)
seats = lambda rate: m.PriceInput(
    cadence=m.BillingPeriodEnum.MONTHLY, currency="EUR", pricing=m.SlotPricing(unit_rate=decimal.Decimal(rate))
)
again = {"extra_headers": {"idempotency-key": "the-fullest-form"}}
properties = {"crm": "42", "seats": 7, "ratio": 1.5, "deep": [{"none": None, "yes": True}]}
fullest = dict(
    required,
    activation_condition=m.SubscriptionActivationConditionEnum.ON_CHECKOUT,
    version=1,
    end_date=TODAY + datetime.timedelta(days=730),
    trial_days=14,
    billing_day_anchor=31,
    net_terms=45,
    invoice_memo="Thank you",
    purchase_order="PO-1",
    auto_advance_invoices=False,
    charge_automatically=False,
    skip_past_invoices=False,
    backdate_invoices=True,
    coupon_codes=["WELCOME20"],
    custom_properties=properties,
    payment_methods_config=m.OnlinePaymentMethodConfig(
        config=m.OnlineMethodsConfig(card=m.OnlineMethodConfig(enabled=True), direct_debit=m.OnlineMethodConfig(enabled=False))
    ),
    price_components=m.CreateSubscriptionComponents(
        parameterized_components=[
            m.ComponentParameterization(component_id=COMPONENT, parameters=m.ComponentParameters(initial_slot_count=5))
        ],
        overridden_components=[m.ComponentOverride(component_id="price_sample_platform", name="Platform, less", price_entry=price("29.00"))],
        remove_components=["price_sample_storage"],
        extra_components=[
            m.ExtraComponent(
                name="Support",
                product_ref=m.NewProductRef(name="Support", fee_type=m.ProductFeeTypeEnum.RATE, fee_structure=m.RateFeeStructure()),
                price_entry=price("100.50"),
            ),
            m.ExtraComponent(
                name="Seats again", product_ref=m.ExistingProductRef(id=PRODUCT), price_entry=m.ExistingPriceRef(id=PRICE)
            ),
        ],
    ),
    add_ons=[
        m.CreateSubscriptionAddOn(add_on_id=ADD_ON, quantity=2),
        m.CreateSubscriptionAddOn(
            add_on_id=created.id, customization=m.SubscriptionAddOnPriceOverride(name="Seats, special", price_entry=seats("3.10"))
        ),
        m.CreateSubscriptionAddOn(
            add_on_id=created.id, customization=m.SubscriptionAddOnParameterization(initial_slot_count=4)
        ),
    ],
)
full = decoded(client.subscriptions.create(**fullest, **again), "subscriptions.create, in full")
for field in ("end_date", "billing_day_anchor", "net_terms", "invoice_memo", "purchase_order", "auto_advance_invoices",
              "charge_automatically", "custom_properties", "payment_methods_config"):
    same(getattr(full, field), fullest[field], field)
same((full.status, full.trial_duration, full.plan_version), (m.SubscriptionStatusEnum.TRIAL_ACTIVE, 14, 1), "in full")
raw = answers[-1].json()
shown = {line["name"]: line["fee"].get("rate", line["fee"].get("unit_rate")) for line in raw["components"] + raw["add_ons"]}
same((shown["Platform, less"], shown["Support"], shown["Seats, special"]), ("29.00", "100.50", "3.10"), "rates as they were sent")
same([line.quantity for line in full.add_ons], [2, 1, 1], "add_ons")
same([coupon.coupon.code for coupon in full.applied_coupons], ["WELCOME20"], "applied_coupons")
same(decoded(client.subscriptions.create(**fullest, **again), "again"), full, "the same request under the same key")

refused(lambda: client.subscriptions.create(**dict(required, plan_id="plan_none")), 404, "there is no plan", "no plan")
refused(lambda: client.subscriptions.create(**dict(required, trial_days=-1)), 400, "trial_days", "a bad field")

# --- what is not here, and what is not there ---

for name, call in {
    "subscriptions.list": lambda: list(client.subscriptions.list()),
    "subscriptions.retrieve": lambda: client.subscriptions.retrieve(full.id),
    "customers.retrieve": lambda: client.customers.retrieve("acme"),
    "plans.retrieve": lambda: client.plans.retrieve(PLAN),
    "features.archive": lambda: client.features.archive("sso"),
    "usage.retrieve_summary": lambda: http.get(f"{url}/api/v1/usage/summary", headers={"authorization": f"Bearer {key}"}).raise_for_status(),
}.items():
    try:
        call()
    except errors.APIStatusError as error:
        same(error.status_code, 501, name)
        assert "does not have this route" in error.body.message, error.body
    except httpx.HTTPStatusError as error:
        same(error.response.status_code, 501, name)
    else:
        raise AssertionError(f"{name} is not refused")
other = Meteroid(api_key="unknown", base_url=url, max_retries=0)
refused(lambda: other.features.retrieve("sso"), 401, "the key is not known", "an unknown key")

print(json.dumps({"subscriptions": [first.id, full.id]}))
