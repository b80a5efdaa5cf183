//! What the whole firmware of a device takes: link, store, signature, runtime, log, drivers, vector table.

use crate::emulator::Emulator;
use crate::support::data_root;
use mote::bench::Image;
use object::{Object, ObjectSection, SectionKind};

/// What image and keyword networks need.
const KERNELS: &str = "Conv2d,DepthwiseConv2d,AveragePool2d,FullyConnected,Softmax";
const FLASH_BYTES: u64 = 64 * 1024;
const RAM_BYTES: u64 = 12 * 1024;
/// `arena_bytes` of board.toml.
const ARENA_BYTES: u64 = 0x0010_0000;
/// The upper half of the RAM of the board; the stack begins at its end.
const UPPER_RAM: (u32, usize) = (0x2020_0000, 0x0020_0000);

#[test]
fn a_device_fits_64_kb_of_flash_and_12_kb_of_ram_besides_model_and_arena() {
    let Some(data) = data_root() else { return };
    let Some((device, image)) = Emulator::with_kernels(KERNELS) else { return };
    let kws = data.join("tflite/kws_dscnn_int8");
    device.convert(&kws.join("model.tflite"), "plain.mote", 1);
    for version in [1, 2] {
        device.sign("plain.mote", "release", version, "kws.mote");
        device.held(&["flash", "kws.mote"]);
    }
    device.held(&["bench", "kws.mote", "--repeat", "2"]);
    device.held(&["device", "test"]);
    device.held(&["device", "verify", "1"]);
    let inputs = kws.join("inputs.npy");
    device.mote(&["device", "run", "kws.mote", "--raw", "--input", inputs.to_str().unwrap(), "--limit", "2"]).success();
    device.mote(&["device", "rollback"]).success();

    let bytes = std::fs::read(&image).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let of = |kind| file.sections().filter(|s| s.kind() == kind).map(|section| section.size()).sum::<u64>();
    let variables = of(SectionKind::Data) + of(SectionKind::UninitializedData) - ARENA_BYTES;
    let constants = Image::read(image).unwrap().code_bytes;
    // Memory of a machine that was just switched on is zeros.
    let upper = device.memory(UPPER_RAM.0, UPPER_RAM.1);
    let stack = (upper.len() - upper.iter().position(|&byte| byte != 0).unwrap()) as u64;
    println!("flash {constants}; RAM besides the arena {}: variables {variables}, stack {stack}", variables + stack);
    assert!(stack > 4096, "the signature alone needs more: {stack}");
    assert!(constants > 40_000 && constants <= FLASH_BYTES, "{constants} bytes of flash");
    assert!(variables + stack <= RAM_BYTES, "{variables} + {stack} bytes of RAM");
}
