//! Laws of windows: whatever the rule, they tile time and do not depend on the way to them.

use crate::random::{RandomBilling, billing, cases, resetting_rule, sliding_rule};
use crate::random_time::{any_instant, at};
use crate::zones::zones;
use mayuse_core::{Anchors, BillingPeriod, Instant, ResetPeriod, Window, window};
use proptest::prelude::*;

/// A rule and what its windows are tied to.
#[derive(Clone, Copy, Debug)]
struct Tied {
    rule: ResetPeriod,
    activation: Instant,
    billing: RandomBilling,
}

impl Tied {
    fn at(&self, now: Instant) -> Window {
        let billing = self.billing.built();
        window(self.rule, &Anchors { activation: self.activation, billing: Some(billing) }, zones(), now)
    }
}

fn tied() -> impl Strategy<Value = Tied> {
    (resetting_rule(), any_instant(), billing()).prop_map(|(rule, activation, billing)| Tied {
        rule,
        activation,
        billing,
    })
}

fn bounds(window: &Window) -> (Instant, Option<Instant>) {
    (window.start, window.end)
}

/// An instant of a window, so many thousandths into it.
fn within(window: &Window, thousandths: i64) -> Instant {
    let (start, end) = (window.start.millis(), window.end.unwrap_or(Instant::MAX).millis());
    at(start + (end - 1 - start) / 1_000 * thousandths)
}

/// Neither the first nor the last instant there is: bounds are moved there from further out.
fn is_inner(instant: Instant) -> bool {
    Instant::MIN < instant && instant < Instant::MAX
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn windows_tile_time(tied in tied(), now in any_instant()) {
        let held = tied.at(now);
        if let Some(end) = held.end {
            prop_assert!(held.start < end || end == Instant::MAX, "{held:?} has no length");
            prop_assert!(now < end || end == Instant::MAX, "{held:?} ended");
        }
        if held.start <= now {
            if let Some(end) = held.end.filter(|end| is_inner(*end)) {
                let next = tied.at(end);
                prop_assert_eq!(next.start, end, "{:?} and then {:?}", held, next);
            }
            if is_inner(held.start) {
                let last_before = at(held.start.millis() - 1);
                let before = tied.at(last_before);
                // Before the first one there is none; what is earlier counts for the first.
                if bounds(&before) != bounds(&held) {
                    prop_assert_eq!(before.end, Some(held.start), "{:?} and then {:?}", before, held);
                    prop_assert!(before.start <= last_before || is_first(&tied, &before), "{before:?}");
                }
            }
        } else {
            prop_assert!(is_first(&tied, &held), "{held:?} begins later than {now}, and is not the first");
        }
    }

    #[test]
    fn a_window_is_that_of_all_its_instants(tied in tied(), now in any_instant(), thousandths in 0_i64..=1_000) {
        let held = tied.at(now);
        for instant in [held.start, within(&held, thousandths), within(&held, 1_000)] {
            prop_assert_eq!(bounds(&tied.at(instant)), bounds(&held), "at {}", instant);
        }
        // Whether it was computed ahead is also the same, unless it is the first and still to come.
        if held.start <= now {
            prop_assert_eq!(tied.at(held.start), held);
        }
    }

    #[test]
    fn stepping_comes_to_where_asking_does(tied in tied(), now in any_instant(), n in 0..40, thousandths in 0_i64..=1_000) {
        let mut stepped = tied.at(now);
        for _ in 0..n {
            match stepped.end.filter(|end| is_inner(*end)) {
                Some(end) => stepped = tied.at(end),
                None => break,
            }
        }
        prop_assert_eq!(bounds(&tied.at(within(&stepped, thousandths))), bounds(&stepped));
    }

    #[test]
    fn a_sliding_window_ends_now(rule in sliding_rule(), activation in any_instant(), now in any_instant()) {
        let slides = window(rule, &Anchors { activation, billing: None }, &[], now);
        prop_assert_eq!(slides.end, Some(now));
        prop_assert_eq!(slides.reset_at(), None);
        prop_assert!(slides.start < now || now == Instant::MIN, "{slides:?} has no length");
        // It never moves backward.
        let later = window(rule, &Anchors { activation, billing: None }, &[], at(now.millis() + 1));
        prop_assert!(slides.start <= later.start, "{slides:?} and then {later:?}");
    }

    #[test]
    fn months_cut_a_billing_period_and_never_cross_it(tied in tied(), now in any_instant()) {
        let month = Tied { rule: ResetPeriod::BillingMonth, ..tied }.at(now);
        let whole = Tied { rule: ResetPeriod::BillingCycle, ..tied }.at(now);
        prop_assert!(whole.start <= month.start, "{month:?} begins before {whole:?}");
        prop_assert!(month.end <= whole.end || whole.end.is_none(), "{month:?} ends after {whole:?}");
        let days = (month.end.unwrap_or(month.start).millis() - month.start.millis()) / 86_400_000;
        prop_assert!(days <= 31, "{month:?} is longer than a month");
        let renewed = tied.billing.to.is_some_and(|to| at(to) <= now);
        if tied.billing.period == BillingPeriod::MONTHLY && renewed {
            prop_assert_eq!(bounds(&month), bounds(&whole));
        }
    }

    #[test]
    fn a_reset_is_the_end_of_a_window(tied in tied(), now in any_instant()) {
        let held = tied.at(now);
        prop_assert_eq!(held.reset_at(), held.end);
        let never_ends = match tied.rule {
            ResetPeriod::Never => true,
            ResetPeriod::BillingCycle => tied.billing.to.is_none() && now >= at(tied.billing.from),
            _ => false,
        };
        let by_billing = matches!(tied.rule, ResetPeriod::BillingCycle | ResetPeriod::BillingMonth);
        prop_assert!(held.end.is_none() || !never_ends, "{held:?}");
        if !by_billing {
            prop_assert_eq!(held.end.is_none(), never_ends);
            prop_assert!(!held.projected);
        }
    }
}

/// Whether nothing is earlier: everything before its start counts for it.
fn is_first(tied: &Tied, window: &Window) -> bool {
    match tied.rule {
        ResetPeriod::Never | ResetPeriod::FixedWindow(_) => window.start == tied.activation,
        ResetPeriod::BillingCycle | ResetPeriod::BillingMonth => {
            let RandomBilling { from, start, billing_start, .. } = tied.billing;
            [Some(from), start, billing_start].into_iter().flatten().any(|ms| at(ms) == window.start)
        }
        _ => false,
    }
}
