//! Records: a customer, a subscription, or an alias with the id of its customer.

use super::extras::{Extras, UnpackedExtras};
use super::rows::{PackedRow, read_row, write_row};
use super::statuses::{STATUSES, place};
use super::wire::{Flags, Reader};
use super::writer::Writer;
use crate::billing::{Billing, BillingPeriod, BillingSchedule};
use crate::sort::sort_by;
use crate::status::Status;
use crate::time::{Instant, MS_PER_DAY};
use crate::zone::ZoneIdx;

/// Packed add-ons, products or rows, which are read one by one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Items<'b>(pub &'b str);

impl<'b> Items<'b> {
    fn write(writer: &mut Writer, write: impl FnOnce(&mut Writer)) {
        let mut items = Writer::default();
        write(&mut items);
        writer.text(&items.0);
    }

    /// Add-ons with their quantities.
    #[inline]
    pub fn pairs(self) -> impl Iterator<Item = (u32, u32)> + Clone + use<'b> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || {
            let pair = (reader.count(), reader.count());
            reader.whole(pair)
        })
    }

    /// Indices of names.
    pub fn numbers(self) -> impl Iterator<Item = u32> + Clone + use<'b> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || {
            let number = reader.count();
            reader.whole(number)
        })
    }

    pub fn rows(self) -> impl Iterator<Item = PackedRow<'b>> + use<'b> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || read_row(&mut reader))
    }
}

/// The rows of a customer or subscription, and their position among all rows of the block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OwnRows<'b> {
    pub first: u32,
    pub n: u32,
    pub items: Items<'b>,
}

impl<'b> OwnRows<'b> {
    /// Takes and returns the reader by value, so that it stays in registers.
    #[inline(never)]
    pub fn read(mut reader: Reader<'b>) -> (OwnRows<'b>, Reader<'b>) {
        (OwnRows { first: reader.count(), n: reader.count(), items: Items(reader.text()) }, reader)
    }

    fn write(&self, writer: &mut Writer, naming: &mut Naming<'_>) {
        writer.count(naming.n_rows);
        writer.count(self.n);
        naming.n_rows = naming.n_rows.saturating_add(self.n);
        // Rows are looked up by feature, so they are sorted by the ids of their features.
        let mut rows: Vec<PackedRow<'_>> = Vec::new();
        for row in self.items.rows() {
            let row = row.with_features(&mut |name| Some((naming.number)(name)));
            rows.extend(row.map(|row| row.with_zones(&mut |zone| Some(ZoneIdx::new((naming.number)(zone.at()))))));
        }
        sort_by(&mut rows, |a, b| (a.feature, a.starts_at).cmp(&(b.feature, b.starts_at)));
        Items::write(writer, |writer| rows.iter().for_each(|row| write_row(writer, row)));
    }
}

/// The numbering of names and rows in the block that a record is written to.
pub(crate) struct Naming<'n> {
    pub number: &'n mut dyn FnMut(u32) -> u32,
    /// The number of rows written so far.
    pub n_rows: u32,
}

/// The record of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Record<'b> {
    Customer(PackedCustomer<'b>),
    /// The id of the alias's customer.
    Alias(&'b str),
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PackedCustomer<'b> {
    pub alias: Option<&'b str>,
    /// None if the name is the id.
    pub name: Option<&'b str>,
    pub archived_at: Option<Instant>,
    pub created_at: Option<Instant>,
    pub rows: OwnRows<'b>,
    pub n_subscriptions: u32,
}

const IS_ALIAS: u8 = 1;
const HAS_ALIAS: u8 = 2;
const NAMED: u8 = 4;
const ARCHIVED: u8 = 8;
const OWN_ROWS: u8 = 16;
const CREATED: u8 = 32;

/// Reads only the flags and the key of a record.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn key<'b>(reader: &mut Reader<'b>) -> (Flags, &'b str) {
    (reader.flags(), reader.text())
}

pub(crate) fn is_alias(flags: Flags) -> bool {
    flags.has(IS_ALIAS)
}

impl<'b> PackedCustomer<'b> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn read(reader: &mut Reader<'b>, flags: Flags) -> Option<PackedCustomer<'b>> {
        let (alias, name) = (reader.text_if(flags.has(HAS_ALIAS)), reader.text_if(flags.has(NAMED)));
        let (archived_at, created_at) = (reader.instant_if(flags.has(ARCHIVED)), reader.instant_if(flags.has(CREATED)));
        let mut rows = OwnRows::default();
        if flags.has(OWN_ROWS) {
            (rows, *reader) = OwnRows::read(*reader);
        }
        let n_subscriptions = reader.count();
        reader.whole(PackedCustomer { alias, name, archived_at, created_at, rows, n_subscriptions })
    }
}

impl<'b> Record<'b> {
    /// Reads the part after the key. The subscriptions of a customer follow the record.
    pub fn read(reader: &mut Reader<'b>, flags: Flags) -> Option<Record<'b>> {
        if flags.has(IS_ALIAS) {
            let id = reader.text();
            return reader.whole(Record::Alias(id));
        }
        PackedCustomer::read(reader, flags).map(Record::Customer)
    }

    pub fn write(&self, writer: &mut Writer, key: &str, naming: &mut Naming<'_>) {
        match self {
            Record::Alias(id) => {
                writer.flags(Flags(IS_ALIAS));
                writer.text(key);
                writer.text(id);
            }
            Record::Customer(customer) => {
                let flags = Flags::default()
                    .with(HAS_ALIAS, customer.alias.is_some())
                    .with(NAMED, customer.name.is_some())
                    .with(ARCHIVED, customer.archived_at.is_some())
                    .with(OWN_ROWS, customer.rows.n != 0)
                    .with(CREATED, customer.created_at.is_some());
                writer.flags(flags);
                writer.text(key);
                [customer.alias, customer.name].into_iter().flatten().for_each(|text| writer.text(text));
                for at in [customer.archived_at, customer.created_at].into_iter().flatten() {
                    writer.instant(at);
                }
                if flags.has(OWN_ROWS) {
                    customer.rows.write(writer, naming);
                }
                writer.count(customer.n_subscriptions);
            }
        }
    }
}

/// A packed subscription: names are indices into the table of names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedSubscription<'b> {
    pub id: &'b str,
    pub version: u32,
    pub status: Status,
    pub start: Instant,
    pub end: Option<Instant>,
    pub trial_end: Option<Instant>,
    pub activated_at: Option<Instant>,
    pub billing: Billing,
    pub add_ons: Items<'b>,
    /// The products of the price components.
    pub products: Items<'b>,
    pub rows: OwnRows<'b>,
    pub extras: Extras<'b>,
}

pub(super) const ENDS: u8 = 1;
pub(super) const TRIAL_ENDS: u8 = 2;
pub(super) const ACTIVATED: u8 = 4;
pub(super) const PERIOD_ENDS: u8 = 8;
pub(super) const BILLED_FROM: u8 = 16;
pub(super) const ADD_ONS: u8 = 32;
pub(super) const PRODUCTS: u8 = 64;
pub(super) const ROWS: u8 = 128;

/// In the number of the status and the period: a byte of further flags follows the anchor.
pub(super) const EXTENDED: usize = 64;

/// A further flag: times are instants in milliseconds; else they are days. The other further flags are those of extras.
pub(super) const INSTANTS: u8 = 1;
/// A further flag: the period is written as a unit and a number, after the further flags.
const OTHER_PERIOD: u8 = 2;
/// The extras follow, after the period.
const EXTRAS: u8 = 4;

/// The numbers of periods in the packed form.
pub(super) const PERIODS: [BillingPeriod; 4] =
    [BillingPeriod::MONTHLY, BillingPeriod::QUARTERLY, BillingPeriod::SEMIANNUAL, BillingPeriod::ANNUAL];

impl<'b> PackedSubscription<'b> {
    pub fn read(reader: &mut Reader<'b>) -> Option<PackedSubscription<'b>> {
        PackedSubscription::read_here(reader)
    }

    /// [`read`](Self::read), inlined for the hot path, so that the result is not copied.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn read_here(reader: &mut Reader<'b>) -> Option<PackedSubscription<'b>> {
        let id = reader.text();
        let [version, states, flags, anchor] = reader.four();
        let head = Head {
            id,
            version: u32::try_from(version).ok()?,
            states: usize::try_from(states).ok()?,
            flags: Flags(u8::try_from(flags).ok()?),
            anchor: i64::try_from(anchor).ok()?,
        };
        if EXTENDED <= head.states {
            let (record, rest) = extended(*reader, head)?;
            *reader = rest;
            return Some(record);
        }
        let period = *PERIODS.get(head.states >> 4)?;
        PackedSubscription::read_times(reader, head, period, true, Extras::default())
    }

    /// Reads what follows the head and its extension. `in_days` says that times are packed as days.
    #[cfg_attr(feature = "small", inline(never))]
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn read_times(
        reader: &mut Reader<'b>,
        Head { id, version, states, flags, anchor }: Head<'b>,
        period: BillingPeriod,
        in_days: bool,
        extras: Extras<'b>,
    ) -> Option<PackedSubscription<'b>> {
        let status = *STATUSES.get(states & 15)?;
        let schedule = BillingSchedule::new(period, anchor).ok()?;
        let (from, start) = reader.time_from(0, in_days);
        let (current_from, current_start) = reader.time_from(from, in_days);
        let current_end = reader.time_if(flags.has(PERIOD_ENDS), current_from, in_days);
        let end = reader.time_if(flags.has(ENDS), from, in_days);
        let trial_end = reader.time_if(flags.has(TRIAL_ENDS), from, in_days);
        let billing_start = reader.time_if(flags.has(BILLED_FROM), from, in_days);
        let activated_at = reader.time_if(flags.has(ACTIVATED), start.millis(), false);
        let add_ons = Items(reader.text_if(flags.has(ADD_ONS)).unwrap_or_default());
        let products = Items(reader.text_if(flags.has(PRODUCTS)).unwrap_or_default());
        let mut rows = OwnRows::default();
        if flags.has(ROWS) {
            (rows, *reader) = OwnRows::read(*reader);
        }
        let billing = Billing::new(schedule, current_start, current_end, Some(start), billing_start).ok()?;
        reader.whole(PackedSubscription {
            id,
            version,
            status,
            start,
            end,
            trial_end,
            activated_at,
            billing,
            add_ons,
            products,
            rows,
            extras,
        })
    }

    pub fn write(&self, writer: &mut Writer, naming: &mut Naming<'_>) {
        let (schedule, current_end, billing_start) = self.billing.parts();
        let (from, period, current_start) = (self.start.millis(), schedule.period(), self.billing.current_start);
        let times = [Some(self.start), Some(current_start), current_end, self.end, self.trial_end, billing_start];
        let has_instants = times.iter().flatten().any(|time| time.time_of_day() != 0);
        let unit = if has_instants { 1 } else { MS_PER_DAY };
        writer.text(self.id);
        writer.count((naming.number)(self.version));
        // The extras have names, too.
        let extras = if self.extras.is_empty() {
            Writer::default()
        } else {
            UnpackedExtras::of(self.extras, naming.number).pack()
        };
        let extension = Flags::default()
            .with(INSTANTS, has_instants)
            .with(OTHER_PERIOD, !PERIODS.contains(&period))
            .with(EXTRAS, !extras.0.is_empty());
        let is_extended = if extension == Flags::default() { 0 } else { EXTENDED };
        writer.size(place(&STATUSES, &self.status) | (place(&PERIODS, &period) << 4) | is_extended);
        let flags = Flags::default()
            .with(ENDS, self.end.is_some())
            .with(TRIAL_ENDS, self.trial_end.is_some())
            .with(ACTIVATED, self.activated_at.is_some())
            .with(PERIOD_ENDS, current_end.is_some())
            .with(BILLED_FROM, billing_start.is_some())
            .with(ADD_ONS, !self.add_ons.0.is_empty())
            .with(PRODUCTS, !self.products.0.is_empty())
            .with(ROWS, self.rows.n != 0);
        writer.flags(flags);
        writer.count(schedule.anchor().into());
        if is_extended != 0 {
            writer.flags(extension);
        }
        if extension.has(OTHER_PERIOD) {
            writer.size(place(&BillingPeriod::UNITS, &period.every().unit));
            writer.count(period.every().interval().into());
        }
        if extension.has(EXTRAS) {
            writer.text(&extras.0);
        }
        writer.time_from(0, unit, self.start);
        writer.time_from(from, unit, current_start);
        if let Some(current_end) = current_end {
            writer.time_from(current_start.millis(), unit, current_end);
        }
        for time in [self.end, self.trial_end, billing_start].into_iter().flatten() {
            writer.time_from(from, unit, time);
        }
        if let Some(activated_at) = self.activated_at {
            writer.instant_from(from, activated_at);
        }
        if flags.has(ADD_ONS) {
            // Names of a block are sorted, so the order of numbers is the order of ids.
            let mut held: Vec<(u32, u32)> = Vec::new();
            held.extend(self.add_ons.pairs().map(|(add_on, quantity)| ((naming.number)(add_on), quantity)));
            sort_by(&mut held, Ord::cmp);
            Items::write(writer, |writer| {
                for (add_on, quantity) in held {
                    writer.count(add_on);
                    writer.count(quantity);
                }
            });
        }
        if flags.has(PRODUCTS) {
            let mut products: Vec<u32> = self.products.numbers().map(&mut *naming.number).collect();
            sort_by(&mut products, Ord::cmp);
            // Several price components often have one product.
            products.dedup();
            Items::write(writer, |writer| products.into_iter().for_each(|product| writer.count(product)));
        }
        if flags.has(ROWS) {
            self.rows.write(writer, naming);
        }
    }
}

/// The beginning of a packed subscription.
#[derive(Clone, Copy)]
struct Head<'b> {
    id: &'b str,
    version: u32,
    /// The status, the period, and whether a byte of further flags follows.
    states: usize,
    flags: Flags,
    anchor: i64,
}

/// Reads a record with [`EXTENDED`]: its period, the unit of its times, its extras, and the rest. Takes and returns the
/// reader by value, so that it stays in registers.
#[cold]
#[inline(never)]
fn extended<'b>(mut reader: Reader<'b>, head: Head<'b>) -> Option<(PackedSubscription<'b>, Reader<'b>)> {
    let flags = reader.flags();
    let is_known = head.states >> 7 == 0 && flags.0 & !(INSTANTS | OTHER_PERIOD | EXTRAS) == 0;
    let period = if flags.has(OTHER_PERIOD) {
        let unit = *BillingPeriod::UNITS.get(reader.size())?;
        let number = reader.count();
        if (unit, number) == (BillingPeriod::UNKNOWN.every().unit, BillingPeriod::UNKNOWN.every().interval().into()) {
            BillingPeriod::UNKNOWN
        } else {
            BillingPeriod::new(unit, number.into()).ok()?
        }
    } else {
        *PERIODS.get((head.states >> 4) & 3)?
    };
    let extras = Extras(reader.text_if(flags.has(EXTRAS)).unwrap_or_default());
    if !is_known || flags.has(EXTRAS) == extras.is_empty() {
        return None;
    }
    let record = PackedSubscription::read_times(&mut reader, head, period, !flags.has(INSTANTS), extras)?;
    Some((record, reader))
}
