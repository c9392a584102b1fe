//! See `tgvm_fuzz::tgb`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tgvm_fuzz::tgb(bytes));
