//! See `tgvm_fuzz::source`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tgvm_fuzz::source(bytes));
