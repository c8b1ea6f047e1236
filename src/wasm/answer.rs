//! A decision as numbers. `pkg/decision.js` reads what is written here, in the same order.

use crate::words::{Words, bits_of};
use mayuse_core::{
    Behavior, ConfigAnswer, Decision, Metering, Origin, Period, Problem, Question, ResetPeriod, Role, ValueType,
    WindowAnswer,
};

/// The kinds of answers, in `pkg/border.js`.
const DECISION: u8 = 0;
const PROBLEM: u8 = 1;

/// Writes the decision on a question, or its problem.
pub fn write(words: &mut Words, question: &Question<'_>, decided: &Result<Decision<'_>, Problem>) {
    let decision = match decided {
        Ok(decision) => decision,
        Err(problem) => return write_problem(words, problem),
    };
    words.begin(DECISION);
    let metering = decision.metering.as_ref();
    let freshness = &decision.freshness;
    let flags = [
        decision.allowed,
        decision.fallback,
        decision.enabled,
        freshness.stale,
        metering.is_some(),
        decision.value.is_some(),
        freshness.usage_exact.is_some(),
        freshness.usage_exact == Some(true),
    ];
    // 0 for nothing.
    let value_type = decision.value_type.map_or(0, |value_type| (value_type as u32).saturating_add(1));
    let kinds =
        decision.decision as u32 | (decision.reason as u32) << 2 | value_type << 8 | (freshness.source as u32) << 11;
    words.number(kinds << flags.len() | bits_of(&flags));
    words.whole(freshness.snapshot_version);
    words.instant(freshness.generated_at);
    words.whole(freshness.age_ms);
    words.instant(freshness.usage_as_of);
    words.instant(decision.valid_until);
    if let Some(value) = decision.value {
        config(words, value);
    }
    if let Some(metering) = metering {
        words.amount(decision.available);
        write_numbers(words, metering);
    }
    // JavaScript has the name in the question.
    words.text(Some(decision.customer_id).filter(|id| *id != question.customer));
    words.text(decision.subscription_id);
    match decision.feature.id {
        Some(id) => words.address_of(id),
        None => {
            words.number(f64::NAN);
            words.text(Some(decision.feature.code));
        }
    }
    origin(words, decision.origin.as_ref());
    words.number(u32::try_from(decision.windows.len()).unwrap_or_default());
    decision.windows.iter().for_each(|answer| window(words, answer));
    words.end();
    #[cfg(feature = "explain")]
    if question.suggest || question.explain {
        write_extras(words, decision);
    }
}

/// Writes the suggestions and the trace as an object, and where it is at the end of the answer: the address and the
/// length.
#[cfg(feature = "explain")]
#[cold]
fn write_extras(words: &mut Words, decision: &Decision<'_>) {
    let extras = &mut words.extras;
    extras.clear();
    decision.write_extras(extras);
    // Each field has a comma before it.
    match extras.first_mut() {
        Some(first) => *first = b'{',
        None => extras.push(b'{'),
    }
    extras.push(b'}');
    let (address, length) = (extras.as_ptr().addr(), extras.len());
    words.number(u32::try_from(address).unwrap_or_default());
    words.number(u32::try_from(length).unwrap_or_default());
    words.end();
}

/// Writes a problem.
pub fn write_problem(words: &mut Words, problem: &Problem) {
    words.begin(PROBLEM);
    words.text(Some(problem.code.name()));
    words.text(Some(&problem.place.text()));
    words.text(Some(&problem.message));
    words.end();
}

fn value_type(value_type: Option<ValueType>) -> f64 {
    value_type.map_or(f64::NAN, |value_type| f64::from(value_type as u8))
}

/// The kind of a CONFIG value, and the value.
fn config(words: &mut Words, value: ConfigAnswer<'_>) {
    match value {
        ConfigAnswer::Number(number) => {
            words.number(0);
            words.amount(Some(number));
        }
        ConfigAnswer::Boolean(on) => {
            words.number(1);
            words.number(on);
        }
        ConfigAnswer::Text(text) => {
            words.number(2);
            words.text_behind(text);
        }
        ConfigAnswer::Json(json) => {
            words.number(3);
            words.text_behind(json);
        }
    }
}

/// The numbers of an allowance.
#[inline(never)]
fn write_numbers(words: &mut Words, metering: &Metering<'_>) {
    let (overage, warning) = (metering.overage, metering.warning);
    words.amount(Some(metering.requested));
    words.amount(metering.limit);
    words.amount(metering.consumed);
    words.amount(Some(metering.reserved));
    words.amount(metering.remaining);
    let reached = warning.and_then(|warning| warning.reached);
    words.flags(&[
        metering.unlimited,
        overage.behavior == Behavior::Allow,
        metering.period.is_some_and(|period| period.window.projected),
        reached.is_some(),
        reached == Some(true),
    ]);
    words.amount(Some(overage.grace));
    words.amount(overage.units);
    words.amount(warning.map(|warning| warning.threshold_pct));
    match &metering.period {
        Some(period) => write_period(words, period),
        None => words.number(f64::NAN),
    }
}

fn write_period(words: &mut Words, period: &Period<'_>) {
    let (rule, window) = (period.rule, period.window);
    words.number(match rule {
        ResetPeriod::Never => 0,
        ResetPeriod::BillingCycle => 1,
        ResetPeriod::BillingMonth => 2,
        ResetPeriod::Calendar(_) => 3,
        ResetPeriod::FixedWindow(_) => 4,
        ResetPeriod::SlidingWindow(_) => 5,
    });
    words.instant(Some(window.start));
    words.instant(window.end);
    words.instant(window.reset_at());
    words.number(rule.every().map_or(f64::NAN, |every| f64::from(every.unit as u8)));
    words.number(rule.every().map_or(f64::NAN, |every| f64::from(every.interval())));
    words.number(rule.week_start().map_or(f64::NAN, |day| f64::from(day as u8)));
    match period.zone {
        Some(zone) => words.text_behind(zone),
        None => words.number(f64::NAN),
    }
}

fn origin(words: &mut Words, origin: Option<&Origin<'_>>) {
    let Some(origin) = origin else { return words.number(f64::NAN) };
    let (name, version) = origin.name();
    words.number(origin.level() as u8);
    words.text(Some(origin.id()));
    words.text(name);
    words.whole(version.map(u64::from));
}

#[cold]
fn window(words: &mut Words, answer: &WindowAnswer<'_>) {
    words.flags(&[answer.allowed, answer.role == Role::Cap]);
    words.number(value_type(Some(answer.value_type)));
    words.number(answer.reason as u8);
    words.amount(answer.drawn);
    words.instant(answer.starts_at);
    write_numbers(words, &answer.metering);
    origin(words, Some(&answer.origin));
    words.text(answer.subscription_id);
}
