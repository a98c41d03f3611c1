//! All fixtures of a chapter, played side by side.

use super::script::{Transcript, directory};
use ftp_proto::dialect::Dialect;
use std::fs;

/// All fixtures whose name starts with `prefix`, in order; it is a mistake to ask for none.
pub fn all(prefix: &str) -> Vec<Transcript> {
    let mut names: Vec<String> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no fixture starts with {prefix}");
    names.iter().map(|name| Transcript::read(name)).collect()
}

/// Plays all fixtures of a prefix in all their dialects, some side by side, and reports every
/// failure by name.
pub fn play_all(prefix: &str) {
    const SIDE_BY_SIDE: usize = 8;
    let plays: Vec<(Transcript, Dialect)> = all(prefix)
        .into_iter()
        .flat_map(|transcript| transcript.dialects.clone().into_iter().map(move |d| (transcript.clone(), d)))
        .collect();
    let mut failed = Vec::new();
    for together in plays.chunks(SIDE_BY_SIDE) {
        let started: Vec<_> = together
            .iter()
            .cloned()
            .map(|(transcript, dialect)| std::thread::spawn(move || transcript.play(dialect)))
            .collect();
        for ((transcript, dialect), play) in together.iter().zip(started) {
            if play.join().is_err() {
                failed.push(format!("{} ({dialect:?})", transcript.name));
            }
        }
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}
