//! Ed25519 keys. A manifest names the key that signed it.

use crate::hash::{Hash, from_hex, hex};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use std::fmt;

/// The name of a key: the first eight bytes of the hash of its public half.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The placeholder in an unsigned manifest.
    pub(crate) const NOBODY: KeyId = KeyId([0; 8]);

    pub(crate) fn parse(text: &str) -> Option<KeyId> {
        let mut bytes = [0; 8];
        from_hex(text, &mut bytes)?;
        Some(KeyId(bytes))
    }

    /// What `Display` shows: 16 hexadecimal digits.
    pub fn digits(self) -> String {
        hex(&self.0)
    }

    fn of(public: &[u8; 32]) -> KeyId {
        let hash = Hash::of(public);
        let first = hash.as_bytes().first_chunk::<8>();
        KeyId(first.copied().unwrap_or_default())
    }
}

impl fmt::Display for KeyId {
    /// 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A public key, which verifies manifests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<PublicKey, KeyError> {
        let mut bytes = [0; 32];
        from_hex(text.trim(), &mut bytes).ok_or(KeyError)?;
        Ok(PublicKey(bytes))
    }

    /// Reads a list separated by blanks or commas: during a key rotation, two keys are valid.
    ///
    /// # Errors
    /// A word that is not a key.
    pub fn parse_list(text: &str) -> Result<Vec<PublicKey>, KeyError> {
        let words = text.split([' ', ',', '\n', '\t', '\r']).filter(|word| !word.is_empty());
        words.map(PublicKey::parse).collect()
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> PublicKey {
        PublicKey(bytes)
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.0)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What `Display` shows: 64 hexadecimal digits.
    pub fn digits(&self) -> String {
        hex(&self.0)
    }

    /// Whether the signature of the message belongs to this key. Ambiguous keys and signatures fail
    /// (strict verification).
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for PublicKey {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits())
    }
}

/// A signing key. Only [`SigningKey::secret`] prints it.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<SigningKey, KeyError> {
        let mut seed = [0; 32];
        from_hex(text.trim(), &mut seed).ok_or(KeyError)?;
        Ok(SigningKey::from_seed(&seed))
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// 64 hexadecimal digits, to be kept secret.
    pub fn secret(&self) -> String {
        hex(self.0.as_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

/// A text that is not a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyError;

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key is 64 hexadecimal digits, as `mayuse keygen` prints it")
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, 7.1, test 3: the library is right, wherever this runs.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let key = SigningKey::parse("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7").unwrap();
        let signature = key.sign(&[0xaf, 0x82]);
        let expected = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
            18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
        assert_eq!(hex(&signature), expected);
        assert!(key.public().verifies(&[0xaf, 0x82], &signature));
        assert!(!key.public().verifies(&[0xaf, 0x83], &signature));
    }

    #[test]
    fn a_signature_is_of_one_message_and_one_key() {
        let (one, other) = (SigningKey::from_seed(&[7; 32]), SigningKey::from_seed(&[8; 32]));
        let signature = one.sign(b"message");
        assert!(one.public().verifies(b"message", &signature));
        assert!(!one.public().verifies(b"massage", &signature));
        assert!(!other.public().verifies(b"message", &signature));
        assert_eq!(SigningKey::parse(&one.secret()).unwrap().public(), one.public());
        let list = format!("{} ,\n{}", one.public(), other.public());
        assert_eq!(PublicKey::parse_list(&list), Ok(vec![one.public(), other.public()]));
        assert_eq!(PublicKey::parse_list("abc"), Err(KeyError));
        assert!(!format!("{one:?}").contains(&one.secret()));
    }
}
