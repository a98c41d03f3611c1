//! The laws of ARCHITECTURE.md, checked in every package.

use super::modules::Package;
use super::{circles, comments, decisions, none, source, words};

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
            "feature policy shared",
            "server | relay | client third_party",
        ],
        is_program: true,
    },
    Room {
        folder: "ftp-proto/io/src",
        layers: &[
            "clock crowd crypto limiter meter named_file os_error random signal",
            "hash socket",
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
            "failure history id outcome",
            "place",
            "ladder shell",
            "journal",
            "config report state",
            "context",
            "control",
            "relay endpoint",
            "route",
            "check",
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
            "binary certificate delay disk fuzz sim tls_client",
            "socket relay",
            "hub raw socks",
            "site",
            "user peer liar transcript",
            "foreign",
            "faults net terminal tls_peer",
            "topology",
        ],
        is_program: false,
    },
];

/// Every finding of a check, in all packages.
fn in_all(check: impl Fn(&Room, &Package) -> Vec<String>) -> Vec<String> {
    let mut found = Vec::new();
    for room in &ROOMS {
        let package = Package::read(room.folder, &|file| {
            source::top().join(file).is_file().then(|| source::read(file))
        });
        found.extend(check(room, &package).into_iter().map(|line| format!("{}: {line}", room.folder)));
    }
    found
}

/// The findings of a check of single files.
fn in_files(package: &Package, check: fn(&str, &syn::File) -> Vec<String>) -> Vec<String> {
    package.files.iter().flat_map(|(file, parsed)| check(file, parsed)).collect()
}

#[test]
fn folders_form_layers_in_every_package() {
    none(
        "a folder uses its own layer and those below it",
        in_all(|room, package| circles::upward(package, room.layers)),
    );
}

#[test]
fn no_files_or_folders_use_each_other_in_a_circle() {
    none("a file that its siblings use does not use them", in_all(|_, package| circles::circles(package)));
}

#[test]
fn nothing_is_decided_by_exit_codes_or_texts() {
    let check = |room: &Room, package: &Package| match room.is_program {
        true => [decisions::exits(package), in_files(package, decisions::on_texts)].concat(),
        false => Vec::new(),
    };
    none("decide by failure::Kind or another enum; cli maps it to numbers", in_all(check));
}

#[test]
fn names_and_texts_use_the_vocabulary() {
    none("one idea has one word (docs/glossary.md)", in_all(|_, package| in_files(package, words::wrong)));
}

#[test]
fn every_doc_comment_says_something() {
    none(
        "at least three words: what it is for, its unit, its source",
        in_all(|_, package| in_files(package, comments::too_short)),
    );
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
    let check = |room: &Room, package: &Package| {
        let parts = WITH_PARTIES.iter().filter(|(folder, _)| *folder == room.folder);
        let parts: Vec<&str> = parts.flat_map(|(_, parts)| parts.iter().copied()).collect();
        let found = in_files(package, comments::vague);
        found.into_iter().filter(|line| parts.iter().any(|part| line.contains(part))).collect()
    };
    none("name the party: the client, the account, the owner, the driver", in_all(check));
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
