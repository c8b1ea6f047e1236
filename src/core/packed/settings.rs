//! The settings of a catalog in the catalog object: the statuses that grant access, and what few catalogs have: time
//! zones, a fallback, archived plans.

use super::statuses::{read_status, write_status};
use super::wire::{Flags, Reader};
use super::writer::Writer;
use crate::access::{Access, AccessCondition, AccessEntry};
use crate::definitions::Definitions;
use crate::status::StatusSet;
use crate::time::Instant;
use crate::zone::Zone;

/// The settings of a catalog, and what its plans have that few plans have.
#[derive(Debug)]
pub(super) struct Settings<'b> {
    pub access: Access,
    pub zones: Vec<Zone>,
    pub fallback_plan_version: Option<&'b str>,
    /// The position of each plan in the document; empty if plans are in the order of their ids.
    pub positions: Vec<u32>,
    /// The places of archived plans, with the instants of their archival.
    pub archived: Vec<(usize, Instant)>,
}

/// The flag, in the number of the statuses that always grant, for further settings.
const MORE: u64 = 1 << 16;

const OTHER_STATUSES: u8 = 1;
const ZONES: u8 = 2;
const FALLBACK: u8 = 4;
const POSITIONS: u8 = 8;
const ARCHIVED: u8 = 16;

pub(super) fn write_settings(writer: &mut Writer, definitions: &Definitions<'_>) {
    let Definitions { access, zones, fallback_plan_version, plans, .. } = definitions;
    let flags = Flags::default()
        .with(OTHER_STATUSES, !access.others.is_empty())
        .with(ZONES, !zones.is_empty())
        .with(FALLBACK, fallback_plan_version.is_some())
        .with(POSITIONS, plans.iter().zip(0..).any(|(plan, at)| plan.position != at))
        .with(ARCHIVED, plans.iter().any(|plan| plan.archived_at.is_some()));
    let always = u64::from(access.always.bits());
    if flags == Flags::default() {
        return writer.number(always);
    }
    writer.number(always | MORE);
    writer.flags(flags);
    if flags.has(OTHER_STATUSES) {
        writer.size(access.others.len());
        access.others.iter().for_each(|entry| write_entry(writer, entry));
    }
    if flags.has(ZONES) {
        writer.size(zones.len());
        zones.iter().for_each(|zone| write_zone(writer, zone));
    }
    fallback_plan_version.iter().for_each(|id| writer.text(id));
    if flags.has(POSITIONS) {
        writer.size(plans.len());
        plans.iter().for_each(|plan| writer.count(plan.position));
    }
    if flags.has(ARCHIVED) {
        let archived = || plans.iter().enumerate().filter_map(|(at, plan)| Some((at, plan.archived_at?)));
        writer.size(archived().count());
        for (at, archived_at) in archived() {
            writer.size(at);
            writer.instant(archived_at);
        }
    }
}

pub(super) fn read_settings<'b>(reader: &mut Reader<'b>) -> Option<Settings<'b>> {
    let number = reader.number();
    let always = StatusSet::from_bits(u16::try_from(number & !MORE).ok()?)?;
    let mut settings = Settings {
        access: Access { always, others: Vec::new() },
        zones: Vec::new(),
        fallback_plan_version: None,
        positions: Vec::new(),
        archived: Vec::new(),
    };
    if number & MORE != 0 {
        read_more(reader, &mut settings)?;
    }
    reader.whole(settings)
}

#[cold]
#[inline(never)]
fn read_more<'b>(reader: &mut Reader<'b>, settings: &mut Settings<'b>) -> Option<()> {
    let flags = reader.flags();
    for _ in 0..items(reader, flags.has(OTHER_STATUSES)) {
        settings.access.others.push(read_entry(reader)?);
    }
    for _ in 0..items(reader, flags.has(ZONES)) {
        settings.zones.push(read_zone(reader)?);
    }
    settings.fallback_plan_version = reader.text_if(flags.has(FALLBACK));
    for _ in 0..items(reader, flags.has(POSITIONS)) {
        let position = reader.count();
        settings.positions.push(reader.whole(position)?);
    }
    for _ in 0..items(reader, flags.has(ARCHIVED)) {
        let plan = (reader.size(), reader.instant());
        settings.archived.push(reader.whole(plan)?);
    }
    let others = &settings.access.others;
    others.is_sorted_by(|a, b| a < b).then_some(())
}

/// The number of items that follow, if there are any.
fn items(reader: &mut Reader<'_>, is_here: bool) -> usize {
    if is_here { reader.items() } else { 0 }
}

const ALWAYS: u64 = 0;
const UNTIL_END_DATE: u64 = 1;
const FOR_DAYS: u64 = 2;

fn write_entry(writer: &mut Writer, entry: &AccessEntry) {
    write_status(writer, entry.status, &entry.word);
    match entry.condition {
        AccessCondition::Always => writer.number(ALWAYS),
        AccessCondition::UntilEndDate => writer.number(UNTIL_END_DATE),
        AccessCondition::ForDays(days) => {
            writer.number(FOR_DAYS);
            writer.count(days);
        }
    }
}

#[cold]
#[inline(never)]
fn read_entry(reader: &mut Reader<'_>) -> Option<AccessEntry> {
    let (status, word) = read_status(reader)?;
    let condition = match reader.number() {
        ALWAYS => AccessCondition::Always,
        UNTIL_END_DATE => AccessCondition::UntilEndDate,
        FOR_DAYS => AccessCondition::ForDays(reader.count()),
        _ => return None,
    };
    reader.whole(AccessEntry { status, word: word.into(), condition })
}

fn write_zone(writer: &mut Writer, zone: &Zone) {
    writer.text(&zone.name);
    writer.size(zone.offsets.len());
    for (from, seconds) in &zone.offsets {
        writer.instant(*from);
        writer.signed((*seconds).into());
    }
}

/// Reads a zone. Its offsets are sorted, and each is less than a day.
#[cold]
#[inline(never)]
fn read_zone(reader: &mut Reader<'_>) -> Option<Zone> {
    let name = reader.text().into();
    let mut offsets: Vec<(Instant, i32)> = Vec::new();
    for _ in 0..reader.items() {
        let from = reader.instant();
        let seconds = i32::try_from(reader.signed()).ok().filter(|seconds| seconds.unsigned_abs() < 86_400)?;
        if !reader.is_ok() || offsets.last().is_some_and(|(before, _)| from <= *before) {
            return None;
        }
        offsets.push((from, seconds));
    }
    reader.whole(Zone { name, offsets })
}
