//! ftp-user between every two kinds of servers, ours and other people's.

use super::matrix::{self, Cell, is_fetched, run_all, run_with_each, wanted};
use integration_tests::beside::each_of;
use integration_tests::foreign::{
    DirectPath, End, Hosts, Kind, Page, Skipped, Who, direct_path, exits_without_a_path, is_open_rung, shown,
    side_name, sides, tree,
};
use integration_tests::or_skip;
use integration_tests::user::{Run, user};

/// One server of a pair.
type Side = (Who, Hosts);

/// What came of one copy.
struct Copied {
    files: Vec<(&'static str, Vec<u8>)>,
    from: End,
    to: End,
    run: Run,
}

/// Copies files from one side to the other.
fn copy(from: Side, to: Side, files: Vec<(&'static str, Vec<u8>)>, more: &[&str]) -> Result<Copied, Skipped> {
    let both = [from.0, to.0];
    let from = from.0.start(from.1, &files)?;
    let to = to.0.start(to.1, &[])?;
    let run = user()
        .args(["copy", "-r", "--json", "--trace", "trace.txt", "--stall", "10s"])
        .args(Who::without_tls(&both))
        .args(more)
        .args([from.url("tree"), to.url("")])
        .run();
    Ok(Copied { files, from, to, run })
}

/// The whole tree has arrived and nothing else.
fn is_whole(copied: &Copied, shown: &str) {
    let Copied { files, from, to, run } = copied;
    matrix::is_whole(run, (from, to), files, shown);
    is_fetched(to, files);
}

/// Between two servers with `--path direct`: the tree is there, over the path that the two leave open,
/// or the run says that there is none.
fn goes_direct(from: Side, to: Side) -> Result<(), Skipped> {
    let path = direct_path(from, to);
    if path == DirectPath::None {
        return is_refused(from, to);
    }
    // Twisted loses what has come before STOR, and then waits for more: such a file needs another attempt.
    let copied = copy(from, to, tree([from.0, to.0]), &["--path", "direct", "--retries", "1"])?;
    let cell = format!("{from:?} -> {to:?}\n{}", shown(&copied.run, &copied.from, &copied.to, ""));
    is_whole(&copied, &cell);
    let summary = copied.run.summary();
    assert_eq!(summary["path"], "direct", "{cell}");
    assert!(is_open_rung(summary["rung"].as_str().unwrap(), from, to), "{cell}");
    Ok(())
}

/// Asked for nothing special, ftp-user brings the tree: directly where that is open, else through this
/// host.
fn arrives(from: Side, to: Side) -> Result<(), Skipped> {
    let copied = copy(from, to, tree([from.0, to.0]), &["--retries", "1", "--timeout", "10s"])?;
    let cell = format!("{from:?} -> {to:?}\n{}", shown(&copied.run, &copied.from, &copied.to, ""));
    is_whole(&copied, &cell);
    let summary = copied.run.summary();
    assert_eq!(
        summary["path"],
        if direct_path(from, to) == DirectPath::None { "user" } else { "direct" },
        "{cell}"
    );
    Ok(())
}

/// What a cell of the matrix asserts; the word is what the page shows.
fn cell(from: Side, to: Side) -> Result<&'static str, Skipped> {
    goes_direct(from, to)?;
    let path = direct_path(from, to);
    if path == DirectPath::None {
        arrives(from, to)?;
    }
    Ok(path.word())
}

/// The same where both let foreign hosts take part as far as they can.
pub(super) fn copies(from: Who, to: Who) -> Result<&'static str, Skipped> {
    cell((from, from.most_open()), (to, to.most_open()))
}

/// There is no direct path: the run ends soon, says so, and leaves no file behind.
fn is_refused(from: Side, to: Side) -> Result<(), Skipped> {
    let files = tree([from.0, to.0]).into_iter().take(1).collect();
    let copied = copy(from, to, files, &["--path", "direct", "--retries", "0", "--timeout", "3s"])?;
    let cell = format!("{from:?} -> {to:?}\n{}", shown(&copied.run, &copied.from, &copied.to, ""));
    let code = copied.run.code().unwrap();
    assert!(exits_without_a_path([from.0, to.0]).contains(&code), "exit {code}: {cell}");
    assert_eq!(copied.to.names(), ["tree/"], "{cell}");
    Ok(())
}

#[test]
fn every_kind_of_server_takes_part() {
    run_with_each(&Kind::ALL, copies);
}

/// Where they refuse foreign hosts there is no direct path, and the tree goes through this host.
#[test]
fn servers_that_refuse_are_left_out() {
    each_of(&[Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib], |kind| {
        let (ours, theirs) = ((Who::Ours, Hosts::Allowed), (Who::Theirs(*kind), Hosts::Refused));
        for (from, to) in [(ours, theirs), (theirs, ours)] {
            or_skip!(cell(from, to));
        }
    });
}

#[test]
fn globus_that_drops_letters_of_a_name_has_to_take_the_copy_back() {
    let copy = || {
        let name = "\u{17c}\u{f3}\u{142}w.txt";
        let from = Who::Ours.start(Hosts::Allowed, &[(name, b"turtle".to_vec())])?;
        let to = Who::Theirs(Kind::Globus).start(Hosts::Allowed, &[])?;
        let run = user().args(["copy", "--retries", "0"]);
        let run = run.args([from.url("%C5%BC%C3%B3%C5%82w.txt"), to.url("%C5%BC%C3%B3%C5%82w.txt")]).run();
        run.exits(7).says("beyond ASCII");
        assert_eq!(to.names(), [""; 0]);
        Ok::<(), Skipped>(())
    };
    or_skip!(copy());
}

#[test]
fn the_listener_is_the_end_that_lets_foreign_hosts_in() {
    let vsftpd = |hosts| (Who::Theirs(Kind::Vsftpd), hosts);
    // The source may not connect to a foreign host: it listens. And the other way round.
    or_skip!(goes_direct(vsftpd(Hosts::OnlyToAccept), vsftpd(Hosts::OnlyToConnect)));
    or_skip!(goes_direct(vsftpd(Hosts::OnlyToConnect), vsftpd(Hosts::OnlyToAccept)));
    or_skip!(goes_direct(vsftpd(Hosts::OnlyToAccept), (Who::Ours, Hosts::Allowed)));
    or_skip!(goes_direct((Who::Ours, Hosts::Allowed), vsftpd(Hosts::OnlyToConnect)));
}

/// `FOREIGN_MATRIX=all`: every ordered pair, each end allowing and refusing; `FOREIGN_PAGE` names the
/// page that is given the result. `FOREIGN_MATRIX=pyftpdlib`: the cells with that one at either end.
/// Otherwise nothing: a test above has one cell of each kind.
#[test]
fn matrix_of_all_pairs() {
    let Some(wanted) = wanted() else { return };
    let sides: Vec<(String, Side)> = sides().map(|side| (side_name(side), side)).collect();
    let pairs = sides.iter().flat_map(|from| sides.iter().map(move |to| (from, to)));
    let cells: Vec<Cell<'_>> = pairs
        .filter(|((_, from), (_, to))| wanted(from.0) || wanted(to.0))
        .map(|((one, from), (other, to))| Cell { from: one, to: other, work: Box::new(|| cell(*from, *to)) })
        .collect();
    run_all(Page::of_sides(), &cells);
}
