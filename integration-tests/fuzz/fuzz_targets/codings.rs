//! Fuzzes `integration_tests::fuzz::codings`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| integration_tests::fuzz::codings(data));
