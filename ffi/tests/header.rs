//! The header that is checked in is the one that the sources make.

use std::path::Path;
use std::{env, fs};

/// `LONGWAVE_WRITE_HEADER=1 cargo test -p longwave-ffi --test header` writes it anew.
#[test]
fn the_header_is_up_to_date() {
    let ffi = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = ffi.join("include/longwave.h");
    let mut header = Vec::new();
    cbindgen::generate(ffi).expect("the sources can be read").write(&mut header);
    if env::var_os("LONGWAVE_WRITE_HEADER").is_some() {
        fs::write(&file, &header).unwrap();
    }
    let checked_in = fs::read_to_string(&file).unwrap_or_default();
    let made = String::from_utf8(header).unwrap();
    let differs = made.lines().zip(checked_in.lines()).find(|(made, there)| made != there);
    assert!(
        made == checked_in,
        "ffi/include/longwave.h is not what the sources make, first where {differs:?}: \
         LONGWAVE_WRITE_HEADER=1 cargo test -p longwave-ffi --test header"
    );
}
