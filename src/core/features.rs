//! The parts of a decision that a build may leave out.

/// Usage by allowance in questions (`usage`).
pub const USAGE: bool = cfg!(feature = "usage");
/// The trace of an answer (`explain`).
pub const EXPLAIN: bool = cfg!(feature = "explain");
/// What would allow a denied use (`suggest`).
pub const SUGGEST: bool = cfg!(feature = "suggest");
/// The look-up of what rows come to for a holding.
pub const LOOKUP: bool = cfg!(feature = "lookup");
