// A small catalog to write in: one plan, one customer with an old subscription, and something to sell.

/** Ids as Meteroid's and Pabbly's documentation prints them. */
export const PRODUCT = "prd_7n42DGM5Tflk9n8mt7Fhc7";
export const PRICE = "pri_7n42DGM5Tflk9n8mt7Fhc7";
export const PABBLY_PRODUCT = "5e3a95143c92e44b424b6d47";

const THOUSAND_CALLS = { type: "METERED", limit: "1000", reset_period: { type: "BILLING_CYCLE" } };
const feature = (code, type) => ({ id: `feat_${code}`, code, name: code, feature_type: { type }, status: "ACTIVE" });

export const customer = (id, more) => ({ id, name: id, ...more });

export const subscription = (id, customerId, more) => ({
  id,
  customer_id: customerId,
  plan_id: "plan_pro",
  plan_version_id: "plv_pro",
  status: "ACTIVE",
  start_date: "2024-01-15",
  activated_at: "2024-01-15T00:00:00Z",
  period: "MONTHLY",
  billing_day_anchor: 15,
  current_period_start: "2024-01-15",
  current_period_end: "2024-02-15",
  add_ons: [],
  ...more,
});

export const shop = () => ({
  format: 1,
  products: [
    { id: PRODUCT, name: "Base", fee_type: "RATE" },
    { id: PABBLY_PRODUCT, name: "Elsewhere" },
  ],
  prices: [
    { id: PRICE, product_id: PRODUCT, currency: "USD", cadence: "MONTHLY", pricing: { type: "RATE", rate: "29.00" } },
  ],
  features: [
    feature("sso", "BOOLEAN"),
    feature("custom_domains", "BOOLEAN"),
    feature("api_calls", "METERED"),
    feature("emails", "METERED"),
    feature("images", "METERED"),
    feature("storage_gb", "METERED"),
  ],
  plans: [
    {
      id: "plan_pro",
      name: "Pro",
      versions: [
        {
          id: "plv_pro",
          version: 1,
          entitlements: [{ feature: "api_calls", value: THOUSAND_CALLS }],
        },
      ],
    },
  ],
  customers: [customer("cus_acme", { alias: "acme" })],
  subscriptions: [subscription("sub_acme", "cus_acme")],
});

/** The smallest add-on that Pabbly's API takes. */
export const pabblyBody = (code) => ({
  billing_period: "m",
  billing_cycle: "lifetime",
  status: "true",
  associate_plans: "all_plans",
  billing_period_num: 1,
  code,
  name: code,
  price: 10,
});
