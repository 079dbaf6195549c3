#![no_main]

#[path = "../targets.rs"]
#[expect(dead_code, reason = "the other targets use the rest")]
mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::bundle(input));
