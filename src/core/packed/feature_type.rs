//! Packed types of features, besides BOOLEAN and METERED, which a flag of the feature says.

use super::wire::Reader;
use super::writer::Writer;
use crate::value::{ConfigType, FeatureType};

const UNKNOWN: u64 = 0;
const NUMBER: u64 = 1;
const BOOLEAN: u64 = 2;
const TEXT: u64 = 3;
const SELECT: u64 = 4;
const MAP: u64 = 5;
const JSON: u64 = 6;

/// Whether the flag METERED says the type.
pub(super) fn is_plain(feature_type: &FeatureType) -> bool {
    matches!(feature_type, FeatureType::Boolean | FeatureType::Metered)
}

#[cold]
pub(super) fn write_type(writer: &mut Writer, feature_type: &FeatureType) {
    writer.number(match feature_type {
        FeatureType::Boolean | FeatureType::Metered | FeatureType::Unknown => UNKNOWN,
        FeatureType::Config(ConfigType::Number) => NUMBER,
        FeatureType::Config(ConfigType::Boolean) => BOOLEAN,
        FeatureType::Config(ConfigType::Text) => TEXT,
        FeatureType::Config(ConfigType::Select(_)) => SELECT,
        FeatureType::Config(ConfigType::Map) => MAP,
        FeatureType::Config(ConfigType::Json) => JSON,
    });
    if let FeatureType::Config(ConfigType::Select(options)) = feature_type {
        writer.size(options.len());
        options.iter().for_each(|option| writer.text(option));
    }
}

#[cold]
#[inline(never)]
pub(super) fn read_type(reader: &mut Reader<'_>) -> Option<FeatureType> {
    Some(FeatureType::Config(match reader.number() {
        UNKNOWN => return Some(FeatureType::Unknown),
        NUMBER => ConfigType::Number,
        BOOLEAN => ConfigType::Boolean,
        TEXT => ConfigType::Text,
        SELECT => {
            let mut options: Vec<Box<str>> = Vec::new();
            for _ in 0..reader.items() {
                let option = reader.text();
                options.push(reader.whole(option)?.into());
            }
            ConfigType::Select(options.into())
        }
        MAP => ConfigType::Map,
        JSON => ConfigType::Json,
        _ => return None,
    }))
}
