//! Questions from memory, and their answers.

use crate::answer::write;
use crate::shards::{Obstacle, Shards};
use crate::words::Words;
use mayuse_core::{
    Amount, AmountError, Code, EXPLAIN, Instant, Policy, Problem, Question, SnapshotMeta, TimeError, undecided,
    undecided_in,
};
use mayuse_snapshot::{ObjectRef, Replica};

/// The answers that are neither decisions nor problems, in `pkg/border.js`: a shard that is needed, and the rest.
const NEEDS: u8 = 2;
pub const TOLD: u8 = 3;

/// The parts of a question, as flags: the texts of `read`, suggestions and the trace.
pub const TEXTS: u32 = 1;
pub const SUGGESTS: u32 = 2;
pub const EXPLAINS: u32 = 4;

/// Refuses traces and suggestions if this engine leaves them out, for its size.
///
/// # Errors
/// Which part, and which engine has it.
pub fn has(parts: u32) -> Result<(), Problem> {
    const NEXT: &str = "this engine leaves it out: open with `explains: true`, or init() with mayuse/explain.wasm";
    let name = match parts {
        _ if EXPLAIN || parts < SUGGESTS => return Ok(()),
        _ if parts & SUGGESTS != 0 => "suggest",
        _ => "explain",
    };
    Err(Problem::error(Code::Invalid, name, NEXT))
}

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

/// A safe integer as an amount; None for NaN.
pub fn amount(number: f64) -> Option<Amount> {
    #[expect(clippy::cast_possible_truncation, reason = "a safe integer")]
    (!number.is_nan()).then(|| Amount::of_whole(number as i64))
}

/// The failure policy of a question: 1 to allow, 2 to deny.
pub fn policy(number: u32) -> Option<Policy> {
    match number {
        1 => Some(Policy::Allow),
        2 => Some(Policy::Deny),
        _ => None,
    }
}

/// Reads the parameters of a question that are texts: subscription_id, requested, consumed, reserved, at. Before each
/// is its length and one more, in two bytes; 0 stands for a parameter that is not there.
///
/// # Errors
/// A parameter with a wrong value.
pub fn read<'i>(question: &mut Question<'i>, input: &'i [u8], at: &mut usize) -> Result<(), Problem> {
    question.subscription_id = optional(input, at);
    question.requested = optional_amount("requested", input, at)?;
    // A safe integer is no text.
    question.consumed = optional_amount("consumed", input, at)?.or(question.consumed);
    question.reserved = optional_amount("reserved", input, at)?.unwrap_or(Amount::ZERO);
    if let Some(text) = optional(input, at) {
        let instant = Instant::parse(text).map_err(|error| wrong("at", error == TimeError::Range, error.text()))?;
        question.at = Some(instant);
    }
    Ok(())
}

fn optional<'i>(input: &'i [u8], at: &mut usize) -> Option<&'i str> {
    let byte = |at: usize| input.get(at).copied().map_or(0, u32::from);
    let length = byte(*at) | byte(at.saturating_add(1)) << 8;
    *at = at.saturating_add(2);
    Some(text(input, at, length.checked_sub(1)?))
}

#[inline(never)]
fn optional_amount(name: &'static str, input: &[u8], at: &mut usize) -> Result<Option<Amount>, Problem> {
    let Some(text) = optional(input, at) else { return Ok(None) };
    match Amount::parse(text) {
        Ok(amount) => Ok(Some(amount)),
        Err(error) => Err(wrong(name, error == AmountError::TooManyDigits, error.text())),
    }
}

#[cold]
#[inline(never)]
fn wrong(name: &'static str, is_out_of_range: bool, message: &'static str) -> Problem {
    Problem::error(if is_out_of_range { Code::OutOfRange } else { Code::Invalid }, name, message)
}

/// Decides a question.
pub fn decide(shards: &mut Shards, words: &mut Words, question: &Question<'_>, now: Instant) {
    loop {
        let missing = match shards.replica.decide(question, now) {
            Ok(decided) => return write(words, question, &decided),
            Err(missing) => missing,
        };
        if let Err(obstacle) = shards.provide(missing) {
            return write_obstacle(&shards.replica, words, question, &obstacle, now);
        }
    }
}

#[cold]
#[inline(never)]
fn write_obstacle(replica: &Replica, words: &mut Words, question: &Question<'_>, obstacle: &Obstacle, now: Instant) {
    match (obstacle, replica.catalog()) {
        (Obstacle::Needs(place, part), _) => write_need(words, *place, part, replica.id_of(question.customer)),
        (Obstacle::For(reason), Some(catalog)) => {
            write(words, question, &undecided_in(catalog, question, *reason, now))
        }
        (Obstacle::For(reason), None) => {
            write(words, question, &undecided(question, *reason, &SnapshotMeta::default(), now));
        }
    }
}

fn write_need(words: &mut Words, place: u64, part: &ObjectRef, id: Option<&str>) {
    words.begin(NEEDS);
    words.whole(Some(place));
    words.number(part.size);
    words.text(Some(&part.hash.digits()));
    // Where one shard fits, that of the customer may take the place of that of the alias.
    words.text(id);
    words.end();
}
