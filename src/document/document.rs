//! The catalog document: one JSON object with the whole catalog, and how it is compiled to a [`Catalog`].
//!
//! Reading has two steps. First, elements are read one at a time while the document streams past, so that only their
//! typed form is held in memory. Then names are resolved. Both steps report every problem with its place. Section 1
//! of docs/semantics.md lists the fields.

use crate::customers::{add_checked, check_customers};
use crate::definitions::{RawDefinitions, report_twice, sort_by_id};
use crate::diagnostics::Diagnostics;
use crate::entities::{self, RawAddOn, RawCustomer, RawFeature, RawGrant, RawPlan, RawSubscription};
use crate::node::{Node, Object};
use crate::reader::{Reader, SyntaxError};
use crate::references::{Reporting, count_rows};
use crate::tree::{Path, Tree};
use crate::values;
use crate::zones::ZoneSource;
use mayuse_core::{
    Access, BlockBuilder, Catalog, Code, CustomerBlock, Definitions, Element, FullCatalog, GrantUsage, Ladder, Packed,
    Problem, Problems, SortedRecords, SymbolTable, WriteJson, Zone, joined, key_hash, sort_by,
};

/// A catalog document that is read, with names that are not resolved yet.
///
/// # Example: from JSON to a catalog
///
/// ```
/// use mayuse_document::Document;
/// let json = r#"{"format": 1, "features": [
///   {"id": "feat_sso", "code": "sso", "name": "SSO", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"}
/// ]}"#;
/// let document = Document::parse(json).unwrap();
/// let (full, warnings) = document.compile().unwrap();
/// assert_eq!(full.catalog.feature_codes().collect::<Vec<_>>(), ["sso"]);
/// assert!(warnings.list.is_empty());
/// ```
///
/// # Example: every problem, with its path
///
/// ```
/// # use mayuse_document::Document;
/// let json = r#"{"format": 1, "features": [
///   {"id": "feat_sso", "code": "S S O", "feature_type": {"type": "BOOLEAN"}, "status": "MAYBE"}
/// ]}"#;
/// let document = Document::parse(json).unwrap();
/// let problems = document.compile().unwrap_err();
/// let places: Vec<String> = problems.list.iter().map(|p| p.place.to_string()).collect();
/// assert_eq!(places, ["features[0].code", "features[0].status"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Document {
    ladder: Option<Ladder>,
    access: Option<Access>,
    fallback_plan_version: Option<String>,
    features: Vec<RawFeature>,
    plans: Vec<RawPlan>,
    add_ons: Vec<RawAddOn>,
    customers: Vec<RawCustomer>,
    subscriptions: Vec<RawSubscription>,
    is_part: bool,
    seen: GrantUsage,
    zones: Option<ZoneSource>,
    sink: Diagnostics,
}

impl Document {
    /// Reads a catalog document. A problem of its content is reported when it is compiled.
    ///
    /// # Errors
    /// The text is not JSON, or no object.
    pub fn parse(json: &str) -> Result<Document, SyntaxError> {
        Document::read(Reader::of_text(json))
    }

    /// As [`Document::parse`], of bytes that should be UTF-8.
    ///
    /// # Errors
    /// Those of [`Document::parse`].
    pub fn parse_bytes(json: &[u8]) -> Result<Document, SyntaxError> {
        Document::read(Reader::of_bytes(json))
    }

    fn read(reader: Reader<'_>) -> Result<Document, SyntaxError> {
        let mut document = Document::default();
        reader.all(|reader| {
            if reader.peek() != b'{' {
                // Whether it is JSON is reported first.
                reader.pass_over()?;
                return Err("expected a catalog document, which is a JSON object");
            }
            let mut seen = 0;
            reader.each(&mut |reader, name| {
                match document.field(&name, &mut seen) {
                    Some((list, true)) if reader.peek() == b'[' => {
                        let mut n = 0_usize;
                        return reader.each(&mut |reader, _| {
                            document.add(list, n, &reader.value()?);
                            n = n.saturating_add(1);
                            Ok(())
                        });
                    }
                    // `null` is the same as absent.
                    Some((list, true)) if reader.peek() != b'n' => document.not_a_list(list),
                    Some((scalar, false)) => {
                        document.set(scalar, &reader.value()?);
                        return Ok(());
                    }
                    _ => {}
                }
                reader.pass_over()
            })?;
            document.end(seen);
            Ok(())
        })?;
        Ok(document)
    }

    /// The field of this name, and whether it is a list. `seen` has a bit for each known field that was read.
    pub(crate) fn field(&self, name: &str, seen: &mut u32) -> Option<(&'static str, bool)> {
        let known = LISTS.iter().chain(&SCALARS);
        let (n, known) = known.enumerate().find(|(_, known)| **known == name)?;
        if *seen >> n & 1 != 0 {
            self.sink.error(Code::Duplicate, name, "the field is written twice");
        }
        *seen |= 1 << n;
        Some((known, n < LISTS.len()))
    }

    /// Reports what is missing after the last field.
    pub(crate) fn end(&self, seen: u32) {
        if seen >> LISTS.len() & 1 == 0 {
            let message = "a required field is missing: a catalog document says \"format\": 1";
            self.sink.error(Code::Missing, "format", message);
        }
    }

    pub(crate) fn not_a_list(&self, list: &'static str) {
        self.sink.error(Code::WrongType, list, "expected an array");
    }

    /// Resolves all names. Returns the catalog with its customers, and the problems that leave it usable: skipped rows
    /// and warnings.
    ///
    /// # Errors
    /// All problems of the document, if one of them is an error.
    pub fn compile(self) -> Result<(FullCatalog, Problems), Problems> {
        let sorted = self.sorted();
        let (_, catalog) = sorted.link();
        let SortedDocument { customers, subscriptions, sink, .. } = sorted;
        let problems = sink.into_usable()?;
        // The seed is derived from all ids, so that a person who chooses a few of them cannot make them collide.
        let seed = customers.iter().fold(0, |seed, customer| key_hash(seed, &customer.id));
        let mut builder = BlockBuilder::new(&catalog, seed);
        add_checked(&mut builder, &customers, &subscriptions);
        let (block, _) = builder.sorted_as_checked().block(0, 0);
        let customers = CustomerBlock::open(block, &catalog)
            .map_err(|_| Problem::error(Code::Invalid, String::new(), "the customers cannot be packed"))?;
        Ok((FullCatalog { catalog, customers }, problems))
    }

    /// Packs the definitions. Returns the catalog object, the catalog that it opens to, and the problems that leave the
    /// document usable.
    ///
    /// # Errors
    /// All problems of the document, if one of them is an error.
    ///
    /// # Example: a catalog object opens to the same catalog
    ///
    /// ```
    /// use mayuse_core::Catalog;
    /// use mayuse_document::Document;
    /// let json = include_str!("../../demo/catalog.json");
    /// let document = Document::parse(json).unwrap();
    /// let (object, catalog, _) = document.pack_definitions().unwrap();
    /// let opened = Catalog::open(&object).unwrap();
    /// assert!(opened.feature_codes().eq(catalog.feature_codes()));
    /// ```
    pub fn pack_definitions(self) -> Result<(Packed, Catalog, Problems), Problems> {
        let sorted = self.sorted();
        let (definitions, catalog) = sorted.link();
        let object = definitions.pack();
        Ok((object, catalog, sorted.sink.into_usable()?))
    }

    /// Packs the whole document. Returns the catalog object, the customers as sorted records, and the problems that
    /// leave the document usable. `seed` goes to [`BlockBuilder::new`].
    ///
    /// # Errors
    /// All problems of the document, if one of them is an error.
    pub fn pack(self, seed: u64) -> Result<(Packed, SortedRecords, Problems), Problems> {
        let sorted = self.sorted();
        let (definitions, catalog) = sorted.link();
        let object = definitions.pack();
        let SortedDocument { customers, subscriptions, sink, .. } = sorted;
        let problems = sink.into_usable()?;
        let mut builder = BlockBuilder::new(&catalog, seed);
        add_checked(&mut builder, &customers, &subscriptions);
        Ok((object, builder.sorted()?, problems))
    }

    /// Sorts all lists, and reports duplicate ids, codes and aliases.
    fn sorted(self) -> SortedDocument {
        let Document { ladder, access, features, plans, add_ons, mut customers, mut subscriptions, .. } = self;
        let Document { is_part, seen, zones, sink, fallback_plan_version, .. } = self;
        let ladder = ladder.unwrap_or_else(Ladder::standard);
        let access = access.unwrap_or_else(Access::granting);
        let mut definitions = RawDefinitions { ladder, access, fallback_plan_version, features, plans, add_ons };
        definitions.sort(&sink);
        sort_by_id(&mut customers, |c| (&c.id, c.at), &sink);
        sort_by_id(&mut subscriptions, |s| (&s.id, s.at), &sink);
        let aliases = customers.iter().filter_map(|c| Some((c.alias.as_deref()?, c.at)));
        report_twice("alias", &aliases.collect::<Vec<_>>(), &sink);
        SortedDocument { definitions, customers, subscriptions, is_part, seen, zones, sink }
    }

    /// Adds an element to a list, such as `features` or `customers`. Problems name it as item `n`, from 0.
    ///
    /// # Example: a document put together from parts
    ///
    /// ```
    /// use mayuse_document::{Document, Tree};
    /// let mut document = Document::default();
    /// let customer = Tree::parse(r#"{"id": "cus_1", "alias": "a b"}"#).unwrap();
    /// document.add("customers", 7, &customer);
    /// let problems = document.compile().unwrap_err();
    /// assert_eq!(problems.list[0].place.to_string(), "customers[7].alias");
    /// ```
    pub fn add(&mut self, list: &'static str, n: usize, element: &Tree<'_>) {
        self.add_at(list, Element::Listed(list, n), element);
    }

    /// Marks the document as a part of a catalog. Whether a pool has units is then not checked, because that depends on
    /// the rows of customers who are not in the part.
    pub fn mark_as_part(&mut self) {
        self.is_part = true;
    }

    /// Says where time zones are found by name. Without a source, no time zone is known.
    pub fn with_zones(&mut self, source: ZoneSource) {
        self.zones = Some(source);
    }

    /// Adds the rows of customers who are not in the document: whether a pool has units depends on all rows, and a
    /// catalog has the time zones of all rows.
    pub fn with_external_grants(&mut self, seen: GrantUsage) {
        self.seen = seen;
    }

    /// Sets `format` or one of the [`SETTINGS`].
    pub fn set(&mut self, name: &str, tree: &Tree<'_>) {
        let node = Node { tree, path: Path::Field(&Path::Root, name), sink: &self.sink };
        match name {
            "format" => match node.integer() {
                Some(1) | None => {}
                Some(other) => node.error(Code::UnknownValue, joined(&["expected format 1, found ", &other.to_json()])),
            },
            "ladder" if *tree != Tree::Null => self.ladder = values::ladder(node),
            "access_statuses" if *tree != Tree::Null => self.access = Some(values::access_statuses(node)),
            "fallback_plan_version_id" if *tree != Tree::Null => {
                self.fallback_plan_version = node.id().map(str::to_owned);
            }
            _ => {}
        }
    }

    /// Adds an element to a list. Problems name it as `at`.
    pub fn add_at(&mut self, list: &str, at: Element, tree: &Tree<'_>) {
        let node = Node { tree, path: Path::Element(at), sink: &self.sink };
        // What is stored already may have any value there.
        if let (Tree::Object(fields), false) = (tree, self.is_part) {
            Object { fields, path: node.path, sink: node.sink }.instant("source_updated_at");
        }
        match list {
            "features" => self.features.extend(entities::feature(node, at)),
            "plans" => self.plans.extend(entities::plan(node, at)),
            "add_ons" => self.add_ons.extend(entities::add_on(node, at)),
            "customers" => self.customers.extend(entities::customer(node, at)),
            "subscriptions" => self.subscriptions.extend(entities::subscription(node, at)),
            _ => entities::named_thing(node),
        }
    }
}

const LISTS: [&str; 8] =
    ["products", "prices", "metrics", "features", "plans", "add_ons", "customers", "subscriptions"];
const SCALARS: [&str; 4] = ["format", "ladder", "access_statuses", "fallback_plan_version_id"];

/// The fields of a document that are settings of the catalog: neither its format nor its lists.
pub const SETTINGS: [&str; 3] = ["ladder", "access_statuses", "fallback_plan_version_id"];

/// A document whose lists are sorted by id.
struct SortedDocument {
    definitions: RawDefinitions,
    customers: Vec<RawCustomer>,
    subscriptions: Vec<RawSubscription>,
    is_part: bool,
    seen: GrantUsage,
    zones: Option<ZoneSource>,
    sink: Diagnostics,
}

impl SortedDocument {
    /// The time zones that rows name, sorted by name. Those that are not known are left out.
    fn named_zones<'s>(&'s self) -> Vec<Zone> {
        let Some(source) = self.zones else { return Vec::new() };
        let mut names: Vec<&str> = Vec::new();
        let mut add =
            |rows: &'s [RawGrant]| rows.iter().for_each(|row| row.zones.iter().for_each(|zone| names.push(zone)));
        self.definitions.each_rows(&mut |rows, _| add(rows));
        self.customers.iter().for_each(|customer| add(&customer.grants));
        self.subscriptions.iter().for_each(|subscription| add(&subscription.grants));
        self.seen.zones.iter().for_each(|zone| names.push(zone));
        sort_by(&mut names, Ord::cmp);
        let (mut zones, mut last) = (Vec::new(), "");
        for name in names {
            if name != last {
                zones.extend(source(name).map(|offsets| Zone { name: name.into(), offsets }));
            }
            last = name;
        }
        zones
    }

    /// Resolves all names, and reports broken references and type mismatches.
    fn link(&self) -> (Definitions<'_>, Catalog) {
        let SortedDocument { customers, subscriptions, sink, .. } = self;
        let mut definitions = self.definitions.declared(self.named_zones());
        let mut symbols = SymbolTable::new(&definitions);
        self.definitions.each_rows(&mut |rows, owner| count_rows(&mut symbols, rows, owner));
        if !self.is_part {
            customers.iter().for_each(|customer| count_rows(&mut symbols, &customer.grants, None));
            subscriptions.iter().for_each(|subscription| count_rows(&mut symbols, &subscription.grants, None));
            for (id, has_units) in &self.seen.rows {
                symbols.feature(id).into_iter().for_each(|feature| symbols.count_row(feature, *has_units));
            }
            symbols.finish_pool_check();
        }
        self.definitions.fill(&mut definitions, Reporting { symbols: &symbols, sink });
        let catalog = Catalog::new(&definitions, symbols);
        check_customers(&catalog, customers, subscriptions, Some(customers), sink);
        (definitions, catalog)
    }
}
