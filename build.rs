//! Makes the parser from `grammar/tg.lalrpop`, and the table of explanations from `docs/errors`.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=grammar/tg.lalrpop");
    println!("cargo:rerun-if-changed=docs/errors");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    if let Err(error) = lalrpop::Configuration::new().set_in_dir("grammar").set_out_dir(&out).process() {
        panic!("grammar/tg.lalrpop: {error}");
    }
    fs::write(Path::new(&out).join("explanations.rs"), explanations()).expect("OUT_DIR can be written");
}

/// `&[("E0101", include_str!("…/E0101.md")), …]`, in the order of the codes.
fn explanations() -> String {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("docs/errors");
    let files = fs::read_dir(&folder).expect("docs/errors is there");
    let mut paths: Vec<_> = files.map(|file| file.expect("docs/errors can be read").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    let mut table = String::from("&[");
    for path in paths {
        let code = path.file_stem().expect("it has a name").to_str().expect("codes are ASCII");
        write!(table, "({code:?}, include_str!({:?})), ", path.to_str().expect("paths are UTF-8")).expect("a String");
    }
    table + "]"
}
