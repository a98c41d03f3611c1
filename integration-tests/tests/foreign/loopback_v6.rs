//! Every kind of server that can listen at `::1`, between two of them.

use super::matrix::{brings_tree, run_all_pairs, word};
use integration_tests::foreign::{Kind, Skipped, Who, tree};
use integration_tests::or_skip;
use std::net::{IpAddr, Ipv6Addr};

const HERE: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

fn cell(from: Who, to: Who) -> Result<&'static str, Skipped> {
    let files = tree([from, to]);
    let source = from.start_at(HERE, from.most_open(), &files)?;
    let target = to.start_at(HERE, to.most_open(), &[])?;
    let run = brings_tree(&source, &target, &files, &[]);
    Ok(word(&run))
}

#[test]
fn j01_servers_of_other_people_exchange_files_at_the_loopback_address_of_ipv6() {
    let kinds = [Kind::Vsftpd, Kind::Proftpd].map(Who::Theirs);
    assert_eq!(or_skip!(cell(kinds[0], Who::Ours)), "direct, D");
    assert_eq!(or_skip!(cell(Who::Ours, kinds[1])), "direct, D");
}

/// `FOREIGN_MATRIX=all`: every ordered pair. Otherwise nothing: the test above has two pairs.
#[test]
fn matrix_of_all_pairs_at_the_loopback_address_of_ipv6() {
    run_all_pairs(Some("matrix over ipv6"), cell);
}
