//! Snapshots over HTTP: serves external readers, and accepts snapshots that are built elsewhere.

use crate::crypto;
use crate::http::{self, Answer, Room, VERSION};
use crate::isolate;
use crate::js;
use crate::kv::{self, Kv};
use crate::settings::CATALOG;
use crate::settings::Settings;
use crate::sql::Sql;
use mayuse_core::{Instant, Packed};
use mayuse_dialects::{ApiError, ApiResponse, Dialect, ErrorKind, Found, Handler, Store, from_slice, object};
use mayuse_snapshot::{Fetched, Hash, NotTaken, ObjectError, Unverified};
use serde_json::Value;
use worker::Env;

/// Answers the routes of the snapshot store, and `None` for all others. Publishing a manifest is among
/// the others, because the Durable Object must compare versions.
pub async fn answer(
    found: &Found,
    request: &worker::Request,
    env: &Env,
    by: &str,
    now: Instant,
) -> Result<Option<Answer>, ApiError> {
    let seen = request.headers().get("if-none-match").ok().flatten();
    let hash = || hash_of(found.param(0));
    let answer = match found.handler() {
        Some(Handler::ReplicaStatus) => {
            let mut status = isolate::status(env, now).ok_or_else(nowhere)?;
            if let Value::Object(fields) = &mut status {
                let publishing = readiness(env).await.unwrap_or_default();
                let versions = (publishing.get("snapshot_version"), fields.get("snapshot_version"));
                let (written, held) = (versions.0.and_then(Value::as_u64), versions.1.and_then(Value::as_u64));
                let behind = written.map(|written| written.saturating_sub(held.unwrap_or_default()));
                fields.insert("versions_behind".to_owned(), behind.into());
                fields.insert("publishing".to_owned(), publishing);
            }
            Answer::from(ApiResponse::json(200, status))
        }
        Some(Handler::ReadManifest) => manifest(&store(env)?, seen.as_deref()).await?,
        Some(Handler::ReadObject) => {
            let kv = store(env)?;
            stored(&kv, hash()?, seen.as_deref()).await?
        }
        Some(Handler::PutObject) => {
            let hash = hash()?;
            let kv = store(env)?;
            // The body stays in JavaScript memory.
            let body = http::body(request, found.body_limit(), Room::Worker, by).await?;
            let found = js::done(js::not_object(&body.shared(), &hash.to_string())).await;
            match found.map_err(ApiError::internal)?.as_string().as_deref() {
                None => {}
                Some("hash") => {
                    return Err(ApiError::new(ErrorKind::BadRequest, format!("the body does not hash to {hash}")));
                }
                // No reader could open it.
                Some(_) => {
                    let message = "not an object: those are in the packed form, which is UTF-8";
                    return Err(ApiError::new(ErrorKind::BadRequest, message));
                }
            }
            kv.put_shared(kv::key_of(hash), body.shared()).await.map_err(|said| unavailable(&said))?;
            Answer::from(ApiResponse::empty())
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

/// The readiness report of the Durable Object, or `None` if it does not answer.
async fn readiness(env: &Env) -> Option<Value> {
    let text = js::done(js::readiness(env, CATALOG)).await.ok()?.as_string()?;
    from_slice(text.as_bytes()).ok()
}

fn store(env: &Env) -> Result<Kv, ApiError> {
    Kv::of(env).ok_or_else(nowhere)
}

fn nowhere() -> ApiError {
    ApiError::new(
        ErrorKind::NotFound,
        "this Worker publishes no snapshots: it has no KV namespace bound as `SNAPSHOTS`",
    )
}

fn unavailable(said: &str) -> ApiError {
    worker::console_error!("the store of snapshots: {said}");
    ApiError::new(ErrorKind::Unavailable, "the store of snapshots does not answer; ask again")
}

fn hash_of(text: &str) -> Result<Hash, ApiError> {
    Hash::parse(text).ok_or_else(|| ApiError::not_found(format!("there is no object `{text}`: expected a SHA-256")))
}

async fn manifest(kv: &Kv, seen: Option<&str>) -> Result<Answer, ApiError> {
    let bytes = match kv.one(None).await {
        Fetched::Bytes(bytes) => bytes,
        Fetched::Absent => return Err(ApiError::not_found("nothing is published yet")),
        Fetched::Failed(why) => return Err(unavailable(&why)),
    };
    let packed = Packed::new(bytes).ok_or_else(|| unavailable("the manifest is not in the packed form"))?;
    let unverified = Unverified::read(&packed).map_err(|error| unavailable(&error.to_string()))?;
    let version = unverified.claims().version;
    let etag = format!("\"{}\"", Hash::of(packed.as_slice()));
    // Readers revalidate to learn whether their manifest is still the newest.
    Ok(binary(packed.as_slice(), etag, "no-cache", seen).with(VERSION, version))
}

async fn stored(kv: &Kv, hash: Hash, seen: Option<&str>) -> Result<Answer, ApiError> {
    let object = kv.one(Some(hash)).await.object(hash).map_err(|error| match error {
        ObjectError::Absent(_) => ApiError::not_found(error.to_string()),
        ObjectError::Store(_) | ObjectError::Damaged(_) => unavailable(&error.to_string()),
    })?;
    Ok(binary(object.as_slice(), format!("\"{hash}\""), "private, max-age=31536000, immutable", seen))
}

fn binary(bytes: &[u8], etag: String, cache: &str, seen: Option<&str>) -> Answer {
    let names = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == etag;
    let is_seen = seen.is_some_and(|seen| seen.split(',').any(|tag| names(tag.trim())));
    let (status, body) = if is_seen { (304, Vec::new()) } else { (200, bytes.to_vec()) };
    let headers = vec![
        ("content-type", "application/octet-stream".to_owned()),
        ("cache-control", cache.to_owned()),
        ("etag", etag),
    ];
    Answer { status, headers, body }
}

/// Publishes a manifest built elsewhere, unless this catalog publishes its own.
pub async fn take_manifest(env: &Env, sql: &Sql, body: &[u8], now: Instant) -> Answer {
    let taken = taken(env, sql, body, now).await;
    taken.unwrap_or_else(|failure| Answer::refusal(Dialect::Native, &failure))
}

fn has_no_catalog(sql: &Sql) -> Result<(), ApiError> {
    match sql.version()? {
        0 => Ok(()),
        _ => Err(ApiError::conflict("this Worker's catalog publishes its own snapshots: import into it instead")),
    }
}

async fn taken(env: &Env, sql: &Sql, body: &[u8], now: Instant) -> Result<Answer, ApiError> {
    let kv = store(env)?;
    has_no_catalog(sql)?;
    let refused = |message: String| ApiError::new(ErrorKind::BadRequest, message);
    let packed = Packed::new(body.to_vec()).ok_or_else(|| refused("not a manifest".to_owned()))?;
    let unverified = Unverified::read(&packed).map_err(|error| refused(error.to_string()))?;
    let (settings, _) = Settings::read(env);
    let keys = crypto::trusted(&settings).await;
    let Some(key) = keys.iter().find(|key| key.id() == unverified.key()) else {
        return Err(refused(format!("it is signed with key {}, which is not among SNAPSHOT_KEYS", unverified.key())));
    };
    let is_signed = crypto::verifies(key, unverified.signed(), unverified.signature()).await;
    let is_signed = is_signed.map_err(|said| unavailable(&said))?;
    let manifest = unverified.verified(is_signed).map_err(|error| refused(error.to_string()))?;
    manifest.is_for(&settings.audience).map_err(|error| refused(error.to_string()))?;
    let (at, hash) = (http::now().millis(), Hash::of(body));
    // The version check and its record are one transaction without an await.
    let mut taken = sql.storage().transaction(|| {
        has_no_catalog(sql)?;
        let taken =
            sql.taken()?.next(sql.published_version()?, manifest.version, hash, at).map_err(|why| match why {
                NotTaken::OnItsWay => {
                    let message = "another manifest is being published; send this one again in half a minute";
                    ApiError::new(ErrorKind::Unavailable, message)
                }
                NotTaken::NotAbove(newest) => ApiError::conflict(format!(
                    "version {} is not above {newest}, which is published or on its way",
                    manifest.version
                )),
            })?;
        sql.set_taken(&taken)?;
        Ok(taken)
    })?;
    let put = kv.put(vec![kv::MANIFEST.to_owned()], &[body]).await;
    // A write that timed out may still arrive, so the note stays until then.
    if put.is_ok() || http::now().millis() < at.saturating_add(kv::WRITE_WITHIN_MS.into()) {
        taken.until = 0;
        sql.set_taken(&taken)?;
    }
    // The manifest may be stored despite the error, so the note stays, and a retry with the same bytes is allowed.
    put.map_err(|said| unavailable(&said))?;
    sql.record_published(manifest.version, now, hash)?;
    let n_objects = manifest.table.shards.len().saturating_add(1);
    let fields = [("snapshot_version", manifest.version.into()), ("objects", n_objects.into())];
    let published = object(&mut fields.into_iter());
    Ok(Answer::from(ApiResponse::json(200, published)).with(VERSION, manifest.version))
}
