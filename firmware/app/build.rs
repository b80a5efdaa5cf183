//! Writes `LinkedOps`: the kernels that `MOTE_OPS` lists, separated by commas, as `mote inspect` prints them; all of
//! them without that variable. A name that does not exist fails to compile.
//!
//! For the service, writes `KEYS`: those of the public key files that `MOTE_PUBLIC_KEYS` lists, separated as in `PATH`; none
//! without that variable.
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=MOTE_OPS");
    println!("cargo:rerun-if-changed=build.rs");
    let text = match std::env::var("MOTE_OPS") {
        Ok(list) => linked(&list),
        Err(_) => "/// The kernels of this image: all.\npub use mote_runtime::AllOps as LinkedOps;\n".to_owned(),
    };
    write("ops.rs", &text);
    #[cfg(feature = "service")]
    write("keys.rs", &keys());
}

fn write(name: &str, text: &str) {
    let path = Path::new(&std::env::var_os("OUT_DIR").unwrap_or_default()).join(name);
    if let Err(error) = std::fs::write(&path, text) {
        panic!("{}: {error}", path.display());
    }
}

#[cfg(feature = "service")]
fn keys() -> String {
    println!("cargo:rerun-if-env-changed=MOTE_PUBLIC_KEYS");
    let files = std::env::var_os("MOTE_PUBLIC_KEYS").unwrap_or_default();
    let files = std::env::split_paths(&files).filter(|file| !file.as_os_str().is_empty());
    let keys: Vec<[u8; 32]> = files.map(|file| key(&file)).collect();
    format!(
        "/// Public keys of those whose models this firmware takes.\npub static KEYS: &[mote_store::Key] = &{keys:?};\n"
    )
}

#[cfg(feature = "service")]
fn key(file: &Path) -> [u8; 32] {
    println!("cargo:rerun-if-changed={}", file.display());
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => panic!("MOTE_PUBLIC_KEYS: {}: {error}", file.display()),
    };
    // A secret key would be taken too, and must not end in firmware.
    let secret = text.contains("PRIVATE KEY");
    match ed25519_compact::PublicKey::from_pem(&text) {
        Ok(key) if !secret => *key,
        _ => panic!("MOTE_PUBLIC_KEYS: {} is no public key; give the .pub.pem file of `mote keygen`", file.display()),
    }
}

fn linked(list: &str) -> String {
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    let kernels: String = names.map(|name| format!("mote_runtime::Kernel::{name}, ")).collect();
    format!(
        "/// The kernels of this image: those that `MOTE_OPS` listed when it was built.\n\
         #[derive(Clone, Copy, Debug)]\n\
         pub enum LinkedOps {{}}\n\
         impl mote_runtime::Ops for LinkedOps {{\n    \
             const KERNELS: mote_runtime::Kernels = mote_runtime::Kernels::of(&[{kernels}]);\n\
         }}\n"
    )
}
