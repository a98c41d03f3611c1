//! Every path, family, dialect and protection with files of every critical length (J01), by the real programs.

use ftp_proto::dialect::Dialect::{self, Rfc354, Rfc959};
use integration_tests::site::{Server, Site, sample};
use integration_tests::user::{Run, user};

const LENGTHS: [usize; 4] = [0, 1, 65_535, 65_536];

/// Two servers, of which the first one has a file of each length in the directory `t`.
fn pair(addresses: [&str; 2], secured: bool) -> [Server; 2] {
    let site = |name, ip| {
        let site = Site::new(name).at(ip);
        if secured { site.tls() } else { site }
    };
    let files = LENGTHS
        .into_iter()
        .fold(site("source", addresses[0]), |site, length| site.file(&format!("t/{length}"), sample(length)));
    [files.start(), site("target", addresses[1]).start()]
}

const FAMILIES: [[&str; 2]; 2] = [["127.0.0.2", "127.0.0.3"], ["::1", "::1"]];

fn copy(servers: &[Server; 2], path: &str, from: String, to: String, more: &[&str]) -> Run {
    let run = user().args(["copy", "-r", "--json", "--retries", "0", "--path", path]).args(more);
    let run = run.args([from, to]).run().exits(0);
    let summary = run.summary();
    assert_eq!((&summary["path"], &summary["files"]), (&path.into(), &LENGTHS.len().into()), "{run}");
    for length in LENGTHS {
        let copy = servers[1].bytes(&format!("{path}/{length}"));
        assert!(copy == sample(length), "{length} bytes differ\n{run}");
    }
    run
}

/// A tree in clear from one dialect to the other, then a file that is appended to another one.
fn in_clear(servers: &[Server; 2], from: Dialect, to: Dialect, path: &str) {
    let [source, target] = servers;
    let (tree, copied) = (source.url_of(from, "t/"), target.url_of(to, &format!("{path}/")));
    let run = copy(servers, path, tree, copied, &["--overwrite", "always"]);
    assert_eq!(run.summary()["verified"], "sha-256", "{from:?} {to:?} {path}\n{run}");
    let appended = format!("{path}/1");
    let append = user().args(["append", "--json", "--retries", "0", "--path", path]);
    append.args([source.url_of(from, "t/65535"), target.url_of(to, &appended)]).run().exits(0);
    assert!(target.bytes(&appended) == [sample(1), sample(65_535)].concat(), "{from:?} {to:?} {path}");
}

#[test]
fn j01_trees_and_appended_files_by_every_path_in_both_families_between_both_dialects() {
    for addresses in FAMILIES {
        let servers = pair(addresses, false);
        for path in ["direct", "symmetric", "user"] {
            in_clear(&servers, Rfc959, Rfc959, path);
        }
        for (from, to) in [(Rfc354, Rfc354), (Rfc354, Rfc959), (Rfc959, Rfc354)] {
            in_clear(&servers, from, to, "direct");
        }
    }
}

#[test]
fn j01_trees_inside_tls_by_every_path_in_both_families() {
    for addresses in FAMILIES {
        let servers = pair(addresses, true);
        let pins: Vec<String> =
            servers.iter().flat_map(|server| ["--pin".to_owned(), server.pin()]).collect();
        let pins: Vec<&str> = pins.iter().map(String::as_str).collect();
        for path in ["direct", "symmetric", "user"] {
            let [source, target] = &servers;
            let (from, to) = (source.explicit_url("t/"), target.explicit_url(&format!("{path}/")));
            let run = copy(&servers, path, from, to, &pins);
            let summary = run.summary();
            assert_eq!(
                (&summary["verified"], &summary["protection"]),
                (&"sha-256".into(), &"private".into()),
                "{run}"
            );
        }
    }
}
