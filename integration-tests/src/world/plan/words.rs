//! What user agents are told, as it is typed.

use super::{Placement, Plan, REMOVED, Verb};
use crate::sim::random::Random;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How the sources of a copy or a move are typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Naming {
    /// The directory itself.
    #[default]
    Tree,
    /// A pattern that matches everything in it.
    Pattern,
    /// Each name that is in it.
    Each,
    /// A list of all files below it.
    List,
}

impl Plan {
    /// The places of the two servers, or of one of them and the directory on the host of the user agent.
    fn ends(&self, [source, destination]: &[PathBuf; 2]) -> [String; 2] {
        let [one, two] = self.servers();
        match self.placement {
            Placement::AtServers => [one, two],
            Placement::SourceHere => [format!("{}/", source.display()), two],
            Placement::DestinationHere => [one, format!("{}/", destination.display())],
        }
    }

    fn servers(&self) -> [String; 2] {
        let scheme = if self.tls { "ftpes" } else { "ftp" };
        ["one", "two"].map(|host| format!("{scheme}://ann@{host}/"))
    }

    /// The options that let a user agent accept the certificates of the servers.
    const fn trust(&self) -> &'static [&'static str] {
        if self.tls { &["--trust", "new"] } else { &[] }
    }

    /// What is typed, if these are the directories of the source and of the destination on their hosts.
    pub(in crate::world) fn words(&self, roots: &[PathBuf; 2]) -> Vec<String> {
        let verb: &[&str] = match self.verb {
            Verb::Copy => &["copy", "-r"],
            Verb::Move => &["move", "-r"],
            Verb::Sync => &["sync"],
            Verb::SyncDelete => &["sync", "--delete", "--yes"],
            Verb::Append => &["append"],
            Verb::Remove => &["rm", "-r", "--yes"],
        };
        let path: &[&str] = if self.verb == Verb::Remove { &[] } else { &["--path", &self.path] };
        let ends @ [from, to] = &self.ends(roots);
        let (first, _) = self.source.first_key_value().expect("there is a file");
        let places = match self.verb {
            Verb::Remove => vec![format!("{to}tree/{REMOVED}")],
            Verb::Append => [from, to].map(|end| format!("{end}tree/{first}")).to_vec(),
            Verb::Copy | Verb::Move if self.naming == Naming::List => {
                vec![format!("--from-file={}", list_file(roots).display())]
            }
            Verb::Copy | Verb::Move => {
                let sources = self.sources().into_iter().map(|name| format!("{from}tree/{name}"));
                sources.chain([format!("{to}tree/")]).collect()
            }
            Verb::Sync | Verb::SyncDelete => ends.each_ref().map(|end| format!("{end}tree/")).to_vec(),
        };
        let filter = self.left_out.as_ref().map(|left_out| left_out.filter.as_ref());
        let options = self.options.iter().map(Cow::as_ref).chain(filter).collect::<Vec<_>>();
        let words = [verb, self.trust(), path, &options, &["--progress", "never"]].concat();
        words.into_iter().map(str::to_owned).chain(places).collect()
    }

    /// The names of the sources of a copy or a move, below the directory.
    fn sources(&self) -> Vec<String> {
        let first = |name: &String| name.split('/').next().unwrap_or_default().to_owned();
        match self.naming {
            Naming::Tree => vec![String::new()],
            Naming::Pattern => vec!["*".to_owned()],
            Naming::Each => self.source.keys().map(first).collect::<BTreeSet<_>>().into_iter().collect(),
            Naming::List => self.source.keys().cloned().collect(),
        }
    }

    /// Where a list of the sources is, and what it says; `None` if nothing is asked for by a list.
    pub(in crate::world) fn list(&self, roots: &[PathBuf; 2]) -> Option<(PathBuf, String)> {
        let [from, to] = self.ends(roots);
        let line = |name| format!("{from}tree/{name}\t{to}tree/{name}\n");
        let text = || self.sources().into_iter().map(line).collect();
        (self.naming == Naming::List).then(|| (list_file(roots), text()))
    }

    /// The words of something that the third user agent is told, if it has this directory and was told of this job last, and the lines
    /// of the file that they may name.
    pub(in crate::world) fn third_words(&self, asked: &str, state: &Path, id: &str) -> (Vec<String>, String) {
        let [one, two] = self.servers();
        let mut asked = asked.to_owned();
        for (mark, place) in [
            ("{one}", format!("{one}tree/")),
            ("{two}", format!("{two}tree/")),
            ("{side}", format!("{two}{SIDE}/")),
            ("{again}", format!("{}{SIDE}/", two.replace("@two", "@10.0.0.2"))),
            ("{here}", format!("{}/{HERE}/", state.display())),
            ("{own}", format!("{}/{OWN}/", state.display())),
            ("{id}", id.to_owned()),
        ] {
            asked = asked.replace(mark, &place);
        }
        let (words, lines) = asked.split_once("| ").unwrap_or((&asked, ""));
        let typed = words.split(' ').chain(self.trust().iter().copied()).map(str::to_owned);
        (typed.collect(), lines.replace("| ", "\n"))
    }
}

fn list_file(roots: &[PathBuf; 2]) -> PathBuf {
    roots[0].parent().map(|directory| directory.join("list")).unwrap_or_default()
}

/// The directory of the destination that the third user agent changes.
pub(in crate::world) const SIDE: &str = "side";
/// The directory of its host that it may write to, and the one that has what it reads.
pub(in crate::world) const HERE: &str = "here";
pub(in crate::world) const OWN: &str = "own";

/// Options that a person may type beside the places.
pub(super) fn options(random: &mut Random, verb: Verb) -> Vec<Cow<'static, str>> {
    const OF_JOBS: [&str; 7] = [
        "--no-race",
        "--no-resume",
        "--jobs=3",
        "--perms",
        "--limit=2MB",
        "--changed-parts=auto",
        "--fail-fast",
    ];
    let all: &[&str] = match verb {
        Verb::Copy | Verb::Move => &OF_JOBS,
        Verb::Sync | Verb::SyncDelete => {
            &["--compare=hash", "--jobs=2", "--perms", "--no-race", "--limit=2MB"]
        }
        Verb::Append => &["--no-race"],
        Verb::Remove => &[],
    };
    let chosen = all.iter().filter(|_| random.once_in(8));
    chosen.map(|option| Cow::Borrowed(*option)).collect()
}
