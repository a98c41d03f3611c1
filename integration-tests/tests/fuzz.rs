//! The saved inputs of the fuzz targets, replayed without a fuzzer, as they are and with another end.

use integration_tests::fuzz::{TARGETS, Target};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A file or directory below `integration-tests/fuzz/`.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// The names in a directory below `integration-tests/fuzz/`, without their extensions.
fn names(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(place(directory)).unwrap().map(Result::unwrap);
    entries.map(|entry| entry.path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_target_holds_for_its_saved_inputs() {
    for (name, target) in TARGETS {
        let corpus = place("corpus").join(name);
        let mut replayed = 0;
        for entry in fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display())) {
            let path = entry.unwrap().path();
            eprintln!("{}", path.display()); // names the input when the target panics
            target(&fs::read(path).unwrap());
            replayed += 1;
        }
        assert!(replayed > 0, "the corpus of {name} is empty");
    }
}

/// A target that is a session, with its saved scripts.
type SavedScripts = (&'static str, Target, Vec<Vec<u8>>);

static SESSIONS: LazyLock<Vec<SavedScripts>> = LazyLock::new(|| {
    let sessions = TARGETS.into_iter().filter(|(name, _)| name.ends_with("_session"));
    let scripts = |name| fs::read_dir(place("corpus").join(name)).unwrap().map(Result::unwrap);
    let saved = |name| scripts(name).map(|entry| fs::read(entry.path()).unwrap()).collect();
    sessions.map(|(name, target)| (name, target, saved(name))).collect()
});

/// A step of a script: often what a caller sends and aborts, and what a driver answers.
fn step() -> impl Strategy<Value = u8> {
    prop_oneof![2 => any::<u8>(), 2 => 0xA0..=0xAA_u8, 1 => Just(0xA1_u8), 1 => Just(0xA3_u8), 2 => 0xC0..=0xD4_u8]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1), // the same cases in each run: what is new is for the fuzzer
        ..ProptestConfig::with_cases(2000)
    })]

    /// Whoever is at the other end of a session says and does anything, at first or after a script has gone so far. The first
    /// bytes are the settings of a session.
    #[test]
    fn every_session_holds_for_any_script(
        settings in any::<Option<[u8; 3]>>(),
        script in any::<Index>(),
        cut in any::<Index>(),
        rest in prop::collection::vec(step(), 0..160),
    ) {
        for (name, target, saved) in &*SESSIONS {
            let script = script.get(saved);
            let mut bytes = [&script[..cut.index(script.len() + 1)], &rest].concat();
            for (byte, setting) in bytes.iter_mut().zip(settings.unwrap_or_default()) {
                *byte = if settings.is_some() { setting } else { *byte };
            }
            let held = catch_unwind(|| target(&bytes));
            prop_assert!(held.is_ok(), "{name}: {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets, "programs");
    assert_eq!(names("corpus"), targets, "corpora");
    let manifest = fs::read_to_string(place("Cargo.toml")).unwrap();
    for name in targets {
        let program = fs::read_to_string(place(&format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(
            program.contains(&format!("integration_tests::fuzz::{name}(data)")),
            "{name} calls another target"
        );
        assert!(
            manifest.contains(&format!("name = \"{name}\"\n")),
            "integration-tests/fuzz/Cargo.toml does not name {name}"
        );
    }
}
