//! Seeds and steps at which the simulation noticed a fault once. They are replayed before anything else.

/// A seed, the step in which the fault was noticed, and the fault.
pub const NOTICED: &[(u64, u64, &str)] = &[
    (1, 171, "a reader takes an older manifest"),
    (2, 330, "a reader takes an older manifest"),
    (3, 1_537, "a reader answers from a shard of another manifest"),
    (1, 10_465, "a reader answers from a shard of another manifest"),
    (1, 132, "a reader forgets the version that was asked for"),
    (1, 776, "a reader forgets its own limit of age"),
    (1, 2_974, "a reader takes an object that is not what its name says"),
    (2, 1_548, "the snapshot in the bundle answers although something newer is held"),
    (1, 8_303, "an alias leads to the customer that had it in an older manifest"),
    (2, 343, "a reader keeps a shard that is another in the manifest that it takes"),
    (1, 72, "a manifest is put before all of its objects"),
    (1, 305, "a shard that fails is published as it was before"),
    (1, 3_745, "an object is dropped that another shard still names"),
    (2, 16_891, "a dirty key is forgotten that was left for the next part"),
    (1, 339, "a shard that is made in parts keeps dirty keys of the parts to come"),
    (3, 1_313, "a shard that is made in parts keeps dirty keys of the parts to come"),
];
