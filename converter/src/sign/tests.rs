use super::*;
use mote_runtime::format::{HEADER_BYTES, seal};
use mote_store::Error;
use std::path::Path;

fn model() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/tests/data");
    let mut files: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut blobs = files.iter().filter(|path| path.extension().is_some_and(|e| e == "mote"));
    blobs.find_map(|path| std::fs::read(path).ok().filter(|file| loads(file))).expect("a model file that loads")
}

fn loads(file: &[u8]) -> bool {
    mote_runtime::Model::<AllOps>::load_for(&AlignedBytes::copy_of(file)).is_ok()
}

fn refusal(file: &[u8], keys: &[PublicKey]) -> Error {
    match verify(file, keys) {
        Err(SignError::Refused(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_that_has_the_key_accepts_what_was_signed_with_it() {
    let [mine, other] = [SecretKey::generate(), SecretKey::generate()];
    let signed = sign(&model(), &mine, Some(7)).unwrap();
    assert_eq!(signed, sign(&model(), &mine, Some(7)).unwrap(), "the same bytes every time");
    let keys = [other.public(), mine.public()];
    let (info, key) = verify(&signed, &keys).unwrap();
    assert_eq!((info.version, info.length as usize, *key), (7, signed.len(), mine.public()));
    assert!(loads(&signed));
    assert_eq!(refusal(&signed, &keys[..1]), Error::WrongSignature);
    assert_eq!(refusal(&signed, &[]), Error::WrongSignature);
    assert_eq!(refusal(&model(), &keys), Error::Unsigned);
}

#[test]
fn signing_again_replaces_the_signature() {
    let [first, second] = [SecretKey::generate(), SecretKey::generate()];
    let once = sign(&model(), &first, Some(3)).unwrap();
    let twice = sign(&once, &second, None).unwrap();
    assert_eq!(once.len(), twice.len());
    let keys = [first.public(), second.public()];
    let (info, key) = verify(&twice, &keys).unwrap();
    assert_eq!((info.version, *key), (3, second.public()));
}

/// Of the header: its lengths, the version, and the hash of the rest. Whoever changes it can make the checksums right again.
#[test]
fn every_changed_byte_is_noticed_even_with_the_right_checksums() {
    let key = SecretKey::generate();
    let signed = sign(&model(), &key, Some(1)).unwrap();
    let keys = [key.public()];
    for at in 0..signed.len() {
        let mut changed = signed.clone();
        changed[at] ^= 4;
        seal(&mut changed);
        let checksum = (16..32).contains(&at) || (12..16).contains(&at);
        // What is sealed again is the file that was signed.
        assert_eq!(verify(&changed, &keys).is_ok(), checksum && changed == signed, "byte {at}");
    }
    assert!(signed.len() > HEADER_BYTES);
}

#[test]
fn keys_survive_their_files_and_others_are_told_apart() {
    let key = SecretKey::generate();
    let again = SecretKey::from_pem(&key.to_pem()).unwrap();
    assert_eq!(again.public(), key.public());
    assert_eq!(PublicKey::from_pem(&key.public().to_pem()).unwrap(), key.public());
    assert_eq!(key.public().fingerprint().len(), 16);
    assert_eq!(PublicKey::from_pem(&key.to_pem()).unwrap_err(), SignError::SecretKeyGiven);
    assert_eq!(SecretKey::from_pem(&key.public().to_pem()).err(), Some(SignError::NoSecretKey));
    for text in ["", "-----BEGIN PRIVATE KEY-----", "MC4CAQAwBQYDK2VwBCIEIA=="] {
        assert_eq!(SecretKey::from_pem(text).err(), Some(SignError::NoSecretKey), "{text:?}");
    }
}

/// What `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write: the key pair of RFC 8410, section 10.
#[test]
fn keys_of_other_programs_are_read() {
    let secret = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    assert_eq!(SecretKey::from_pem(secret).unwrap().public(), PublicKey::from_pem(public).unwrap());
}
