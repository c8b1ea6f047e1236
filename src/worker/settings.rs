//! What an operator may set of replication: variables of the Worker, each with a default.

use crate::http;
use mayuse_core::Policy;
use mayuse_snapshot::{Policies, PublicKey, ReaderSettings, is_audience};
use worker::Env;

/// The object's name: there is one catalog.
pub const CATALOG: &str = "catalog";

/// The settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Hexadecimal digits of the key that signs; where there is none, nothing is published.
    pub signing_key: Option<String>,
    /// The keys whose manifests are believed.
    pub keys: Vec<PublicKey>,
    /// What readers do where they cannot say.
    pub policies: Policies,
    /// What isolates of this deployment allow, whatever a manifest says.
    pub own: Policies,
    /// What this deployment is called in its manifests; isolates take no others.
    pub audience: String,
    /// How often a manifest is published although nothing changed, so that it is known to be fresh.
    pub heartbeat_ms: i64,
    /// For how long objects stay that no manifest names any more.
    pub grace_ms: i64,
    /// How often an isolate looks for another manifest.
    pub refresh_ms: i64,
    /// How many bytes of shards an isolate holds.
    pub max_bytes: usize,
    /// The oldest version an isolate takes.
    pub min_version: u64,
}

/// What signs in the local run, which anybody may know. Nothing deployed believes it.
const LOCAL_KEY: &str = "6d6179757365206c6f63616c2072756e206d6179757365206c6f63616c207275";
const LOCAL_PUBLIC_KEY: &str = "f31c3c43989e068f86be2bdba834023e0c657fa3224386ea873215fa9d626a64";

/// Of the 128 MB an isolate has.
const MAX_BYTES: i64 = 48 * 1024 * 1024;

impl Settings {
    /// Reads them. One that cannot be read is said, and its default stands.
    pub fn read(env: &Env) -> (Settings, Vec<String>) {
        let mut problems = Vec::new();
        let text = |name: &str| env.var(name).ok().map(|value| value.to_string()).filter(|text| !text.is_empty());
        let mut number = |name: &str| {
            let text = text(name)?;
            let read = text.parse::<i64>().ok().filter(|n| 0 <= *n && *n < 1 << 40);
            if read.is_none() {
                problems.push(format!("{name} is a whole number, and not `{text}`"));
            }
            read
        };
        let ms = |seconds: i64| seconds.saturating_mul(1_000);
        let limit = |seconds: Option<i64>| seconds.and_then(|n| u64::try_from(ms(n)).ok()).filter(|ms| *ms != 0);
        let heartbeat_s = number("HEARTBEAT_S").filter(|n| *n != 0).unwrap_or(60);
        let stale_after_s = number("STALE_AFTER_S").or(Some(heartbeat_s.saturating_mul(3)));
        let max_age_s = number("MAX_AGE_S");
        let grace_s = number("SNAPSHOT_GRACE_S").unwrap_or(24 * 60 * 60);
        let refresh_ms = number("REFRESH_MS").unwrap_or(5_000);
        let max_bytes = number("REPLICA_BYTES").unwrap_or(MAX_BYTES);
        let min_version = number("MIN_VERSION").unwrap_or_default();
        let policy = text("ON_INDETERMINATE");
        let on_indeterminate = match policy.as_deref() {
            None | Some("DENY") => Policy::Deny,
            Some("ALLOW") => Policy::Allow,
            Some(other) => {
                problems.push(format!("ON_INDETERMINATE is ALLOW or DENY, and not `{other}`"));
                Policy::Deny
            }
        };
        let signing_key = text("SNAPSHOT_SIGNING_KEY");
        // A key that signs of its own is believed: its other half is found where it is needed.
        let is_local = signing_key.is_none() && env.var("LOCAL_RUN").is_ok();
        let signing_key = signing_key.or_else(|| is_local.then(|| LOCAL_KEY.to_owned()));
        let keys = text("SNAPSHOT_KEYS").or_else(|| is_local.then(|| LOCAL_PUBLIC_KEY.to_owned()));
        let keys = keys.map(|list| PublicKey::parse_list(&list));
        let keys = keys.transpose().unwrap_or_else(|error| {
            problems.push(format!("SNAPSHOT_KEYS: {error}"));
            None
        });
        let audience = text("SNAPSHOT_AUDIENCE").filter(|audience| {
            let is_one = is_audience(audience);
            if !is_one {
                problems.push(format!("SNAPSHOT_AUDIENCE is up to 128 visible characters, and not `{audience}`"));
            }
            is_one
        });
        let policies =
            Policies { on_indeterminate, stale_after_ms: limit(stale_after_s), max_age_ms: limit(max_age_s) };
        // Where the variable says nothing, manifests say what to do.
        let own = if policy.is_some() { on_indeterminate } else { Policy::Allow };
        let settings = Settings {
            signing_key,
            keys: keys.unwrap_or_default(),
            policies,
            own: Policies { on_indeterminate: own, ..policies },
            audience: audience.or_else(|| catalog_id(env)).unwrap_or_default(),
            heartbeat_ms: ms(heartbeat_s),
            grace_ms: ms(grace_s),
            refresh_ms,
            max_bytes: usize::try_from(max_bytes).unwrap_or_default(),
            min_version: u64::try_from(min_version).unwrap_or_default(),
        };
        (settings, problems)
    }

    /// Those of the reader of an isolate.
    pub fn reader(&self) -> ReaderSettings {
        let seed = http::seed().unwrap_or_default();
        ReaderSettings {
            keys: self.keys.clone(),
            audience: Some(self.audience.clone()),
            min_version: self.min_version,
            own: self.own,
            on_indeterminate: self.policies.on_indeterminate,
            max_bytes: self.max_bytes,
            refresh_ms: self.refresh_ms,
            heartbeat_ms: self.heartbeat_ms,
            chance: seed.first().copied().unwrap_or_default().into(),
        }
    }
}

/// The id of the Catalog object, which no other deployment has: what this one is called where nothing
/// else is said.
fn catalog_id(env: &Env) -> Option<String> {
    let namespace = env.durable_object("CATALOG").ok()?;
    Some(namespace.id_from_name(CATALOG).ok()?.to_string())
}
