//! A third user agent: what it is told changes nothing of the trees.

use super::{Tree, read_all};
use crate::world::network::{INPUT, OUTPUT};
use crate::world::plan::Plan;
use crate::world::{HostId, World};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A third user agent.
pub(super) struct Third {
    pub(super) host: HostId,
    state: PathBuf,
    /// How much of what it is told it has begun.
    begun: usize,
    pub(super) runs: bool,
}

impl Third {
    /// One that has this directory for its state and its standard streams.
    pub(super) fn new(host: HostId, state: PathBuf) -> io::Result<Self> {
        fs::write(state.join(INPUT), STANDARD_INPUT)?;
        fs::create_dir(state.join(HERE))?;
        Ok(Self { host, state, begun: 0, runs: false })
    }

    /// Whether it has something to do.
    pub(super) fn is_busy(&self, plan: &Plan) -> bool {
        self.runs || self.begun < plan.third.len()
    }

    /// What it was told last.
    pub(super) fn asked<'a>(&self, plan: &'a Plan) -> &'a str {
        self.begun.checked_sub(1).and_then(|last| plan.third.get(last)).map_or("", AsRef::as_ref)
    }

    /// Starts what it is told next, if there is something. Returns the words.
    pub(super) fn start_next(&mut self, world: &mut World, plan: &Plan) -> Option<Vec<String>> {
        let words = plan.third_words(plan.third.get(self.begun)?, &self.state.join(HERE));
        (self.runs, self.begun) = (true, self.begun + 1);
        drop(fs::remove_file(self.state.join(OUTPUT)));
        world.run(self.host, &words, &self.state, &[]);
        Some(words)
    }

    /// Kills it. What it was told next follows.
    pub(super) fn kill(&mut self, world: &mut World, plan: &Plan) {
        // No later run looks for the file of a probe.
        if self.runs && !self.asked(plan).starts_with("probe") {
            world.kill(self.host);
            self.runs = false;
        }
    }

    /// What it has written to standard output.
    pub(super) fn output(&self) -> Option<Vec<u8>> {
        fs::read(self.state.join(OUTPUT)).ok()
    }

    /// The files in the two directories that nobody else changes, if this is that of the destination. A file that is not complete,
    /// and an old one that is being replaced, are left out.
    pub(super) fn files(&self, side: &Path) -> Tree {
        let mut files = Tree::new();
        read_all(side, "side/", &mut files);
        read_all(&self.state.join(HERE), "here/", &mut files);
        files.retain(|name, _| !name.contains("/."));
        files
    }
}

/// The directory of its host that it may write to.
const HERE: &str = "here";
/// What a third user agent reads as standard input.
pub(super) const STANDARD_INPUT: &[u8] = &[7; 100_000];
