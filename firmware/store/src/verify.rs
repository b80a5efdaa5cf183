//! Whom to trust: SHA-256 and Ed25519 over a file that lies in its slot.

use crate::error::Error;
use ed25519_compact::{PublicKey, Signature};
use mote_runtime::format::SIGNATURE_BYTES;
use mote_runtime::{Model, Ops};
use sha2::{Digest, Sha256};

/// An Ed25519 public key.
pub type Key = [u8; 32];

/// Length of [`signed_bytes`].
pub const SIGNED_BYTES: usize = 72;
/// The header's checksums lie between these: they follow from the rest, and from the signature.
const CHECKSUMS: core::ops::Range<usize> = 16..32;
/// Where the signature starts, and what it covers ends.
const SIGNATURE: usize = mote_runtime::format::HEADER_BYTES;

/// What the signature of a file is of: bytes 0..16 and 32..88 of its header, as they are in the *signed* file.
///
/// These hold the magic, the format version, the length of the header (152 with a signature), the length of the file, the
/// model version, the arena, the lengths of the sections, and the SHA-256 of all that follows the header. So the signature
/// binds every byte of the file but itself and the two checksums in bytes 16..32: those cannot be signed, as one covers the
/// signature, and they have one right value, which `Model::load` checks.
///
/// To sign a file: give it any signature with `format::with_signature`, sign what this function returns for that, and put
/// the signature in with `format::with_signature` again. `None` if `file` is shorter than a header.
pub fn signed_bytes(file: &[u8]) -> Option<[u8; SIGNED_BYTES]> {
    let head = file.get(..CHECKSUMS.start)?;
    let rest = file.get(CHECKSUMS.end..SIGNATURE)?;
    let mut signed = [0; SIGNED_BYTES];
    signed.iter_mut().zip(head.iter().chain(rest)).for_each(|(to, &from)| *to = from);
    Some(signed)
}

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Info {
    /// Model version.
    pub version: u32,
    /// Length of the file in bytes.
    pub length: u32,
    /// Bytes of arena that the model needs.
    pub arena_bytes: u32,
    /// SHA-256 of everything after the header.
    pub sha256: [u8; 32],
}

impl Info {
    /// From the header of a file that was verified when it came.
    pub(crate) fn of(file: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?));
        let sha256 = *file.get(56..)?.first_chunk()?;
        Some(Self { version: number(32)?, length: number(8)?, arena_bytes: number(36)?, sha256 })
    }
}

/// What is needed of a model to decide whether to trust it.
struct Parts<'m> {
    info: Info,
    file: &'m [u8],
    payload: &'m [u8],
    signature: Option<&'m [u8; SIGNATURE_BYTES]>,
}

/// On its own, so that the stack that a model takes is free again when the signature is verified.
#[inline(never)]
fn parts<O: Ops>(bytes: &[u8]) -> Result<Parts<'_>, Error> {
    let model = Model::<O>::load_for(bytes)?;
    let file = model.as_bytes();
    let info = Info {
        version: model.model_version(),
        length: file.len() as u32,
        arena_bytes: model.arena_bytes(),
        sha256: *model.sha256(),
    };
    Ok(Parts { info, file, payload: model.payload(), signature: model.signature() })
}

/// What [`Store::finish`](crate::Store::finish) asks of a file, but for its version and whole SHA-256: the runtime can run it with
/// the kernels `O` in `arena_bytes`, and one of `keys` has signed it. `bytes` start at a multiple of 16; what is behind the file is
/// not looked at.
///
/// # Errors
/// The first rule that does not hold.
pub fn verify<O: Ops>(bytes: &[u8], keys: &[Key], arena_bytes: u32) -> Result<Info, Error> {
    check::<O>(bytes, keys, arena_bytes, true)
}

/// Accepts what the runtime can run in `arena_bytes` and, if `trusted`, what is signed with one of the keys.
#[inline(never)]
pub(crate) fn check<O: Ops>(bytes: &[u8], keys: &[Key], arena_bytes: u32, trusted: bool) -> Result<Info, Error> {
    let Parts { info, file, payload, signature } = parts::<O>(bytes)?;
    if info.arena_bytes > arena_bytes {
        return Err(Error::Arena { needed: info.arena_bytes, has: arena_bytes });
    }
    if trusted {
        if sha256(payload) != info.sha256 {
            return Err(Error::Sha256);
        }
        match (signature, signed_bytes(file)) {
            (Some(signature), Some(message)) => {
                if !keys.iter().any(|key| is_signed(&message, signature, key)) {
                    return Err(Error::WrongSignature);
                }
            }
            _ if cfg!(feature = "unsigned") => {}
            _ => return Err(Error::Unsigned),
        }
    }
    Ok(info)
}

#[inline(never)]
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[inline(never)]
fn is_signed(message: &[u8; SIGNED_BYTES], signature: &[u8; SIGNATURE_BYTES], key: &Key) -> bool {
    PublicKey::new(*key).verify(message, &Signature::new(*signature)).is_ok()
}
