//! Coverage-guided fuzzing: one executable, one target for each decoder of octets that come from outside.
//!
//! `WHARF_FUZZ` names the target. libFuzzer brings the `main` function, mutates the octets and keeps those that reach new
//! code; a panic is a finding. The properties that hold for every input are stated in the targets, so a decoder that
//! merely survives is not enough.
#![no_main]

mod messages;
mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

/// What a target does with octets.
type Target = fn(&[u8]);

fuzz_target!(|octets: &[u8]| {
    static TARGET: OnceLock<Target> = OnceLock::new();
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("WHARF_FUZZ").unwrap_or_default();
        let all = targets::ALL.iter().chain(messages::ALL);
        match all.clone().find(|(known, _)| *known == name) {
            Some((_, target)) => *target,
            None => {
                let names: Vec<&str> = all.map(|(name, _)| *name).collect();
                eprintln!("WHARF_FUZZ must be one of: {}", names.join(" "));
                std::process::exit(2);
            }
        }
    });
    target(octets);
});
