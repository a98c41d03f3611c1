//! The saved inputs of the fuzz targets, replayed without a fuzzer.

use integration_tests::fuzz::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
