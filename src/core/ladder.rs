//! Ladders: which rows win, as data.
//!
//! A ladder lists levels from weakest to strongest, each with how it combines with what is below.
//! Two presets ship; a catalog may spell out its own.

/// Where an entitlement row hangs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The feature's default.
    Feature,
    /// The plan.
    Plan,
    /// The plan version.
    PlanVersion,
    /// An add-on the subscription holds.
    AddOn,
    /// The subscription's negotiated override.
    Subscription,
    /// The customer's override, applied last and even without a subscription.
    Customer,
}

impl Level {
    pub(crate) const COUNT: usize = 6;

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Level::Feature => "FEATURE",
            Level::Plan => "PLAN",
            Level::PlanVersion => "PLAN_VERSION",
            Level::AddOn => "ADD_ON",
            Level::Subscription => "SUBSCRIPTION",
            Level::Customer => "CUSTOMER",
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// How a level combines with what is below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Combine {
    /// The whole value is replaced.
    Replace,
    /// Adds to what is below: switches are OR-ed, limits of equal reset periods summed.
    Stack,
    /// Keeps the larger limit of equal reset periods.
    Max,
}

impl Combine {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Combine::Replace => "REPLACE",
            Combine::Stack => "STACK",
            Combine::Max => "MAX",
        }
    }
}

/// How several subscriptions of one customer come together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AcrossSubscriptions {
    /// Each is resolved for itself; then switches are OR-ed and allowances stand side by side.
    Union,
    /// The rows of all form one chain.
    Chain,
}

/// A ladder: levels from weakest to strongest. A level that is not listed grants nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ladder {
    levels: Vec<(Level, Combine)>,
    /// Where each level stands in `levels`.
    position: [Option<u8>; Level::COUNT],
    /// How subscriptions come together.
    pub across: AcrossSubscriptions,
    /// Whether an add-on's limit is multiplied by the quantity held.
    pub multiply_quantity: bool,
}

impl Ladder {
    /// The default of native catalogs: what a plan version gives replaces what the plan gives,
    /// add-ons stack on it in the quantity held, and negotiated overrides replace it all.
    pub fn standard() -> Ladder {
        use Combine::{Replace, Stack};
        let levels = vec![
            (Level::Feature, Replace),
            (Level::Plan, Replace),
            (Level::PlanVersion, Replace),
            (Level::AddOn, Stack),
            (Level::Subscription, Replace),
            (Level::Customer, Replace),
        ];
        Ladder::new(levels, AcrossSubscriptions::Union, true)
    }

    /// What Meteroid itself says: one chain over all subscriptions, in which the plan version
    /// stands above the add-ons, quantities do not count and customers have no override.
    pub fn meteroid() -> Ladder {
        use Combine::Replace;
        let levels = vec![
            (Level::Feature, Replace),
            (Level::Plan, Replace),
            (Level::AddOn, Replace),
            (Level::PlanVersion, Replace),
            (Level::Subscription, Replace),
        ];
        Ladder::new(levels, AcrossSubscriptions::Chain, false)
    }

    /// A ladder of the given levels, weakest first. Of a level listed twice the first stands.
    pub fn new(levels: Vec<(Level, Combine)>, across: AcrossSubscriptions, multiply_quantity: bool) -> Ladder {
        let mut position = [None; Level::COUNT];
        for (at, (level, _)) in levels.iter().enumerate() {
            if let Some(slot) = position.get_mut(level.index()) {
                *slot = slot.or(u8::try_from(at).ok());
            }
        }
        Ladder { levels, position, across, multiply_quantity }
    }

    /// The levels, weakest first.
    pub fn levels(&self) -> &[(Level, Combine)] {
        &self.levels
    }

    /// How a level combines, if it is listed.
    pub fn combine(&self, level: Level) -> Option<Combine> {
        let at = self.position(level)?;
        self.levels.get(usize::from(at)).map(|(_, combine)| *combine)
    }

    /// Where a level stands, 0 being the weakest; nothing if it grants nothing.
    pub(crate) fn position(&self, level: Level) -> Option<u8> {
        self.position.get(level.index()).copied().flatten()
    }
}
