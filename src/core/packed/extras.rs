//! What few subscriptions have: seats, changes of the status, add-ons with dates, a status that is not known.
//!
//! All of it is one text in a subscription's record, which decisions read only if they need it.

use super::entries::{StatusChange, SubscriptionAddOn};
use super::rows::{EXPIRES_AT, STARTS_AT, read_dates};
use super::statuses::{read_status, write_status};
use super::wire::{Flags, Reader};
use super::writer::Writer;
use crate::sort::sort_by;
use crate::status::Status;
use crate::time::Instant;

const SEATS: u8 = 1;
const STATUS_SINCE: u8 = 2;
const STATUS_CHANGES: u8 = 4;
const ADD_ONS: u8 = 8;
const WORD: u8 = 16;
const SLOTS: u8 = 32;
const ALL: u8 = SEATS | STATUS_SINCE | STATUS_CHANGES | ADD_ONS | WORD | SLOTS;

/// The packed extras of a subscription: flags in one byte, then the parts that they name. Empty for most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras<'b>(pub &'b str);

/// The parts of packed extras.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts<'b> {
    /// The number of seats.
    pub seats: Option<u32>,
    /// The instant from which on the subscription has its status.
    pub status_since: Option<Instant>,
    changes: &'b str,
    add_ons: &'b str,
    /// The word of a status that is not known.
    word: &'b str,
    slots: &'b str,
}

impl<'b> Extras<'b> {
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    fn flags(self) -> Flags {
        Flags(self.0.as_bytes().first().copied().unwrap_or_default())
    }

    /// Whether there are add-on rows with dates.
    #[inline]
    pub fn has_dated_add_ons(self) -> bool {
        self.flags().has(ADD_ONS)
    }

    /// Whether there are changes of the status.
    #[inline]
    #[expect(dead_code, reason = "no decision needs it yet")]
    pub fn has_status_changes(self) -> bool {
        self.flags().has(STATUS_CHANGES)
    }

    /// The parts. Empty for bytes that no opened block has.
    #[inline(never)]
    pub fn parts(self) -> Parts<'b> {
        self.try_parts().unwrap_or_default()
    }

    fn try_parts(self) -> Option<Parts<'b>> {
        let mut reader = Reader::new(self.0);
        let flags = reader.flags();
        let seats = if flags.has(SEATS) { Some(reader.count()) } else { None };
        let status_since = reader.instant_if(flags.has(STATUS_SINCE));
        let [changes, add_ons, word, slots] =
            [STATUS_CHANGES, ADD_ONS, WORD, SLOTS].map(|flag| reader.text_if(flags.has(flag)).unwrap_or_default());
        reader.is_at_end().then_some(Parts { seats, status_since, changes, add_ons, word, slots })
    }

    /// The word of an unknown status; empty for a known status.
    pub fn status_word(self) -> &'b str {
        if self.flags().has(WORD) { self.parts().word } else { "" }
    }

    /// Checks all parts. `add_on` and `product` check the number of a name.
    pub fn check(
        self,
        status: Status,
        add_on: &mut dyn FnMut(u32) -> Option<()>,
        product: &mut dyn FnMut(u32) -> Option<()>,
    ) -> Option<()> {
        let (parts, flags) = (self.try_parts()?, self.flags());
        let mut is_good = flags.0 != 0
            && flags.0 & !ALL == 0
            && parts.seats != Some(0)
            && flags.has(WORD) == (status == Status::Unknown)
            && flags.has(WORD) != parts.word.is_empty()
            && flags.has(STATUS_CHANGES) != parts.changes.is_empty()
            && flags.has(ADD_ONS) != parts.add_ons.is_empty()
            && flags.has(SLOTS) != parts.slots.is_empty();
        let mut last = None;
        let mut changes = Reader::new(parts.changes);
        while changes.has_more() {
            let change = read_change(&mut changes)?;
            is_good &= last.is_none_or(|last| last <= change.at);
            last = Some(change.at);
        }
        let mut add_ons = Reader::new(parts.add_ons);
        while add_ons.has_more() {
            let row = read_add_on(&mut add_ons)?;
            add_on(row.add_on)?;
            is_good &= row.quantity != 0 && row.is_dated();
        }
        let mut slots = Reader::new(parts.slots);
        while slots.has_more() {
            let (name, n) = read_slots(&mut slots)?;
            name.map_or(Some(()), &mut *product)?;
            is_good &= n != 0;
        }
        is_good.then_some(())
    }
}

impl<'b> Parts<'b> {
    /// The changes of the status, the earliest first.
    pub fn status_changes(self) -> impl Iterator<Item = StatusChange<'b>> + use<'b> {
        let mut reader = Reader::new(self.changes);
        std::iter::from_fn(move || read_change(&mut reader))
    }

    /// The add-on rows with dates. An add-on may have several.
    pub fn add_ons(self) -> impl Iterator<Item = SubscriptionAddOn<u32>> + use<'b> {
        let mut reader = Reader::new(self.add_ons);
        std::iter::from_fn(move || read_add_on(&mut reader))
    }

    /// The slots of price components: the product, if the component has one, and the number of slots.
    pub fn slots(self) -> impl Iterator<Item = (Option<u32>, u32)> + use<'b> {
        let mut reader = Reader::new(self.slots);
        std::iter::from_fn(move || read_slots(&mut reader))
    }
}

fn read_change<'b>(reader: &mut Reader<'b>) -> Option<StatusChange<'b>> {
    let at = reader.instant();
    let (status, word) = read_status(reader)?;
    reader.whole(StatusChange { at, status, word })
}

fn read_add_on(reader: &mut Reader<'_>) -> Option<SubscriptionAddOn<u32>> {
    let (add_on, quantity, flags) = (reader.count(), reader.count(), reader.flags());
    let (starts_at, expires_at) = read_dates(reader, flags)?;
    reader.whole(SubscriptionAddOn { add_on, starts_at, expires_at, quantity })
}

fn read_slots(reader: &mut Reader<'_>) -> Option<(Option<u32>, u32)> {
    // The number of a name, plus one; 0 stands for no product.
    let (product, n) = (reader.count().checked_sub(1), reader.count());
    reader.whole((product, n))
}

/// The extras of a subscription before they are packed, in any order.
#[derive(Clone, Debug, Default)]
pub(super) struct UnpackedExtras<'a> {
    pub seats: Option<u32>,
    pub status_since: Option<Instant>,
    pub changes: Vec<StatusChange<'a>>,
    pub add_ons: Vec<SubscriptionAddOn<u32>>,
    pub word: &'a str,
    pub slots: Vec<(Option<u32>, u32)>,
}

impl<'a> UnpackedExtras<'a> {
    /// The extras of a record, with the numbers of their names converted.
    #[cold]
    pub fn of(extras: Extras<'a>, number: &mut dyn FnMut(u32) -> u32) -> UnpackedExtras<'a> {
        let parts = extras.parts();
        let mut unpacked = UnpackedExtras {
            seats: parts.seats,
            status_since: parts.status_since,
            word: parts.word,
            ..UnpackedExtras::default()
        };
        parts.status_changes().for_each(|change| unpacked.changes.push(change));
        for row in parts.add_ons() {
            unpacked.add_ons.push(SubscriptionAddOn { add_on: number(row.add_on), ..row });
        }
        for (product, n) in parts.slots() {
            unpacked.slots.push((product.map(&mut *number), n));
        }
        unpacked
    }

    /// Packs the extras. Equal extras in any order give equal bytes.
    pub fn pack(mut self) -> Writer {
        sort_by(&mut self.changes, |a, b| (a.at, a.status, a.word).cmp(&(b.at, b.status, b.word)));
        self.changes.dedup();
        sort_by(&mut self.add_ons, Ord::cmp);
        sort_by(&mut self.slots, Ord::cmp);
        let flags = Flags::default()
            .with(SEATS, self.seats.is_some())
            .with(STATUS_SINCE, self.status_since.is_some())
            .with(STATUS_CHANGES, !self.changes.is_empty())
            .with(ADD_ONS, !self.add_ons.is_empty())
            .with(WORD, !self.word.is_empty())
            .with(SLOTS, !self.slots.is_empty());
        let mut writer = Writer::default();
        if flags == Flags::default() {
            return writer;
        }
        writer.flags(flags);
        self.seats.into_iter().for_each(|seats| writer.count(seats));
        self.status_since.into_iter().for_each(|since| writer.instant(since));
        let (mut changes, mut add_ons, mut slots) = (Writer::default(), Writer::default(), Writer::default());
        for change in &self.changes {
            changes.instant(change.at);
            write_status(&mut changes, change.status, change.word);
        }
        for row in &self.add_ons {
            add_ons.count(row.add_on);
            add_ons.count(row.quantity);
            let dates = [(STARTS_AT, row.starts_at), (EXPIRES_AT, row.expires_at)];
            add_ons.flags(dates.iter().fold(Flags::default(), |flags, (flag, at)| flags.with(*flag, at.is_some())));
            dates.into_iter().filter_map(|(_, at)| at).for_each(|at| add_ons.instant(at));
        }
        for (product, n) in &self.slots {
            slots.count(product.map_or(0, |product| product.saturating_add(1)));
            slots.count(*n);
        }
        for text in [&changes.0, &add_ons.0, self.word, &slots.0] {
            if !text.is_empty() {
                writer.text(text);
            }
        }
        writer
    }
}
