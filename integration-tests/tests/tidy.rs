//! The rules of the tree as tests: the laws of ARCHITECTURE.md, how long a file is, where digits,
//! addresses and clocks stand, which tests leave the safe defaults and why, and that every statement has
//! a test.

mod book;
mod circles;
mod comments;
mod decisions;
mod exceptions;
mod laws;
mod licences;
mod messages;
mod modules;
mod outside;
mod pages;
mod performance;
mod reference;
mod settable;
mod shapes;
mod skips;
mod source;
mod statements;
mod words;

use source::{Source, sources};

/// Files that may be long: tables.
const LONG_TABLES: [&str; 3] = ["verbs.rs", "meaning.rs", "refusals.rs"];

/// The hard stop for a file's lines.
const LINES: usize = 600;

/// Fails with all that was found, one line each.
fn none(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// Every line of code (no comments, no tests) for which `wrong` holds.
fn lines_where(files: &[Source], wrong: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (number, line) in &file.code {
            if wrong(file, line) {
                found.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    found
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let long = sources()
        .into_iter()
        .filter(|file| file.lines > LINES && !LONG_TABLES.iter().any(|table| file.path.ends_with(table)));
    none(
        "split by concept, not by length",
        long.map(|file| format!("{}: {} lines", file.path, file.lines)).collect(),
    );
}

#[test]
fn every_file_starts_with_a_sentence() {
    let mute = sources().into_iter().filter(|file| !file.text.starts_with("//! "));
    none("a file says in its first line what it is", mute.map(|file| file.path).collect());
}

#[test]
fn programs_do_not_know_each_other_and_ftp_proto_knows_nobody() {
    let forbidden: [(&str, &[&str]); 5] = [
        (
            "ftp-proto/src/",
            &["tokio", "ftp_io", "ftp_server", "ftp_user", "ftp_relay_agent", "rustix", "socket2", "tracing"],
        ),
        ("ftp-proto/io/", &["ftp_server", "ftp_user", "ftp_relay_agent"]),
        ("ftp-server/", &["ftp_user", "ftp_relay_agent"]),
        ("ftp-user/", &["ftp_server", "ftp_relay_agent"]),
        ("ftp-relay-agent/", &["ftp_server", "ftp_user"]),
    ];
    let wrong = |file: &Source, line: &str| {
        forbidden.iter().any(|(prefix, names)| {
            file.path.starts_with(prefix) && names.iter().any(|name| line.contains(&format!("{name}::")))
        }) || file.path.starts_with("ftp-proto/io/")
            && !file.path.starts_with("ftp-proto/io/src/program/")
            && ["clap", "tracing"].iter().any(|name| line.contains(name))
    };
    none("programs -> ftp-io -> ftp-proto", lines_where(&sources(), wrong));
}

#[test]
fn the_manifests_obey_the_dependency_rule() {
    let forbidden: [(&str, &[&str]); 5] = [
        (
            "ftp-proto",
            &["ftp-io", "ftp-server", "ftp-user", "tokio", "rustix", "socket2", "tracing", "getrandom"],
        ),
        ("ftp-proto/io", &["ftp-server", "ftp-user", "ftp-relay-agent"]),
        ("ftp-server", &["ftp-user", "ftp-relay-agent"]),
        ("ftp-user", &["ftp-server", "ftp-relay-agent"]),
        ("ftp-relay-agent", &["ftp-server", "ftp-user"]),
    ];
    let members = source::read("Cargo.toml");
    let mut found = Vec::new();
    for (package, names) in forbidden {
        let path = format!("{package}/Cargo.toml");
        if !source::top().join(&path).exists() && !members.contains(&format!("\"{package}\"")) {
            continue; // its rule is older than the package
        }
        let manifest = source::read(&path);
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for line in dependencies.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            // Only the module `program` may use these, and only with its feature.
            let shell =
                package == "ftp-proto/io" && (name.starts_with("clap") || name.starts_with("tracing"));
            if names.contains(&name) || shell && !line.contains("optional = true") {
                found.push(format!("{package}: {line}"));
            }
        }
    }
    none("programs -> ftp-io -> ftp-proto", found);
}

#[test]
fn there_is_one_verb_table() {
    let tables: Vec<String> = sources()
        .into_iter()
        .filter(|file| file.code.iter().any(|(_, line)| line.contains("static VERBS")))
        .map(|file| file.path)
        .collect();
    assert_eq!(tables, ["ftp-proto/src/command/verbs.rs"]);
    for row in ftp_proto::command::VERBS {
        assert_eq!(row.verb.row().map(|found| found.name), Some(row.name), "one row for {}", row.name);
        for alias in row.aliases {
            assert_eq!(ftp_proto::command::Verb::named(alias.as_bytes()), Some(row.verb), "{alias}");
        }
    }
}

#[test]
fn reply_digits_stand_in_their_table_only() {
    let wrong = |file: &Source, line: &str| {
        !file.path.starts_with("ftp-proto/src/reply/")
            && !file.path.starts_with("integration-tests/")
            && !file.path.contains("/examples/")
            && source::reply_digits(line)
    };
    none("say a Meaning; ftp-proto/src/reply owns the digits", lines_where(&sources(), wrong));
}

#[test]
fn address_predicates_stand_in_policy_and_kind_only() {
    const PREDICATES: [&str; 9] = [
        ".is_loopback()",
        ".is_private()",
        ".is_multicast()",
        ".is_broadcast()",
        ".is_link_local()",
        ".is_unicast_link_local()",
        ".is_unique_local()",
        ".is_unspecified()",
        ".is_documentation()",
    ];
    let wrong = |file: &Source, line: &str| {
        !file.path.starts_with("ftp-proto/src/policy/")
            && file.path != "ftp-proto/src/address/kind.rs"
            && PREDICATES.iter().any(|predicate| line.contains(predicate))
    };
    none("ask policy::decide or address::kind", lines_where(&sources(), wrong));
}

#[test]
fn r54_a_relay_asks_for_the_date_for_the_end_of_tokens_and_to_tell_it_and_for_nothing_else() {
    // The file, how often it asks, and what for.
    const USES: [(&str, usize, &str); 8] = [
        ("at_hub/keep.rs", 1, "whether a token that was denied has ended"),
        ("cli/check.rs", 2, "whether a token has ended, and how far the clocks are apart"),
        ("cli/serve.rs", 1, "which tokens have ended"),
        ("cli/token.rs", 1, "when a new token ends"),
        ("hub/exchange.rs", 1, "told to whoever asks"),
        ("listen/accept.rs", 1, "whether a token has ended"),
        ("listen/service.rs", 2, "when a token ends, and told to whoever asks"),
        ("operate/audit.rs", 1, "the time of a line"),
    ];
    let mut found: Vec<(String, usize)> = Vec::new();
    for file in sources() {
        let asks = |line: &str| line.contains("Clock::today()") || line.contains("SystemTime::now");
        let count = file.code.iter().filter(|(_, line)| asks(line)).count();
        let relay = file.path.strip_prefix("ftp-relay-agent/src/");
        if let Some(path) = relay.filter(|_| count > 0) {
            found.push((path.to_owned(), count));
        }
        assert!(!file.path.starts_with("ftp-proto/src/relay/") || count == 0, "{}", file.path);
    }
    found.sort();
    let expected = USES.map(|(path, count, _)| (path.to_owned(), count));
    assert_eq!(found, expected, "a decision that depends on a date is one that a wrong clock can change");
}

#[test]
fn the_clock_is_read_in_one_place() {
    let wrong = |file: &Source, line: &str| {
        file.path != "ftp-proto/io/src/clock.rs"
            && !file.path.starts_with("ftp-proto/io/src/clock/")
            && !file.path.contains("/benches/")
            && !file.path.contains("/examples/")
            && line.contains("Instant::now")
    };
    none("ftp_io::clock is the only clock", lines_where(&sources(), wrong));
}

#[test]
fn nothing_is_left_to_do() {
    let words: Vec<String> = ["TO", "FIX"].iter().zip(["DO", "ME"]).map(|(a, b)| format!("{a}{b}")).collect();
    let mut found = Vec::new();
    for (path, text) in source::texts() {
        for (number, line) in (1..).zip(text.lines()) {
            if words.iter().any(|word| line.contains(word.as_str())) {
                found.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    none("an open point is a decision record or a line of the status table", found);
}

#[test]
fn no_text_names_a_place_of_one_machine() {
    let places: Vec<String> =
        [("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/")].iter().map(|(a, b)| format!("{a}{b}")).collect();
    let mut found = Vec::new();
    for (path, text) in source::texts() {
        for (number, line) in (1..).zip(text.lines()) {
            if places.iter().any(|place| line.contains(place.as_str())) {
                found.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    none("the tree works wherever it is cloned", found);
}
