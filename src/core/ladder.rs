//! Ladders: the order of levels, and how each level combines with the levels below it.
//!
//! There are two presets; a catalog may spell out its own ladder. The rules are in sections 4 and 5 of
//! docs/semantics.md.

/// The kind of entity that owns an entitlement row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The feature's default.
    Feature,
    /// The plan.
    Plan,
    /// The plan version.
    PlanVersion,
    /// An add-on that the subscription holds.
    AddOn,
    /// The override on the subscription.
    Subscription,
    /// The override on the customer, applied last and also without a subscription.
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

/// How a level combines with the levels below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Combine {
    /// Replaces the whole value from below.
    Replace,
    /// Adds to the value from below: switches are OR-ed, limits with equal reset periods are summed.
    Stack,
    /// ORs switches, and keeps the larger of two limits with equal reset periods.
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

/// How the subscriptions of one customer combine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AcrossSubscriptions {
    /// Each subscription is resolved alone; then switches are OR-ed and allowances stand side by side.
    Union,
    /// The rows of all granting subscriptions are resolved as one chain.
    Chain,
}

/// A ladder: levels from weakest to strongest. A level that is not listed grants nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ladder {
    levels: Vec<(Level, Combine)>,
    /// The position of each level in `levels`.
    position: [Option<u8>; Level::COUNT],
    /// How subscriptions combine.
    pub across: AcrossSubscriptions,
    /// Whether an add-on's limit is multiplied by the quantity held.
    pub multiply_quantity: bool,
}

impl Ladder {
    /// The default of native catalogs, STANDARD: a plan version replaces its plan, add-ons stack in the quantity held,
    /// and overrides replace everything.
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

    /// The ladder METEROID, which answers as Meteroid does: one chain over all subscriptions, in which the plan version
    /// is above the add-ons, quantities do not count, and customers have no override.
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

    /// A ladder with these levels, weakest first. Of a level listed twice, the first counts.
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

    /// How a level combines; None if the ladder does not list it.
    pub fn combine(&self, level: Level) -> Option<Combine> {
        let at = self.position(level)?;
        self.levels.get(usize::from(at)).map(|(_, combine)| *combine)
    }

    /// The position of a level, 0 for the weakest; None if the ladder does not list it.
    pub(crate) fn position(&self, level: Level) -> Option<u8> {
        self.position.get(level.index()).copied().flatten()
    }
}
