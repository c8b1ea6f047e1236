//! What a catalog holds.

/// A kind of entity. The order is the one in which a document lists them: what is referred to
/// comes before what refers to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// What is sold; decisions only compare its id.
    Product,
    /// A price of a product.
    Price,
    /// What usage is counted in.
    Metric,
    /// A discount.
    Coupon,
    /// Something a customer may or may not use.
    Feature,
    /// What a foreign add-on code grants, where the operator says so.
    AddOnMapping,
    /// A plan with its versions.
    Plan,
    /// Something bought on top of a plan.
    AddOn,
    /// Who buys.
    Customer,
    /// A plan version, held by a customer.
    Subscription,
}

impl Kind {
    /// All of them, in the order of a document.
    pub const ALL: [Kind; 10] = [
        Kind::Product,
        Kind::Price,
        Kind::Metric,
        Kind::Coupon,
        Kind::Feature,
        Kind::AddOnMapping,
        Kind::Plan,
        Kind::AddOn,
        Kind::Customer,
        Kind::Subscription,
    ];

    /// The name of one: `add_on`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Product => "product",
            Kind::Price => "price",
            Kind::Metric => "metric",
            Kind::Coupon => "coupon",
            Kind::AddOnMapping => "add_on_mapping",
            Kind::Feature => "feature",
            Kind::Plan => "plan",
            Kind::AddOn => "add_on",
            Kind::Customer => "customer",
            Kind::Subscription => "subscription",
        }
    }

    /// The name of a list of them, as in a document: `add_ons`.
    pub fn list(self) -> &'static str {
        match self {
            Kind::Product => "products",
            Kind::Price => "prices",
            Kind::Metric => "metrics",
            Kind::Coupon => "coupons",
            Kind::AddOnMapping => "add_on_mappings",
            Kind::Feature => "features",
            Kind::Plan => "plans",
            Kind::AddOn => "add_ons",
            Kind::Customer => "customers",
            Kind::Subscription => "subscriptions",
        }
    }

    /// Reads either name.
    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == text || kind.list() == text)
    }

    /// Whether decisions about everybody are made from it: features, plans and add-ons. There are
    /// few of them, and they are checked together.
    pub fn is_definition(self) -> bool {
        matches!(self, Kind::Feature | Kind::Plan | Kind::AddOn)
    }
}

/// What customers and subscriptions refer to, and what therefore cannot go while they do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Referred {
    /// A feature, by id or by code.
    Feature,
    /// A version of a plan.
    PlanVersion,
    /// An add-on.
    AddOn,
    /// A coupon.
    Coupon,
}

impl Referred {
    /// The name as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Referred::Feature => "feature",
            Referred::PlanVersion => "plan_version",
            Referred::AddOn => "add_on",
            Referred::Coupon => "coupon",
        }
    }
}
