//! Signing model files with Ed25519, and telling whether a device would trust one.
//!
//! Keys are PEM files as other programs write and read them: PKCS #8 for the secret one, SubjectPublicKeyInfo for the public one
//! (RFC 8410), as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` make them. What a signature is of, and what a
//! device checks, is defined by [`mote_store`].

use ed25519_compact::{KeyPair, PublicKey as Public, Seed};
use mote_runtime::format::{SIGNATURE_BYTES, with_model_version, with_signature};
use mote_runtime::{AlignedBytes, AllOps, LoadError};
use mote_store::{Info, signed_bytes};
use sha2::{Digest, Sha256};

/// Why there is no key, signature or verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum SignError {
    #[error("this is no Ed25519 secret key in PEM form")]
    NoSecretKey,
    #[error("this is no Ed25519 public key in PEM form")]
    NoPublicKey,
    #[error("this is a secret key; give the public one, which can be shown to anybody")]
    SecretKeyGiven,
    #[error("the file cannot be loaded: {0}")]
    Load(LoadError),
    #[error("{0}")]
    Refused(mote_store::Error),
}

/// Whoever has it can sign.
pub struct SecretKey(KeyPair);

impl SecretKey {
    /// A new one, of the system's random numbers.
    pub fn generate() -> Self {
        Self(KeyPair::from_seed(Seed::generate()))
    }

    /// From PKCS #8 in PEM form.
    ///
    /// # Errors
    /// If `text` is anything else.
    pub fn from_pem(text: &str) -> Result<Self, SignError> {
        KeyPair::from_pem(text).map(Self).map_err(|_| SignError::NoSecretKey)
    }

    /// As PKCS #8 in PEM form.
    pub fn to_pem(&self) -> String {
        self.0.sk.to_pem()
    }

    /// What devices need.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.pk)
    }
}

/// Whoever has it can tell who signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(Public);

impl PublicKey {
    /// From SubjectPublicKeyInfo in PEM form.
    ///
    /// # Errors
    /// If `text` is anything else.
    pub fn from_pem(text: &str) -> Result<Self, SignError> {
        if text.contains("PRIVATE KEY") {
            return Err(SignError::SecretKeyGiven);
        }
        let key = Public::from_pem(text).map_err(|_| SignError::NoPublicKey)?;
        // Keys of a small group would trust anybody's signature.
        key.validate().map_err(|_| SignError::NoPublicKey)?;
        Ok(Self(key))
    }

    /// As SubjectPublicKeyInfo in PEM form.
    pub fn to_pem(&self) -> String {
        self.0.to_pem()
    }

    /// The 32 bytes that firmware carries.
    pub fn bytes(&self) -> mote_store::Key {
        *self.0
    }

    /// The start of the SHA-256 of its bytes in hex, for people to compare.
    pub fn fingerprint(&self) -> String {
        Sha256::digest(self.bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// `file` with a signature, in the place of one that it may have; as release `version` of its model, if that is given.
///
/// The same file, key and version give the same bytes.
///
/// # Errors
/// If a device could not load `file`.
pub fn sign(file: &[u8], key: &SecretKey, version: Option<u32>) -> Result<Vec<u8>, SignError> {
    let aligned = AlignedBytes::copy_of(file);
    let model = mote_runtime::Model::load(&aligned).map_err(SignError::Load)?;
    let version = version.unwrap_or(model.model_version());
    let unsigned = with_model_version(model.as_bytes(), version).map_err(SignError::Load)?;
    // The header that is signed has room for the signature.
    let blank = with_signature(&unsigned, &[0; SIGNATURE_BYTES]).map_err(SignError::Load)?;
    let message = signed_bytes(&blank).ok_or(SignError::Load(LoadError::Header))?;
    with_signature(&unsigned, &key.0.sk.sign(message, None)).map_err(SignError::Load)
}

/// What `file` says of itself, and which of `keys` has signed it.
///
/// # Errors
/// What a device that trusts `keys`, has every kernel and enough RAM would say.
pub fn verify<'k>(file: &[u8], keys: &'k [PublicKey]) -> Result<(Info, &'k PublicKey), SignError> {
    let aligned = AlignedBytes::copy_of(file);
    let of = |keys: &[mote_store::Key]| mote_store::verify::<AllOps>(&aligned, keys, u32::MAX);
    for key in keys {
        match of(&[key.bytes()]) {
            Ok(info) => return Ok((info, key)),
            Err(mote_store::Error::WrongSignature) => {}
            Err(error) => return Err(SignError::Refused(error)),
        }
    }
    // No key, or none that fits.
    Err(SignError::Refused(of(&[]).err().unwrap_or(mote_store::Error::WrongSignature)))
}

#[cfg(test)]
#[path = "sign/tests.rs"]
mod tests;
