//! The catalog document: one JSON object that holds everything, and how it becomes a [`Catalog`].
//!
//! Reading goes in two steps. Elements are read one at a time while the document streams past, so
//! that only the typed form of it is ever held whole. Then names are resolved. Both steps report
//! every problem they find, with its path.

use crate::customers::{check_people, pile_up};
use crate::definitions::{RawDefinitions, report_twice, sort_by_id};
use crate::diagnostics::Diagnostics;
use crate::entities::{self, RawAddOn, RawCustomer, RawFeature, RawPlan, RawSubscription};
use crate::references::{Reporting, count_rows};
use crate::tree::{Node, Path, Tree};
use crate::values;
use mayuse_core::{
    BlockBuilder, Catalog, Code, CustomerBlock, Definitions, Element, FullCatalog, GrantUsage, Ladder, Packed, Problem,
    Problems, SortedRecords, StatusSet, SymbolTable, key_hash,
};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A catalog document as it was read, its names not yet resolved.
///
/// # Example: from JSON to a catalog
///
/// ```
/// use mayuse_document::Document;
/// let json = r#"{"format": 1, "features": [
///   {"id": "feat_sso", "code": "sso", "name": "SSO", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"}
/// ]}"#;
/// let document: Document = serde_json::from_str(json).unwrap();
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
/// let document: Document = serde_json::from_str(json).unwrap();
/// let problems = document.compile().unwrap_err();
/// let places: Vec<String> = problems.list.iter().map(|p| p.place.to_string()).collect();
/// assert_eq!(places, ["features[0].code", "features[0].status"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Document {
    ladder: Option<Ladder>,
    access: Option<StatusSet>,
    features: Vec<RawFeature>,
    plans: Vec<RawPlan>,
    add_ons: Vec<RawAddOn>,
    customers: Vec<RawCustomer>,
    subscriptions: Vec<RawSubscription>,
    is_part: bool,
    seen: GrantUsage,
    sink: Diagnostics,
}

impl Document {
    /// Resolves all names. Gives the catalog with its customers, and what is wrong with it in ways that do
    /// not keep it from being used: rows that are skipped and rows that grant nothing.
    ///
    /// # Errors
    /// All the problems of the document, if any of them keeps it from being used.
    pub fn compile(self) -> Result<(FullCatalog, Problems), Problems> {
        let sorted = self.sorted();
        let (_, catalog) = sorted.link();
        let SortedDocument { customers, subscriptions, sink, .. } = sorted;
        let problems = sink.into_usable()?;
        // Laid out by all of the keys, so that nobody who can choose a few knows which will collide.
        let seed = customers.iter().fold(0, |seed, customer| key_hash(seed, &customer.id));
        let mut pile = BlockBuilder::new(&catalog, seed);
        pile_up(&mut pile, &customers, &subscriptions);
        let (block, _) = pile.sorted()?.block(0, 0);
        let customers = CustomerBlock::open(block, &catalog)
            .map_err(|error| Problem::error(Code::Invalid, String::new(), error.to_string()))?;
        Ok((FullCatalog { catalog, customers }, problems))
    }

    /// Packs everything but the customers: gives the catalog object, the catalog it opens to, and
    /// what is wrong in ways that do not keep it from being used.
    ///
    /// # Errors
    /// All the problems of the document, if any of them keeps it from being used.
    ///
    /// # Example: a catalog object opens to the same catalog
    ///
    /// ```
    /// use mayuse_core::Catalog;
    /// use mayuse_document::Document;
    /// let json = include_str!("../../demo/catalog.json");
    /// let document: Document = serde_json::from_str(json).unwrap();
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

    /// Packs all of it: gives the catalog object, the customers in order, and what is wrong in ways that
    /// do not keep it from being used. `seed` is that of [`BlockBuilder::new`].
    ///
    /// # Errors
    /// All the problems of the document, if any of them keeps it from being used.
    pub fn pack(self, seed: u64) -> Result<(Packed, SortedRecords, Problems), Problems> {
        let sorted = self.sorted();
        let (definitions, catalog) = sorted.link();
        let object = definitions.pack();
        let SortedDocument { customers, subscriptions, sink, .. } = sorted;
        let problems = sink.into_usable()?;
        let mut pile = BlockBuilder::new(&catalog, seed);
        pile_up(&mut pile, &customers, &subscriptions);
        Ok((object, pile.sorted()?, problems))
    }

    /// Sorts everything, and reports what is there twice.
    fn sorted(self) -> SortedDocument {
        let Document { ladder, access, features, plans, add_ons, mut customers, mut subscriptions, .. } = self;
        let Document { is_part, seen, sink, .. } = self;
        let ladder = ladder.unwrap_or_else(Ladder::standard);
        let access = access.unwrap_or_else(StatusSet::granting);
        let mut definitions = RawDefinitions { ladder, access, features, plans, add_ons };
        definitions.sort(&sink);
        sort_by_id(&mut customers, |c| (&c.id, c.at), &sink);
        sort_by_id(&mut subscriptions, |s| (&s.id, s.at), &sink);
        let aliases = customers.iter().filter_map(|c| Some((c.alias.as_deref()?, c.at)));
        report_twice("alias", aliases, &sink);
        SortedDocument { definitions, customers, subscriptions, is_part, seen, sink }
    }

    /// Adds one element to a list: `features`, `customers` and so on, where it is item `n`.
    ///
    /// # Example: a document put together from parts
    ///
    /// ```
    /// use mayuse_document::{Document, Tree};
    /// let mut document = Document::default();
    /// let customer: Tree = serde_json::from_str(r#"{"id": "cus_1", "alias": "a b"}"#).unwrap();
    /// document.add("customers", 7, &customer);
    /// let problems = document.compile().unwrap_err();
    /// assert_eq!(problems.list[0].place.to_string(), "customers[7].alias");
    /// ```
    pub fn add(&mut self, list: &'static str, n: usize, element: &Tree) {
        self.add_at(list, Element::Listed(list, n), element);
    }

    /// Says that this is a part of a catalog: what only the whole of it can show is not looked for.
    /// That is whether a pool has units, which may hang on customers who are not in the part.
    pub fn mark_as_part(&mut self) {
        self.is_part = true;
    }

    /// Adds the rows of customers who are not in this document: whether a pool has units depends on all rows.
    pub fn with_external_grants(&mut self, seen: GrantUsage) {
        self.seen = seen;
    }

    /// Sets a field that is not a list: `ladder` or `access_statuses`.
    pub fn set(&mut self, field: &str, value: &Tree) {
        self.take_scalar(field, value);
    }

    /// Takes one field that is not a list.
    fn take_scalar(&mut self, name: &str, tree: &Tree) {
        let node = Node { tree, path: &Path::Field(&Path::Root, name), sink: &self.sink };
        match name {
            "format" => match node.integer() {
                Some(1) | None => {}
                Some(other) => node.error(Code::UnknownValue, format!("expected format 1, found {other}")),
            },
            "ladder" if *tree != Tree::Null => self.ladder = values::ladder(node),
            "access_statuses" if *tree != Tree::Null => self.access = Some(values::access_statuses(node)),
            _ => {}
        }
    }

    /// Adds one element to a list, which stands somewhere else.
    pub fn add_at(&mut self, list: &str, at: Element, tree: &Tree) {
        let node = Node { tree, path: &Path::Element(at), sink: &self.sink };
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
const SCALARS: [&str; 3] = ["format", "ladder", "access_statuses"];

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a catalog document, which is a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Document, A::Error> {
        let mut document = Document::default();
        let mut seen: Vec<&str> = Vec::new();
        while let Some(name) = access.next_key::<String>()? {
            let known = LISTS.iter().chain(&SCALARS).find(|known| **known == name);
            if let Some(known) = known {
                if seen.contains(known) {
                    document.sink.error(Code::Duplicate, name.clone(), "the field is written twice");
                }
                seen.push(known);
            }
            match known {
                Some(list) if LISTS.contains(list) => {
                    access.next_value_seed(Elements { document: &mut document, list })?;
                }
                Some(scalar) => {
                    let tree: Tree = access.next_value()?;
                    document.take_scalar(scalar, &tree);
                }
                None => {
                    access.next_value::<IgnoredAny>()?;
                }
            }
        }
        if !seen.contains(&"format") {
            let message = "a required field is missing: a catalog document says \"format\": 1";
            document.sink.error(Code::Missing, "format", message);
        }
        Ok(document)
    }
}

/// A document in order.
struct SortedDocument {
    definitions: RawDefinitions,
    customers: Vec<RawCustomer>,
    subscriptions: Vec<RawSubscription>,
    is_part: bool,
    seen: GrantUsage,
    sink: Diagnostics,
}

impl SortedDocument {
    /// Resolves all names, and reports what does not hold together.
    fn link(&self) -> (Definitions<'_>, Catalog) {
        let SortedDocument { customers, subscriptions, sink, .. } = self;
        let mut definitions = self.definitions.declared();
        let mut symbols = SymbolTable::new(&definitions);
        self.definitions.count_rows(&mut symbols);
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
        check_people(&catalog, customers, subscriptions, Some(customers), sink);
        (definitions, catalog)
    }
}

/// Feeds the elements of a list into the document, one at a time.
struct Elements<'d> {
    document: &'d mut Document,
    list: &'static str,
}

impl Elements<'_> {
    fn wrong_type(self) {
        self.document.sink.error(Code::WrongType, self.list.to_owned(), "expected an array");
    }
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let mut n = 0_usize;
        while let Some(tree) = access.next_element::<Tree>()? {
            self.document.add(self.list, n, &tree);
            n = n.saturating_add(1);
        }
        Ok(())
    }

    /// `null` is the same as absent.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.wrong_type();
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.wrong_type();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.wrong_type();
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.wrong_type();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.wrong_type();
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.wrong_type();
        Ok(())
    }
}
