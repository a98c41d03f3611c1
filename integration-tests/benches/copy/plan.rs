//! What the environment asks of a run.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use integration_tests::site::sample;
use tempfile::TempDir;

use crate::process;

/// The file that is copied, by its name on every server.
pub(crate) const FILE: &str = "file.bin";

pub(crate) struct Plan {
    mib: u64,
    pub(crate) rounds: usize,
    parts: Option<String>,
    pub(crate) entries: usize,
    /// Idle sessions of our server.
    pub(crate) sessions: usize,
    /// How many files the trees have.
    pub(crate) trees: Vec<usize>,
    /// Files of a very large directory.
    pub(crate) files: usize,
    /// How long an attack goes on.
    pub(crate) seconds: u64,
    directory: Option<PathBuf>,
    /// The directory of the programs to compare with.
    pub(crate) baseline: Option<PathBuf>,
}

impl Plan {
    pub(crate) fn from_environment() -> Self {
        fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
            let Ok(text) = std::env::var(name) else { return default };
            text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number"))
        }
        Self {
            mib: number("FTP_BENCH_MIB", 2048),
            rounds: number("FTP_BENCH_ROUNDS", 5).max(1),
            parts: std::env::var("FTP_BENCH_PARTS").ok(),
            entries: number("FTP_BENCH_ENTRIES", 100_000),
            sessions: number("FTP_BENCH_SESSIONS", 10_000),
            trees: trees(&std::env::var("FTP_BENCH_TREES").unwrap_or_else(|_| "2000,10000".to_owned())),
            files: number("FTP_BENCH_FILES", 100_000),
            seconds: number("FTP_BENCH_SECONDS", 60),
            directory: std::env::var_os("FTP_BENCH_DIR").map(PathBuf::from),
            baseline: std::env::var_os("FTP_BENCH_BASELINE").map(PathBuf::from),
        }
    }

    /// Whether a part of the benchmark was asked for.
    pub(crate) fn has(&self, part: &str) -> bool {
        self.parts.as_ref().is_none_or(|parts| parts.split([',', ' ']).any(|asked| asked == part))
    }

    /// Whether a part moves the large file.
    pub(crate) fn needs_file(&self) -> bool {
        ["limit", "peers", "through", "relay", "drain", "digest", "tls", "fxp"]
            .into_iter()
            .any(|part| self.has(part))
    }

    /// The size of the file in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.mib << 20
    }

    /// A directory with room for the source, one copy and 1 GiB more. No part keeps two copies at once.
    pub(crate) fn place(&self) -> TempDir {
        let needed = self.bytes() * 2 + (1 << 30);
        let memory = Path::new("/dev/shm");
        let directory = match &self.directory {
            Some(directory) => directory.clone(),
            None if process::room(memory) >= needed => memory.into(),
            None => std::env::temp_dir(),
        };
        tempfile::Builder::new().prefix("ftp-bench-").tempdir_in(directory).unwrap()
    }

    pub(crate) fn write_file(&self, path: &Path) {
        let mut file = File::create(path).unwrap();
        let mut block = sample(1 << 20);
        for number in 0..self.mib {
            block[..8].copy_from_slice(&number.to_le_bytes());
            file.write_all(&block).unwrap();
        }
    }
}

fn trees(text: &str) -> Vec<usize> {
    let number = |one: &str| one.parse().unwrap_or_else(|_| panic!("FTP_BENCH_TREES={text} has no numbers"));
    text.split(',').map(number).collect()
}
