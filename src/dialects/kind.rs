//! The kinds of entities in a catalog.

/// A kind of entity, in the order in which a document lists them: an entity comes before those
/// that refer to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A product. Decisions only compare its id.
    Product,
    /// A price of a product.
    Price,
    /// The unit in which usage is counted.
    Metric,
    /// A discount.
    Coupon,
    /// A feature that a customer may be entitled to.
    Feature,
    /// The operator's grants for an add-on code of another system.
    AddOnMapping,
    /// A plan with its versions.
    Plan,
    /// A product sold beside a plan.
    AddOn,
    /// A customer.
    Customer,
    /// A plan version, held by a customer.
    Subscription,
}

impl Kind {
    /// All kinds, in the order of a document.
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

    /// The singular name: `add_on`.
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

    /// The name of the list in a document: `add_ons`.
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

    /// Parses the singular name or the list's name.
    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == text || kind.list() == text)
    }

    /// Whether the kind belongs to the definitions that all decisions use: features, plans and
    /// add-ons. There are few of them, and they are checked together.
    pub fn is_definition(self) -> bool {
        matches!(self, Kind::Feature | Kind::Plan | Kind::AddOn)
    }
}

/// Targets of references from customers and subscriptions. A referenced target cannot be deleted.
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
    /// A time zone, by name.
    TimeZone,
}

impl Referred {
    /// The stored name.
    pub fn name(self) -> &'static str {
        match self {
            Referred::Feature => "feature",
            Referred::PlanVersion => "plan_version",
            Referred::AddOn => "add_on",
            Referred::Coupon => "coupon",
            Referred::TimeZone => "time_zone",
        }
    }

    /// The name in a message.
    pub fn title(self) -> &'static str {
        match self {
            Referred::PlanVersion => "plan version",
            Referred::AddOn => "add-on",
            Referred::TimeZone => "time zone",
            _ => self.name(),
        }
    }
}
