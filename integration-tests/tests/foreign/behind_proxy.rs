//! A user behind a SOCKS5 proxy: each server sees the proxy alone, and two of them exchange files as directly as ever.

use super::matrix::{brings_tree, run_all_pairs};
use integration_tests::foreign::{DirectPath, Kind, Skipped, Who, direct_path_from_afar, own_address, tree};
use integration_tests::or_skip;
use integration_tests::socks::{Conduct, Proxy};

/// The tree arrives, directly where that is open, and once more through this host. Only the proxy has called the two
/// servers.
fn cell(from: Who, to: Who) -> Result<&'static str, Skipped> {
    let files = tree([from, to]);
    let path = direct_path_from_afar((from, from.most_open()), (to, to.most_open()));
    // Of two good paths the race may take either: a direct one is asked for.
    let first = if path == DirectPath::None { ("auto", "user") } else { ("direct", "direct") };
    for (asked, expected) in [first, ("user", "user")] {
        let source = from.start(from.most_open(), &files)?;
        let target = to.start(to.most_open(), &[])?;
        let proxy = Proxy::start(&own_address().to_string(), Conduct::Works, &[]);
        let run = brings_tree(&source, &target, &files, &["--path", asked, "--proxy", &proxy.url()]);
        assert_eq!(run.summary()["path"], expected, "{from:?} -> {to:?} {asked}\n{run}");
        let asked = proxy.asked();
        for end in [&source, &target] {
            assert!(asked.iter().any(|name| name.starts_with(&format!("{}:", end.ip()))), "{asked:?}");
        }
    }
    Ok(first.1)
}

#[test]
fn i08_servers_of_other_people_exchange_files_for_a_user_behind_a_proxy() {
    let kinds = [Kind::Vsftpd, Kind::Proftpd].map(Who::Theirs);
    assert_eq!(or_skip!(cell(kinds[0], Who::Ours)), "direct");
    assert_eq!(or_skip!(cell(Who::Ours, kinds[1])), "direct");
}

/// `FOREIGN_MATRIX=all`: every ordered pair. Otherwise nothing: the test above has two pairs.
#[test]
fn matrix_of_all_pairs_behind_a_proxy() {
    run_all_pairs(Some("matrix behind a proxy"), cell);
}
