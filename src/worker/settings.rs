//! Replication settings: variables of the Worker, each with a default.

use crate::http;
use mayuse_core::Policy;
use mayuse_snapshot::{Policies, PublicKey, ReaderSettings, is_audience};
use worker::Env;

/// The name of the only Durable Object.
pub const CATALOG: &str = "catalog";

/// The replication settings of a deployment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The signing key in hexadecimal digits. Without it nothing is published.
    pub signing_key: Option<String>,
    /// The keys whose manifests are trusted.
    pub keys: Vec<PublicKey>,
    /// The policies that are published to readers.
    pub policies: Policies,
    /// The policies of this deployment's own isolates, whatever a manifest says.
    pub own: Policies,
    /// The name of this deployment in its manifests. Isolates reject other manifests.
    pub audience: String,
    /// The interval of the heartbeat, which proves that an unchanged snapshot is fresh.
    pub heartbeat_ms: i64,
    /// The time that unreferenced objects are kept.
    pub grace_ms: i64,
    /// The interval in which an isolate looks for a newer manifest.
    pub refresh_ms: i64,
    /// The maximum bytes of shards in an isolate.
    pub max_bytes: usize,
    /// The oldest version that an isolate accepts.
    pub min_version: u64,
}

/// The public signing secret of a local run. No deployment trusts it.
const LOCAL_KEY: &str = "6d6179757365206c6f63616c2072756e206d6179757365206c6f63616c207275";
const LOCAL_PUBLIC_KEY: &str = "f31c3c43989e068f86be2bdba834023e0c657fa3224386ea873215fa9d626a64";

/// The default of `max_bytes`, of the 128 MB of an isolate.
const MAX_BYTES: i64 = 48 * 1024 * 1024;

impl Settings {
    /// Reads the settings. An invalid one keeps its default and is reported in the second value.
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
        // The public half of an own signing key is derived when it is needed.
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
        // If the variable is not set, the manifest's policy applies.
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

    /// The settings of the isolate's reader.
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

/// The id of the Durable Object. It is unique to a deployment, so it is the default name of the
/// deployment.
fn catalog_id(env: &Env) -> Option<String> {
    let namespace = env.durable_object("CATALOG").ok()?;
    Some(namespace.id_from_name(CATALOG).ok()?.to_string())
}
