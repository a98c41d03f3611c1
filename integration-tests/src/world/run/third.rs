//! A third user agent: what it is told changes nothing of the trees.

use super::{Tree, read_all};
use crate::world::network::{INPUT, OUTPUT};
use crate::world::plan::{HERE, OWN, Plan};
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
    /// The id of a job or a series that it was told last.
    id: String,
    /// How many faults there were when it began last.
    pub(super) faults: usize,
}

impl Third {
    /// One that has this directory for its state and its standard streams.
    pub(super) fn new(host: HostId, state: PathBuf) -> io::Result<Self> {
        fs::write(state.join(INPUT), STANDARD_INPUT)?;
        [HERE, OWN].into_iter().try_for_each(|name| fs::create_dir(state.join(name)))?;
        Ok(Self { host, state, begun: 0, runs: false, id: "0".repeat(16), faults: 0 })
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
        let (words, script) = plan.third_words(plan.third.get(self.begun)?, &self.state, &self.id);
        (self.runs, self.begun) = (true, self.begun + 1);
        drop(fs::remove_file(self.state.join(OUTPUT)));
        fs::write(self.state.join(OWN).join("script"), script).expect("the directory can be written");
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

    /// Notes the id of a job or a series that it was told.
    pub(super) fn hear(&mut self, said: &str) {
        let is_id = |word: &&str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(id) = said.split(|letter: char| !letter.is_alphanumeric()).rfind(is_id) {
            self.id = id.to_owned();
        }
    }

    /// What it was told last to make and is not there, or to take away and is still there. `side` is the directory of the
    /// destination.
    pub(super) fn undone(&self, plan: &Plan, side: &Path) -> Vec<String> {
        let words: Vec<&str> = self.asked(plan).split(' ').collect();
        let place = |word: &&str| {
            let path = word.strip_prefix("{side}").map(|path| side.join(path));
            let path =
                path.or_else(|| word.strip_prefix("{here}").map(|path| self.state.join(HERE).join(path)));
            path.filter(|_| !word.contains('*') && !word.ends_with('}'))
        };
        let (made, gone): (&[&str], &[&str]) = match words.as_slice() {
            [_, options @ ..] if options.iter().any(|option| CHANGES_NOTHING.contains(option)) => (&[], &[]),
            ["mkdir", places @ ..] => (places, &[]),
            ["rm", places @ ..] => (&[], places),
            ["copy" | "sync", .., made] => (std::slice::from_ref(made), &[]),
            ["mv" | "move", gone @ .., made] => (std::slice::from_ref(made), gone),
            _ => (&[], &[]),
        };
        let lacks = made.iter().filter(|word| place(word).is_some_and(|path| !path.exists()));
        let has = gone.iter().filter(|word| place(word).is_some_and(|path| path.exists()));
        lacks.chain(has).map(|word| (*word).to_owned()).collect()
    }

    /// The texts that it has written beside its files.
    pub(super) fn texts(&self) -> String {
        let mut files = Tree::new();
        read_all(&self.state.join(OWN), "", &mut files);
        files.values().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
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

/// Options with which nothing is done, or later.
const CHANGES_NOTHING: [&str; 4] = ["-n", "--explain", "--queue", "--detach"];
/// What a third user agent reads as standard input.
pub(super) const STANDARD_INPUT: &[u8] = &[7; 100_000];
