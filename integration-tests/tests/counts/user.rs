//! Operations of `ftp-user`.

use super::server::set_times;
use super::table::Count;
use super::valgrind::Valgrind;
use integration_tests::binary::Program;
use integration_tests::site::{Server, Site, sample};
use integration_tests::user::{User, user_at};
use std::fmt::Write;

/// Two servers, and files of 1 KiB in a directory of the first one.
fn servers(files: usize) -> (Server, Server) {
    let source = (0..files)
        .fold(Site::new("source"), |site, number| site.file(&format!("d/{number:04}"), sample(1 << 10)));
    let source = source.start();
    set_times(&source);
    (source, Site::new("destination").at("127.0.0.3").start())
}

fn run(valgrind: &Valgrind, command: impl FnOnce(User) -> User) -> Count {
    let (script, counted) = valgrind.script(Program::User);
    drop(command(user_at(&script)).run().exits(0));
    counted.count()
}

/// Files of 1 KiB of a tree, which move together from server to server.
pub(crate) fn copy_tree(valgrind: &Valgrind, times: usize) -> Count {
    let (source, destination) = servers(times);
    let count = run(valgrind, |user| user.args(["copy", "-r", &source.url("d"), &destination.url("")]));
    assert_eq!(destination.names().len(), 1 + times);
    count
}

/// Files of 1 KiB that are copied one after the other, each by a command of the shell.
pub(crate) fn copy_files(valgrind: &Valgrind, times: usize) -> Count {
    let (source, destination) = servers(times);
    let lines = (0..times).fold(String::new(), |mut lines, number| {
        let name = format!("{number:04}");
        let (from, to) = (source.url(&format!("d/{name}")), destination.url(&name));
        writeln!(lines, "copy {from} {to}").unwrap();
        lines
    });
    let count = run(valgrind, |user| user.file("script", lines).args(["shell", "--file", "script"]));
    assert_eq!(destination.names().len(), times);
    count
}

/// Listings of 1,000 names that are read and printed.
pub(crate) fn list(valgrind: &Valgrind, times: usize) -> Count {
    let (source, _) = servers(times * 1000);
    run(valgrind, |user| user.args(["ls", &source.url("d/")]))
}
