//! Packed statuses.

use super::wire::Reader;
use super::writer::Writer;
use crate::status::Status;

/// The numbers of statuses in the packed form: their positions here, which never change.
pub(super) const STATUSES: [Status; 13] = [
    Status::PendingActivation,
    Status::PendingCharge,
    Status::TrialActive,
    Status::Active,
    Status::TrialExpired,
    Status::Paused,
    Status::Suspended,
    Status::Cancelled,
    Status::Completed,
    Status::Superseded,
    Status::Errored,
    Status::Aborted,
    Status::Unknown,
];

/// The position of an item in a list.
pub(super) fn place<T: PartialEq>(list: &[T], item: &T) -> usize {
    list.iter().position(|other| other == item).unwrap_or_default()
}

/// Reads a status, with the word of an unknown status.
pub(super) fn read_status<'b>(reader: &mut Reader<'b>) -> Option<(Status, &'b str)> {
    let status = *STATUSES.get(reader.size())?;
    if status != Status::Unknown {
        return Some((status, ""));
    }
    let word = reader.text();
    if word.is_empty() { None } else { Some((status, word)) }
}

pub(super) fn write_status(writer: &mut Writer, status: Status, word: &str) {
    writer.size(place(&STATUSES, &status));
    if status == Status::Unknown {
        writer.text(word);
    }
}
