//! Writes `LinkedOps`: the kernels that `MOTE_OPS` lists, separated by commas, as `mote inspect` prints them; all of
//! them without that variable. A name that does not exist fails to compile.
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=MOTE_OPS");
    println!("cargo:rerun-if-changed=build.rs");
    let text = match std::env::var("MOTE_OPS") {
        Ok(list) => linked(&list),
        Err(_) => "/// The kernels of this image: all.\npub use mote_runtime::AllOps as LinkedOps;\n".to_owned(),
    };
    let folder = std::env::var("OUT_DIR").unwrap_or_default();
    if let Err(error) = std::fs::write(Path::new(&folder).join("ops.rs"), text) {
        panic!("{folder}/ops.rs: {error}");
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
