//! A user who stops in the middle.

use crate::emulator::with_digits;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Forwards one connection, but no more than `limit` bytes to the device; where it listens, and what it has forwarded.
fn throttle(device: &str, limit: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut to_device = TcpStream::connect(device).unwrap();
    let forwarded = Arc::new(AtomicUsize::new(0));
    let count = forwarded.clone();
    thread::spawn(move || {
        let Ok((mut from_host, _)) = listener.accept() else { return };
        let (mut from_device, mut to_host) = (to_device.try_clone().unwrap(), from_host.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut from_device, &mut to_host));
        let mut bytes = [0; 256];
        while let Ok(read @ 1..) = from_host.read(&mut bytes) {
            if count.load(Ordering::Relaxed) < limit && to_device.write_all(&bytes[..read]).is_err() {
                return;
            }
            count.fetch_add(read, Ordering::Relaxed);
        }
    });
    (address, forwarded)
}

#[test]
fn ctrl_c_in_a_transfer_keeps_the_model_and_the_next_try_goes_on() {
    let Some(device) = with_digits() else { return };
    device.sign("plain.mote", "release", 2, "newer.mote");
    let size = std::fs::metadata(device.at("newer.mote")).unwrap().len() as usize;
    let (address, forwarded) = throttle(&device.address, size / 2);
    let mut child = Command::new(env!("CARGO_BIN_EXE_mote"))
        .current_dir(device.folder.path())
        .args(["flash", "newer.mote", "--port", &format!("tcp:{address}")])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while forwarded.load(Ordering::Relaxed) < size / 2 {
        assert!(Instant::now() < until, "the transfer does not begin");
        thread::sleep(Duration::from_millis(5));
    }
    // As a terminal does it.
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2), "{said}");
    assert!(said.contains("keeps running the model it had"), "{said}");

    let slots = device.held(&["device", "slots"])["slots"].clone();
    assert_eq!((&slots[0]["state"], &slots[0]["model_version"]), (&"active".into(), &1.into()));
    assert_eq!(slots[1]["state"], "receiving");
    assert!(device.held(&["device", "test"])["vectors"].as_u64().unwrap() > 0);
    let flashed = device.held(&["flash", "newer.mote"]);
    assert_eq!((&flashed["active"], &flashed["slot"]), (&true.into(), &1.into()));
    assert_eq!(device.held(&["device", "slots"])["slots"][1]["model_version"], 2);
}
