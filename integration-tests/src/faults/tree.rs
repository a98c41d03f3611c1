//! A random tree of files.

use crate::sim::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A tree: the content of every file, and all directories.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    directories: BTreeSet<String>,
}

impl Tree {
    /// Small and large files, also empty ones, in directories of any depth.
    pub(super) fn random(random: &mut Random) -> Self {
        let mut tree = Self::default();
        for number in 0..random.below(5) {
            let above = random.length(tree.directories.len());
            let above = tree.directories.iter().nth(above).map(|above| format!("{above}/"));
            tree.directories.insert(format!("{}d{number}", above.unwrap_or_default()));
        }
        for number in 0..1 + random.below(25) {
            let size = match random.below(8) {
                0 => 0,
                1 => random.length(4_000_000),
                2 => random.length(300_000),
                _ => random.length(5_000),
            };
            let directory = random.length(tree.directories.len());
            let directory = tree.directories.iter().nth(directory).map(|above| format!("{above}/"));
            let name = format!("{}f {number}", directory.unwrap_or_default());
            tree.files.insert(name, random.bytes(size));
        }
        tree
    }

    /// What may stand at the destination already: some of the files with another content, of the same size or not.
    pub(super) fn older(&self, random: &mut Random) -> Self {
        let mut older = Self { directories: self.directories.clone(), ..Self::default() };
        for (name, bytes) in &self.files {
            if random.once_in(3) {
                let size = if random.once_in(2) { bytes.len() } else { random.length(100_000) };
                older.files.insert(name.clone(), random.bytes(size));
            }
        }
        older
    }

    /// What only the destination may have: files, and directories with files in them.
    pub(super) fn surplus(random: &mut Random) -> Self {
        let mut surplus = Self::default();
        for number in 0..random.below(6) {
            let directory = random.once_in(2).then(|| format!("old {}", random.below(2)));
            surplus.directories.extend(directory.clone());
            let directory = directory.map(|above| format!("{above}/")).unwrap_or_default();
            let size = random.length(5_000);
            surplus.files.insert(format!("{directory}gone {number}"), random.bytes(size));
        }
        surplus
    }

    /// Writes it. Its files are so many seconds old.
    pub(super) fn write(&self, top: &Path, age: u64) {
        fs::create_dir_all(top).unwrap();
        for directory in &self.directories {
            fs::create_dir_all(top.join(directory)).unwrap();
        }
        for (name, bytes) in &self.files {
            fs::write(top.join(name), bytes).unwrap();
            let file = File::options().write(true).open(top.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
    }

    /// Reads what is there, if it is there. A file may go away meanwhile.
    pub(super) fn read(top: &Path) -> Self {
        let mut tree = Self::default();
        for name in if top.exists() { crate::site::names_below(top) } else { Vec::new() } {
            match name.strip_suffix('/') {
                Some(directory) => drop(tree.directories.insert(directory.to_owned())),
                None => match fs::read(top.join(&name)) {
                    Ok(bytes) => drop(tree.files.insert(name, bytes)),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{name}"),
                },
            }
        }
        tree
    }

    /// In which names it differs from what was expected.
    pub(super) fn differences(&self, expected: &Self) -> Vec<String> {
        let shown = |tree: &Self, name: &String| {
            tree.files.get(name).map_or_else(|| "absent".to_owned(), |bytes| format!("{} bytes", bytes.len()))
        };
        let names: BTreeSet<&String> = self.files.keys().chain(expected.files.keys()).collect();
        let files = names.into_iter().filter(|name| self.files.get(*name) != expected.files.get(*name));
        let files =
            files.map(|name| format!("{name}: {}, expected {}", shown(self, name), shown(expected, name)));
        let directories = self.directories.symmetric_difference(&expected.directories);
        files.chain(directories.map(|name| format!("{name}/"))).collect()
    }
}
