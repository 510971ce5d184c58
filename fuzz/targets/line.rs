#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanwire_fuzz::line::check(bytes));
