//! Fuzzes `integration_tests::fuzz::relay_session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| integration_tests::fuzz::relay_session(data));
