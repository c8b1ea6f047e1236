//! Questions from memory, and their answers.

use crate::answer::{write, write_problem};
use crate::shards::{Obstacle, Shards};
use crate::words::Words;
use mayuse_core::{
    Amount, Code, Instant, Problem, Question, QuestionForm, Reason, SnapshotMeta, decide_for, undecided, undecided_in,
};
use mayuse_snapshot::ObjectRef;
use std::borrow::Cow;

/// The answers that are neither decisions nor problems, in `pkg/border.js`: a shard that is needed, and the rest.
const NEEDS: u8 = 2;
pub const TOLD: u8 = 3;

/// The next text of the input. JavaScript writes valid UTF-8.
pub fn text<'i>(input: &'i [u8], at: &mut usize, length: u32) -> &'i str {
    let to = at.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    let bytes = input.get(*at..to).unwrap_or_default();
    *at = to;
    str::from_utf8(bytes).unwrap_or_default()
}

/// A whole number of JavaScript, if it is one of at least zero.
pub fn whole(number: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range of u64")]
    (0.0 <= number && number <= 9_007_199_254_740_991.0).then_some(number as u64)
}

/// A safe integer as an amount; NaN is none.
pub fn amount(number: f64) -> Option<Amount> {
    #[expect(clippy::cast_possible_truncation, reason = "a safe integer")]
    (!number.is_nan()).then(|| Amount::of_whole(number as i64))
}

/// Reads a question: the names of the customer and the feature, and the other parameters, each as a length and a name, a
/// length and a value. The length of a name takes a byte, that of a value two.
///
/// # Errors
/// A parameter that is not known, or has a wrong value.
pub fn read(
    input: &[u8],
    customer: u32,
    feature: u32,
    others: u32,
    consumed: f64,
) -> Result<QuestionForm<'_>, Problem> {
    let mut form = QuestionForm::empty();
    let mut at = 0;
    form.scalars_mut().consumed = amount(consumed);
    fill(&mut form, "customer", text(input, &mut at, customer))?;
    fill(&mut form, "feature", text(input, &mut at, feature))?;
    let end = at.saturating_add(usize::try_from(others).unwrap_or_default());
    while at < end {
        let length = number(input, &mut at);
        let name = text(input, &mut at, length);
        let length = number(input, &mut at) | number(input, &mut at) << 8;
        let value = text(input, &mut at, length);
        fill(&mut form, name, value)?;
    }
    Ok(form)
}

/// The next byte of the input.
fn number(input: &[u8], at: &mut usize) -> u32 {
    let byte = input.get(*at).copied().unwrap_or_default();
    *at = at.saturating_add(1);
    byte.into()
}

fn fill<'i>(form: &mut QuestionForm<'i>, name: &str, value: &'i str) -> Result<(), Problem> {
    let row = QuestionForm::PARAMETERS.iter().find(|(known, _)| *known == name);
    let filled = match row {
        Some((_, slot)) => form.fill(slot, Cow::Borrowed(value)),
        None => Err((Code::UnknownField, "a question has no such parameter")),
    };
    filled.map_err(|(code, message)| Problem::error(code, name, message))
}

/// Decides a question.
pub fn decide(shards: &mut Shards, words: &mut Words, question: &Question<'_>, now: Instant) {
    loop {
        let missing = match shards.replica.decide(question, now) {
            Ok(Ok(decision)) => return write(words, &decision),
            Ok(Err(problem)) => return write_problem(words, &problem),
            Err(missing) => missing,
        };
        if let Err(obstacle) = shards.provide(missing) {
            return write_obstacle(shards, words, question, &obstacle, now);
        }
    }
}

/// Decides a question about every feature. The first answer is the number of those that follow.
pub fn decide_all(shards: &mut Shards, words: &mut Words, question: &Question<'_>, now: Instant) {
    let mut obstacle = None;
    while let (Err(missing), None) = (shards.replica.customer(question.customer), &obstacle) {
        obstacle = shards.provide(missing).err();
    }
    if let Some(Obstacle::Needs(place, part)) = obstacle {
        return write_need(shards, words, question, place, &part);
    }
    let Some(catalog) = shards.replica.catalog() else { return };
    words.begin(TOLD);
    words.number(u32::try_from(catalog.feature_codes().count()).unwrap_or_default());
    words.end();
    let record = shards.replica.customer(question.customer).unwrap_or_default();
    for code in catalog.feature_codes() {
        let question = Question { feature: code, ..*question };
        let decided = match obstacle {
            Some(Obstacle::For(reason)) => undecided_in(catalog, &question, reason, now),
            _ => decide_for(catalog, record.as_ref(), &question, now),
        };
        match decided {
            Ok(decision) => write(words, &decision),
            Err(problem) => {
                words.clear();
                return write_problem(words, &problem);
            }
        }
    }
}

#[cold]
#[inline(never)]
fn write_obstacle(shards: &Shards, words: &mut Words, question: &Question<'_>, obstacle: &Obstacle, now: Instant) {
    match obstacle {
        Obstacle::Needs(place, part) => write_need(shards, words, question, *place, part),
        Obstacle::For(reason) => write_undecided(shards, words, question, *reason, now),
    }
}

fn write_need(shards: &Shards, words: &mut Words, question: &Question<'_>, place: u64, part: &ObjectRef) {
    words.begin(NEEDS);
    words.whole(Some(place));
    words.number(part.size);
    words.text(Some(&part.hash.digits()));
    // Where one shard fits, that of the customer may take the place of that of the alias.
    words.text(shards.replica.id_of(question.customer));
    words.end();
}

fn write_undecided(shards: &Shards, words: &mut Words, question: &Question<'_>, reason: Reason, now: Instant) {
    let decided = match shards.replica.catalog() {
        Some(catalog) => undecided_in(catalog, question, reason, now),
        None => undecided(question, reason, &SnapshotMeta::default(), now),
    };
    match decided {
        Ok(decision) => write(words, &decision),
        Err(problem) => write_problem(words, &problem),
    }
}
