//! Reads CONFIG features and their values.

use crate::node::{Node, Object};
use crate::tree::Tree;
use mayuse_core::{Code, Config, ConfigType, ConfigValue, FeatureType, MAX_CONFIG_TEXT, WriteJson};

/// The largest depth of a JSON value.
const MAX_DEPTH: usize = 32;

/// The largest number of options of a SELECT: each is compared with each.
const MAX_OPTIONS: usize = 1_000;

pub(crate) fn feature_type(node: Node<'_>) -> Option<FeatureType> {
    let o = node.object()?;
    o.optional_id("metric_id");
    Some(match o.required_name("type", &["BOOLEAN", "METERED", "CONFIG"]) {
        Some("BOOLEAN") => FeatureType::Boolean,
        Some("METERED") => FeatureType::Metered,
        Some(_) => FeatureType::Config(value_type(o)?),
        None => FeatureType::Unknown,
    })
}

fn value_type(o: Object<'_>) -> Option<ConfigType> {
    Some(match o.required_name("value_type", &["NUMBER", "BOOLEAN", "TEXT", "SELECT", "MAP", "JSON"])? {
        "NUMBER" => ConfigType::Number,
        "BOOLEAN" => ConfigType::Boolean,
        "TEXT" => ConfigType::Text,
        "MAP" => ConfigType::Map,
        "JSON" => ConfigType::Json,
        _ => ConfigType::Select(o.required("options", options)?),
    })
}

/// The options of a SELECT, the weakest first.
fn options(node: Node<'_>) -> Option<Box<[Box<str>]>> {
    if !node.has_at_most(MAX_OPTIONS, " options") {
        return None;
    }
    let mut options: Vec<Box<str>> = Vec::new();
    node.items(|_, item| {
        let Some(text) = text(&item) else { return };
        if options.contains(&text) {
            return item.error(Code::Duplicate, "the option is listed twice");
        }
        options.push(text);
    });
    if options.is_empty() {
        node.error(Code::Invalid, "a SELECT has at least one option");
        return None;
    }
    Some(options.into())
}

/// Reads the rest of a CONFIG value.
pub(crate) fn config(value: Object<'_>, enabled: bool) -> Option<Config> {
    let found = value.required("value", |node| {
        let o = node.object()?;
        o.warn_of_others(&["kind", "value"], &["kind", "value"]);
        let kind = o.required_name("kind", &["NUMBER", "BOOLEAN", "TEXT", "JSON"])?;
        o.required("value", |node| {
            Some(match kind {
                "NUMBER" => ConfigValue::Number(node.amount_not_negative()?),
                "BOOLEAN" => ConfigValue::Boolean(node.bool()?),
                "JSON" => ConfigValue::Json(json(&node)?),
                _ => ConfigValue::Text(text(&node)?),
            })
        })
    });
    let per_seat = value.flag("per_seat").unwrap_or_default();
    let found = found?;
    if per_seat && !matches!(found, ConfigValue::Number(_)) {
        value.error(Code::Invalid, "`per_seat` is for numbers");
    }
    Some(Config { enabled, per_seat, value: found })
}

fn text(node: &Node<'_>) -> Option<Box<str>> {
    let text = node.text()?;
    if MAX_CONFIG_TEXT < text.len() {
        too_large(node);
        return None;
    }
    Some(text.into())
}

/// A value as JSON without white space between its parts.
fn json(node: &Node<'_>) -> Option<Box<str>> {
    let mut out = Vec::new();
    if !write(node.tree, MAX_DEPTH, &mut out) {
        node.error(Code::TooLarge, "expected at most 32 levels of arrays and objects");
        return None;
    }
    if MAX_CONFIG_TEXT < out.len() {
        too_large(node);
        return None;
    }
    String::from_utf8(out).ok().map(String::into_boxed_str)
}

fn too_large(node: &Node<'_>) {
    node.error(Code::TooLarge, "expected at most 16 KiB");
}

/// Writes a value. Returns false for a value that is too deep. `depth` is the number of levels that may follow.
fn write(tree: &Tree<'_>, depth: usize, out: &mut Vec<u8>) -> bool {
    match tree {
        Tree::Null => out.extend_from_slice(b"null"),
        Tree::Bool(value) => value.write_json(out),
        Tree::Number(digits) => out.extend_from_slice(digits.as_bytes()),
        Tree::Text(text) => text.write_json(out),
        Tree::List(items) => {
            let Some(depth) = depth.checked_sub(1) else { return false };
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n != 0 {
                    out.push(b',');
                }
                if !write(item, depth, out) {
                    return false;
                }
            }
            out.push(b']');
        }
        Tree::Object(fields) => {
            let Some(depth) = depth.checked_sub(1) else { return false };
            out.push(b'{');
            for (n, (name, field)) in fields.iter().enumerate() {
                if n != 0 {
                    out.push(b',');
                }
                name.write_json(out);
                out.push(b':');
                if !write(field, depth, out) {
                    return false;
                }
            }
            out.push(b'}');
        }
    }
    true
}
