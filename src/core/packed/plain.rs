//! Plain subscriptions: the fields of the record are all there is to know of them. A plain subscription has no changes of
//! the status, seats, or add-ons with dates. Nearly every subscription is plain.
//!
//! It is read only as far as a look-up needs: its holding, and the dates by which it grants access.

use super::record::{
    ACTIVATED, ADD_ONS, BILLED_FROM, ENDS, EXTENDED, INSTANTS, OwnRows, PERIOD_ENDS, PERIODS, PRODUCTS, ROWS,
    TRIAL_ENDS,
};
use super::statuses::STATUSES;
use super::tables::Tables;
use super::wire::{Flags, Reader, Span};
use crate::billing::{Billing, BillingPeriod, BillingSchedule};
use crate::idx::{AddOnIdx, ProductIdx, UNRESOLVED, VersionIdx, item};
use crate::status::Status;
use crate::time::Instant;
use crate::value::Grant;

/// What comes before the dates of a plain subscription: all that a look-up needs whose holding is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainHead<'b> {
    /// From the first time on.
    times: Reader<'b>,
    pub id: &'b str,
    flags: Flags,
    in_days: bool,
    version: u64,
    /// The status and the billing period.
    states: usize,
    anchor: u64,
}

impl<'b> PlainHead<'b> {
    /// Reads the head of the next subscription, if it is plain.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn read(reader: &mut Reader<'b>) -> Option<PlainHead<'b>> {
        let id = reader.text();
        let [version, states, flags, anchor] = reader.four();
        let (states, flags) = (usize::try_from(states).ok()?, Flags(u8::try_from(flags).ok()?));
        let in_days = states < EXTENDED;
        if !in_days && reader.flags() != Flags(INSTANTS) {
            return None;
        }
        reader.whole(PlainHead { times: *reader, id, flags, in_days, version, states, anchor })
    }

    /// The billing periods.
    fn period(&self) -> Option<BillingPeriod> {
        PERIODS.get((self.states >> 4) & 3).copied()
    }

    /// Whether the billing periods are months.
    pub fn is_monthly(&self) -> bool {
        self.period() == Some(BillingPeriod::MONTHLY)
    }

    pub fn is_activated(&self) -> bool {
        self.flags.has(ACTIVATED)
    }

    /// The activation, and the billing data.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn anchors(&self) -> Option<(Instant, Billing)> {
        let (mut reader, flags, in_days) = (self.times, self.flags, self.in_days);
        let (from, start) = reader.time_from(0, in_days);
        let (current_from, current_start) = reader.time_from(from, in_days);
        let current_end = reader.time_if(flags.has(PERIOD_ENDS), current_from, in_days);
        if flags.has(ENDS) {
            reader.pass_number();
        }
        if flags.has(TRIAL_ENDS) {
            reader.pass_number();
        }
        let billing_start = reader.time_if(flags.has(BILLED_FROM), from, in_days);
        let activated_at = reader.time_if(flags.has(ACTIVATED), start.millis(), false).unwrap_or(start);
        let schedule = BillingSchedule::new(self.period()?, i64::try_from(self.anchor).ok()?).ok()?;
        let billing = Billing::new(schedule, current_start, current_end, Some(start), billing_start).ok()?;
        reader.whole((activated_at, billing))
    }
}

/// A plain subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainSubscription<'b> {
    pub head: PlainHead<'b>,
    pub status: Status,
    pub start: Instant,
    pub end: Option<Instant>,
    pub trial_end: Option<Instant>,
    pub version: VersionIdx,
    /// The rows of the subscription itself.
    pub rows: &'b [Grant],
    tables: &'b Tables,
    add_ons: Span,
    products: Span,
}

impl<'b> PlainSubscription<'b> {
    /// Reads the next subscription, if it is plain.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn read(tables: &'b Tables, reader: &mut Reader<'b>) -> Option<PlainSubscription<'b>> {
        let head = PlainHead::read(reader)?;
        let (flags, in_days) = (head.flags, head.in_days);
        let (from, start) = reader.time_from(0, in_days);
        reader.pass_number();
        if flags.has(PERIOD_ENDS) {
            reader.pass_number();
        }
        let end = reader.time_if(flags.has(ENDS), from, in_days);
        let trial_end = reader.time_if(flags.has(TRIAL_ENDS), from, in_days);
        if flags.has(BILLED_FROM) {
            reader.pass_number();
        }
        if flags.has(ACTIVATED) {
            reader.pass_number();
        }
        let add_ons = if flags.has(ADD_ONS) { reader.pass_text() } else { Span::default() };
        let products = if flags.has(PRODUCTS) { reader.pass_text() } else { Span::default() };
        let mut rows: &[Grant] = &[];
        if flags.has(ROWS) {
            let (own, rest) = OwnRows::read(*reader);
            *reader = rest;
            rows = tables.rows_of(&own);
        }
        let version = item(&tables.refs, u32::try_from(head.version).ok()?)?.version;
        let status = *STATUSES.get(head.states & 15)?;
        if status == Status::Unknown || version == VersionIdx(UNRESOLVED) {
            return None;
        }
        reader.whole(PlainSubscription {
            head,
            status,
            start,
            end,
            trial_end,
            version,
            rows,
            tables,
            add_ons,
            products,
        })
    }

    /// Whether the subscription, once it has started, stays as it is.
    pub fn is_for_ever(&self) -> bool {
        self.end.is_none() && (self.status != Status::TrialActive || self.trial_end.is_none())
    }

    /// Calls `each` with the add-ons and their quantities, in the order of their ids.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn each_add_on(&self, mut each: impl FnMut(AddOnIdx, u32)) -> Option<()> {
        let mut reader = self.head.times.from(self.add_ons.from);
        while reader.at() < self.add_ons.to {
            let (name, quantity) = (reader.count(), reader.count());
            each(item(&self.tables.refs, name)?.add_on, quantity);
        }
        reader.whole(())
    }

    /// Calls `each` with the products of the price components.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn each_product(&self, mut each: impl FnMut(ProductIdx)) -> Option<()> {
        let mut reader = self.head.times.from(self.products.from);
        while reader.at() < self.products.to {
            each(item(&self.tables.refs, reader.count())?.product);
        }
        reader.whole(())
    }
}
