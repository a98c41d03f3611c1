//! The laws of ARCHITECTURE.md, checked in every package.

use super::modules::Package;
use super::{circles, comments, decisions, none, shapes, source, words};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::thread;

/// A package and the layers of its folders, from the lowest to the highest.
pub(super) struct Room {
    /// Where its `lib.rs` stands.
    pub(super) folder: &'static str,
    /// One line for each layer. A folder uses its own layer and those before it; folders on the two sides
    /// of a `|` do not know each other.
    pub(super) layers: &'static [&'static str],
    /// Whether it is a program or a part of one: the harness of the tests judges texts and exit codes,
    /// nobody else does.
    is_program: bool,
}

pub(super) const ROOMS: [Room; 6] = [
    Room {
        folder: "ftp-proto/src",
        layers: &[
            "wire timer dialect fair calendar",
            "address command reply listing coding digest rendezvous",
            "feature policy shared deletion",
            "server | relay | client manners transfer",
        ],
        is_program: true,
    },
    Room {
        folder: "ftp-proto/io/src",
        layers: &[
            "crypto lock named_file os_error quoting simulated signal",
            "blocking clock random",
            "crowd hash limiter meter socket",
            "connection socks",
            "control tls link",
            "copy",
            "program",
        ],
        is_program: true,
    },
    Room {
        folder: "ftp-server/src",
        layers: &["auth limits vfs operate", "config data", "session", "listen", "cli"],
        is_program: true,
    },
    Room {
        folder: "ftp-user/src",
        layers: &[
            "failure id named",
            "place",
            "world",
            "account ladder outcome queue shell",
            "journal | web",
            "config report state",
            "context",
            "session",
            "relay",
            "endpoint",
            "route",
            "job",
            "action",
            "cli",
        ],
        is_program: true,
    },
    Room {
        folder: "ftp-relay-agent/src",
        layers: &["operate policy", "at_hub | hub", "config session", "listen", "cli"],
        is_program: true,
    },
    Room {
        folder: "integration-tests/src",
        layers: &[
            "beside binary certificate delay drawing fuzz operator performance sim skip socket tls_client trace",
            "broken_disk disk relay world",
            "hub impostor raw socks",
            "site",
            "user peer liar transcript",
            "foreign keeper",
            "browser faults net postgres silent_names terminal tls_peer",
            "line topology",
        ],
        is_program: false,
    },
];

/// A law that is checked on the syntax trees of all packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Law {
    Layers,
    Circles,
    Decisions,
    Words,
    Comments,
    Parties,
    Sizes,
}

const LAWS: [Law; 7] =
    [Law::Layers, Law::Circles, Law::Decisions, Law::Words, Law::Comments, Law::Parties, Law::Sizes];

impl Law {
    /// What breaks it in a package.
    fn broken_in(self, room: &Room, package: &Package) -> Vec<String> {
        match self {
            Self::Layers => circles::upward(package, room.layers),
            Self::Circles => circles::circles(package),
            Self::Decisions if room.is_program => {
                [decisions::exits(package), in_files(package, decisions::on_texts)].concat()
            }
            Self::Decisions => Vec::new(),
            Self::Words => in_files(package, words::wrong),
            Self::Comments => in_files(package, comments::too_short),
            Self::Sizes => shapes::too_large(room.folder, &package.files),
            Self::Parties => {
                let parts = WITH_PARTIES.iter().filter(|(folder, _)| *folder == room.folder);
                let parts: Vec<&str> = parts.flat_map(|(_, parts)| parts.iter().copied()).collect();
                let found = in_files(package, comments::vague);
                found.into_iter().filter(|line| parts.iter().any(|part| line.contains(part))).collect()
            }
        }
    }

    /// What breaks it in all packages. Each package is parsed once for all laws, because that takes longer than all
    /// checks together.
    fn broken(self) -> Vec<String> {
        static FOUND: OnceLock<BTreeMap<Law, Vec<String>>> = OnceLock::new();
        let found = FOUND.get_or_init(|| {
            // Syntax trees stay in the thread that has made them.
            thread::scope(|scope| {
                let rooms: Vec<_> = ROOMS.iter().map(|room| scope.spawn(|| all_of(room))).collect();
                let mut found: BTreeMap<Self, Vec<String>> = BTreeMap::new();
                for (law, lines) in rooms.into_iter().flat_map(|room| room.join().unwrap()) {
                    found.entry(law).or_default().extend(lines);
                }
                found
            })
        });
        found.get(&self).cloned().unwrap_or_else(|| panic!("LAWS lacks {self:?}, so nobody checks it"))
    }
}

/// What breaks each law in a package.
fn all_of(room: &Room) -> Vec<(Law, Vec<String>)> {
    let read = |file: &str| source::top().join(file).is_file().then(|| source::read(file));
    let package = Package::read(room.folder, &read);
    let lines = |law: Law| law.broken_in(room, &package);
    let named = |law| lines(law).into_iter().map(|line| format!("{}: {line}", room.folder)).collect();
    LAWS.map(|law| (law, named(law))).to_vec()
}

/// The findings of a check of single files.
fn in_files(package: &Package, check: fn(&str, &syn::File) -> Vec<String>) -> Vec<String> {
    package.files.iter().flat_map(|(file, parsed)| check(file, parsed)).collect()
}

#[test]
fn folders_form_layers_in_every_package() {
    none("a folder uses its own layer and those below it", Law::Layers.broken());
}

#[test]
fn no_folders_use_each_other_in_a_circle() {
    none("a folder that its siblings use does not use them", Law::Circles.broken());
}

#[test]
fn nothing_is_decided_by_exit_codes_or_texts() {
    none("decide by failure::Kind or another enum; cli maps it to numbers", Law::Decisions.broken());
}

#[test]
fn names_and_texts_use_the_vocabulary() {
    none("one idea has one word (docs/glossary.md)", Law::Words.broken());
}

#[test]
fn every_doc_comment_says_something() {
    none("at least three words: what it is for, its unit, its source", Law::Comments.broken());
}

#[test]
fn parameters_tuples_fields_and_methods_stay_few() {
    none("simplify it, or give what belongs together a name (law 4 of ARCHITECTURE.md)", Law::Sizes.broken());
}

/// The folders whose comments name every party; others may join them.
const WITH_PARTIES: [(&str, &[&str]); 4] = [
    ("ftp-proto/src", &["/server/", "/shared/", "/fair/"]),
    ("ftp-proto/io/src", &["/"]),
    ("ftp-server/src", &["/"]),
    ("ftp-relay-agent/src", &["/"]),
];

#[test]
fn comments_say_who_is_meant() {
    none("name the party: the client, the account, the owner, the driver", Law::Parties.broken());
}

#[test]
fn clippy_limits_functions_to_70_lines_and_6_arguments() {
    const LIMITS: [(&str, &str, &str); 2] = [
        ("too_many_lines", "too-many-lines-threshold = 70", "70 lines"),
        ("too_many_arguments", "too-many-arguments-threshold = 6", "6 arguments"),
    ];
    let manifest = source::read("Cargo.toml");
    let mut found = Vec::new();
    for (lint, threshold, limit) in LIMITS {
        if !manifest.contains(&format!("\n{lint} = \"warn\"")) {
            found.push(format!("Cargo.toml does not switch {lint} on"));
        }
        for room in &ROOMS {
            let settings = room.folder.replace("src", ".clippy.toml");
            if !source::read(&settings).lines().any(|line| line == threshold) {
                found.push(format!("{settings}: the limit is not {limit}"));
            }
        }
        // Tests and tables may be longer; nothing else has an exception.
        for file in source::sources() {
            let allowed = file.code.iter().filter(|(_, line)| line.contains(&format!("clippy::{lint}")));
            found.extend(allowed.map(|(number, _)| format!("{}:{number}: an exception", file.path)));
        }
    }
    none("a function has at most 70 lines and 6 arguments", found);
}
