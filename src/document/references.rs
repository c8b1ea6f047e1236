//! Resolves the references of rows, and reports broken references and type mismatches.

use crate::diagnostics::Diagnostics;
use crate::entities::{FeatureName, RawGrant};
use crate::values::RawValue;
use mayuse_core::{
    Code, Element, FeatureIdx, Grants, Place, Problem, Severity, SymbolTable, UncheckedGrant, UncheckedValue, joined,
    shown, sort_by,
};

/// The position of the feature that a row names.
fn feature(symbols: &SymbolTable, name: &FeatureName) -> Option<FeatureIdx> {
    match name {
        FeatureName::Id(id) => symbols.feature(id),
        FeatureName::Code(code) => symbols.feature_by_code(code),
    }
}

/// Resolves the pool of a value, which is named by id or code.
fn with_pool(symbols: &SymbolTable, value: &RawValue) -> Option<UncheckedValue<FeatureIdx>> {
    value.clone().with_pool(|pool| symbols.feature(&pool).or_else(|| symbols.feature_by_code(&pool)))
}

/// Resolves the time zones of a value. Returns the first that is not known; the value is then not known either.
fn find_zones<'r>(symbols: &SymbolTable, row: &'r RawGrant, value: &mut UncheckedValue<FeatureIdx>) -> Option<&'r str> {
    if row.zones.is_empty() {
        return None;
    }
    let mut unknown = None;
    let is_known = value.convert_zones(&mut |zone| {
        let name = zone.item(&row.zones)?;
        unknown = Some(name.as_str());
        symbols.zone(name)
    });
    if is_known {
        return None;
    }
    *value = UncheckedValue::Unknown;
    unknown
}

/// Counts rows, because whether a feature can be a pool depends on the rows of all owners. `owner` is the feature
/// whose default the rows are.
pub(crate) fn count_rows(symbols: &mut SymbolTable, rows: &[RawGrant], owner: Option<FeatureIdx>) {
    for row in rows {
        let at = owner.or_else(|| feature(symbols, row.feature.as_ref()?));
        if let (Some(at), Some(has_units)) = (at, row.value.has_units()) {
            symbols.count_row(at, has_units);
        }
    }
}

/// Resolves the rows of one owner without reports.
pub(crate) fn resolved<'r>(symbols: &SymbolTable, rows: &'r [RawGrant]) -> Grants<'r> {
    let resolve = |row: &'r RawGrant| {
        let (feature, mut value) = (feature(symbols, row.feature.as_ref()?)?, with_pool(symbols, &row.value)?);
        find_zones(symbols, row, &mut value);
        Some(unchecked(row, feature, value))
    };
    rows.iter().filter_map(resolve).collect()
}

fn unchecked(row: &RawGrant, feature: FeatureIdx, value: UncheckedValue<FeatureIdx>) -> UncheckedGrant<'_, FeatureIdx> {
    let RawGrant { id, created_at, starts_at, expires_at, .. } = row;
    UncheckedGrant { feature, id, created_at: *created_at, starts_at: *starts_at, expires_at: *expires_at, value }
}

/// A symbol table, and the diagnostics for the names that it does not resolve.
#[derive(Clone, Copy)]
pub(crate) struct Reporting<'n> {
    pub symbols: &'n SymbolTable,
    pub sink: &'n Diagnostics,
}

impl Reporting<'_> {
    /// Resolves the rows of the owner at this place, sorted by feature, and reports their problems.
    pub fn grants<'r>(&self, raw: &'r [RawGrant], owner: &Place) -> Grants<'r> {
        let place = |n: usize| owner.clone().field("entitlements").item(n);
        let mut grants: Vec<(usize, UncheckedGrant<'r, FeatureIdx>)> = Vec::with_capacity(raw.len());
        for row in raw {
            grants.extend(self.grant(row, &place(row.n), None).map(|grant| (row.n, grant)));
        }
        sort_by(&mut grants, |a, b| (a.1.feature, a.1.starts_at).cmp(&(b.1.feature, b.1.starts_at)));
        for pair in grants.windows(2) {
            if let [(first, a), (n, b)] = pair
                && a.feature == b.feature
                && b.overlaps(a)
            {
                let mut first = place(*first);
                if let Element::Line(_) = first.element {
                    // The place of the problem names the line already.
                    first.element = Element::Whole;
                }
                let message = joined(&[&first.text(), " is already on the same feature"]);
                self.sink.error(Code::Duplicate, place(*n), message);
            }
        }
        grants.into_iter().map(|(_, grant)| grant).collect()
    }

    /// Reports the problems of the rows of a customer or subscription, most of which have no rows.
    pub fn check(&self, rows: &[RawGrant], owner: Element) {
        if !rows.is_empty() {
            self.grants(rows, &owner.into());
        }
    }

    /// Resolves a row and reports its problems. `owner` is the id of the feature whose default the row is.
    pub fn grant<'r>(
        &self,
        raw: &'r RawGrant,
        place: &Place,
        owner: Option<&str>,
    ) -> Option<UncheckedGrant<'r, FeatureIdx>> {
        let owner = owner.and_then(|id| self.symbols.feature(id));
        let at = match &raw.feature {
            None => owner?,
            Some(name) => match feature(self.symbols, name) {
                Some(at) => at,
                None => {
                    let (field, text) = match name {
                        FeatureName::Id(id) => ("feature_id", id),
                        FeatureName::Code(code) => ("feature", code),
                    };
                    self.broken(place.clone().field(field), "feature", text);
                    return None;
                }
            },
        };
        if owner.is_some_and(|owner| owner != at) {
            let message = "the default of a feature is on that feature itself";
            self.sink.error(Code::Invalid, place.clone(), message);
        }
        let value = with_pool(self.symbols, &raw.value);
        if let (None, RawValue::Credits { pool, .. }) = (&value, &raw.value) {
            self.broken(place.clone().field("value.pool_feature_id"), "feature", pool);
        }
        let mut value = value?;
        let skip = |code, message| {
            let place = place.clone().field("value");
            self.sink.push(Problem { code, severity: Severity::Skipped, place, message });
        };
        if let Some(zone) = find_zones(self.symbols, raw, &mut value) {
            skip(Code::UnknownValue, joined(&["there is no time zone `", &shown(zone, 128), "`"]));
        } else if let Err(mismatch) = self.symbols.check(value.clone(), at)
            && !self.symbols.is_of_unknown_type(&value, at)
        {
            skip(Code::TypeMismatch, mismatch.0.to_owned());
        }
        Some(unchecked(raw, at, value))
    }

    /// Reports a broken reference.
    pub fn broken(&self, place: Place, what: &str, id: &str) {
        // An empty name is already reported as missing.
        if !id.is_empty() {
            let shown = shown(id, 128);
            let where_else = if what == "plan version" {
                "; versions stand in the `versions` of a plan, each with its `id`, or are the `version_id` of a plan without"
            } else {
                ""
            };
            self.sink.error(
                Code::BrokenReference,
                place,
                joined(&["there is no ", what, " `", &shown, "`", where_else]),
            );
        }
    }
}
