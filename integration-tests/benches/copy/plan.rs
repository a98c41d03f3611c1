//! What the command line asks of a run.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::builder::PossibleValuesParser;
use integration_tests::site::sample;
use tempfile::TempDir;

use crate::{PARTS, process};

/// The file that is copied, by its name on every server.
pub(crate) const FILE: &str = "file.bin";

/// Measures the programs of this tree beside those of other people, in interleaved rounds.
#[derive(Parser)]
#[command(bin_name = "cargo bench -p integration-tests --", max_term_width = 100)]
pub(crate) struct Options {
    /// Less work and fewer rounds, below 3 minutes, without the parts that take long
    #[arg(long)]
    quick: bool,
    /// Which parts run, as in limit,tree
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(PARTS.map(|part| part.name)))]
    pub(crate) parts: Vec<String>,
    /// Write what was measured; a file that is there keeps its other parts
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Print the ratio of each target to that of an earlier --json
    #[arg(long, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
    /// Put the parts that did the whole work into docs/performance.md
    #[arg(long, conflicts_with = "quick")]
    pub(crate) page: bool,
    /// Compare also with the programs in a directory, a release build of another version
    #[arg(long, value_name = "DIR")]
    baseline: Option<PathBuf>,
    /// Rounds that count [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Size of the large file, and of all large files of `move` [default: 2048]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
    mib: Option<u64>,
    /// Entries of a listed directory, and of each tree of `sync` [default: 100000]
    #[arg(long, value_name = "N")]
    entries: Option<usize>,
    /// Idle sessions of our server [default: 10000]
    #[arg(long, value_name = "N")]
    sessions: Option<usize>,
    /// Files of the trees of `tree`, the largest of them those of `move` [default: 2000,10000]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    trees: Vec<usize>,
    /// Files of the very large directory of `tree` [default: 1000000]
    #[arg(long, value_name = "N")]
    files: Option<usize>,
    /// How long each attack of `insiders` goes on [default: 60]
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// Where the files are [default: /dev/shm if there is room, else the temporary directory]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// What Cargo says to a benchmark
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

pub(crate) struct Plan {
    pub(crate) is_quick: bool,
    /// A size is below that of the targets.
    pub(crate) is_small: bool,
    mib: u64,
    pub(crate) rounds: usize,
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
    pub(crate) fn of(options: &Options) -> Self {
        let is_quick = options.quick;
        let mib = options.mib.unwrap_or(if is_quick { 256 } else { 2048 });
        let entries = options.entries.unwrap_or(if is_quick { 10_000 } else { 100_000 });
        let sessions = options.sessions.unwrap_or(if is_quick { 1_000 } else { 10_000 });
        let files = options.files.unwrap_or(1_000_000);
        let trees = match &options.trees[..] {
            [] if is_quick => vec![2_000],
            [] => vec![2_000, 10_000],
            trees => trees.to_vec(),
        };
        let is_small = mib < 1024 || entries < 100_000 || sessions < 10_000 || files < 1_000_000;
        Self {
            is_quick,
            is_small,
            mib,
            rounds: options.rounds.map_or(if is_quick { 3 } else { 5 }, |rounds| rounds as usize),
            entries,
            sessions,
            trees,
            files,
            seconds: options.seconds.unwrap_or(60),
            directory: options.directory.clone(),
            baseline: options.baseline.clone(),
        }
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
