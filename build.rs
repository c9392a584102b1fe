//! Makes the parser from `grammar/tg.lalrpop`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=grammar/tg.lalrpop");
    let generated = lalrpop::Configuration::new()
        .set_in_dir("grammar")
        .set_out_dir(std::env::var("OUT_DIR").expect("cargo sets OUT_DIR"))
        .process();
    if let Err(error) = generated {
        panic!("grammar/tg.lalrpop: {error}");
    }
}
