#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanwire_fuzz::request::check(bytes));
