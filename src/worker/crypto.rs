//! Ed25519 from the platform, which is faster and adds nothing to the bundle.

use crate::js;
use crate::settings::Settings;
use mayuse_snapshot::{Hash, KeyId, PublicKey};
use worker::console_error;
use worker::js_sys::{Promise, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};

/// Verifies the signature of a message.
pub async fn verifies(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> Result<bool, String> {
    let outcome = js::done(js::verifies(key.as_bytes(), message, signature)).await?;
    Ok(outcome.as_bool().unwrap_or_default())
}

/// A signing key.
#[derive(Debug)]
pub struct Signer {
    signer: JsValue,
    public: PublicKey,
}

impl Signer {
    /// Reads a secret key of 64 hexadecimal digits.
    pub async fn read(secret: &str) -> Result<Signer, String> {
        // A secret has the form of a hash: 32 bytes.
        let seed = Hash::parse(secret.trim()).ok_or_else(|| mayuse_snapshot::KeyError.to_string())?;
        let signer = js::done(js::signer(seed.as_bytes())).await?;
        let public = js::bytes(&js::field(&signer, "publicKey")).try_into();
        let public = public.map_err(|_| "the platform does not say the public half of the key".to_owned())?;
        Ok(Signer { signer, public: PublicKey::from_bytes(public) })
    }

    /// The id of the key.
    pub fn id(&self) -> KeyId {
        self.public.id()
    }

    pub async fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        let promise = js::call(&self.signer, "sign", &Uint8Array::from(message)).map_err(|thrown| js::said(&thrown))?;
        let signature = js::bytes(&js::done(promise.unchecked_into::<Promise>()).await?);
        signature.try_into().map_err(|_| "the signature is not 64 bytes".to_owned())
    }
}

/// The trusted keys: the configured keys, else the public half of the signing key.
pub async fn trusted(settings: &Settings) -> Vec<PublicKey> {
    if !settings.keys.is_empty() {
        return settings.keys.clone();
    }
    let Some(secret) = &settings.signing_key else { return Vec::new() };
    match Signer::read(secret).await {
        Ok(signer) => vec![signer.public],
        Err(said) => {
            console_error!("SNAPSHOT_SIGNING_KEY: {said}");
            Vec::new()
        }
    }
}
