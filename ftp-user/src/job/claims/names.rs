//! Hosts, paths and files as the journal names them, whatever the settings call them.

use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::Result;
use crate::job::Item;
use crate::job::retry::ask;
use crate::journal::Place;
use crate::place::Site;
use crate::route::Ends;
use crate::world::{absolute, local_path, resolved};
use ftp_proto::wire::PathName;
use std::os::unix::ffi::OsStrExt;

/// A file as the journal names it.
pub(in crate::job) fn place(ends: &Ends, item: &Item) -> Place {
    let source = ends.source.show(&item.source);
    Place { source, ..place_at(&ends.destination, &item.destination) }
}

/// A path of a host as the journal names the destination of a file.
pub(in crate::job) fn place_at(host: &Host, path: &PathName) -> Place {
    Place { source: String::new(), site: site_of(host), path: path_at(host, path) }
}

/// A host as the journal names it: user, host and port; empty for this host.
pub(in crate::job) fn site_of(host: &Host) -> String {
    host.site().map(name_in_journal).unwrap_or_default()
}

/// A server as the journal names it, whatever the settings call it: two jobs must not write to one place.
pub fn name_in_journal(site: &Site) -> String {
    format!("{}@{}", String::from_utf8_lossy(site.login()), site.key())
}

/// The path of a file as the journal names it: one name for its spellings, as far as that can be told. The file can be
/// reached by it.
///
/// On this host, symbolic links and `..` above the file are resolved. At a server, what is below the login directory is
/// named from there, if the server was asked for that directory.
pub(in crate::job) fn path_at(host: &Host, path: &PathName) -> Vec<u8> {
    match host {
        Host::Server(server) => plain(path, server.pool.login_directory()),
        Host::Local(_) => {
            let path = absolute(local_path(path));
            // A symbolic link that has the name of the file is replaced.
            let real = match (path.parent(), path.file_name()) {
                (Some(above), Some(name)) => resolved(above).join(name),
                (None, _) | (_, None) => resolved(&path),
            };
            real.as_os_str().as_bytes().to_vec()
        }
    }
}

/// The path of a directory as the journal names it: the paths of files in it begin with that.
pub(in crate::job) fn directory_at(host: &Host, path: &PathName) -> Vec<u8> {
    match host {
        Host::Server(_) => path_at(host, path),
        Host::Local(_) => resolved(&absolute(local_path(path))).as_os_str().as_bytes().to_vec(),
    }
}

/// How the journal names files below a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::job) struct JournalNames {
    /// What their names in the journal begin with.
    pub(in crate::job) begin: Vec<u8>,
    /// What follows that begins here below the directory: empty, or a path with a separator at its end.
    below: Vec<u8>,
}

impl JournalNames {
    /// The path below the directory of a file that the journal names `path`, if it is named in this form.
    pub(in crate::job) fn path_below(&self, path: &[u8]) -> Option<Vec<u8>> {
        // A path that does not begin at the login directory has another form.
        let is_rooted = self.begin.is_empty() && path.starts_with(b"/");
        let rest = path.strip_prefix(self.begin.as_slice()).filter(|_| !is_rooted)?;
        Some([&self.below, rest].concat())
    }
}

/// All forms in which the journal names files below a directory: those below the login directory of a server are named from
/// there, and that may itself be below the directory.
pub(in crate::job) fn named_below(host: &Host, directory: &PathName) -> Vec<JournalNames> {
    let login = match host {
        Host::Server(server) => server.pool.login_directory(),
        Host::Local(_) => None,
    };
    let login = login.and_then(|login| login_below(directory, login));
    let login = login.map(|below| JournalNames { begin: Vec::new(), below });
    let mut begin = directory_at(host, directory);
    if !begin.is_empty() && !begin.ends_with(b"/") {
        begin.push(b'/');
    }
    [JournalNames { begin, below: Vec::new() }].into_iter().chain(login).collect()
}

/// The path of the login directory below another one, with a separator at its end; `None` if it is not below it.
fn login_below(directory: &PathName, login: &PathName) -> Option<Vec<u8>> {
    let below = login.relative_to(directory).filter(|_| login.is_absolute())?;
    Some([below.as_bytes(), b"/"].concat())
}

/// Before anything is claimed at or below `path`: asks a server for its login directory, if names in the journal depend on it.
/// If it does not answer, the first question about a file says so.
pub(in crate::job) async fn learn(context: &Context, host: &mut Host, path: &PathName) {
    if !host.is_local() && path.is_absolute() {
        let _: Result<_> = ask!(context, host, files::login_directory(context, host));
    }
}

/// A path of a server without empty names and `.`; from the login directory, if it is known and the path is below it. `..` stays: what
/// is above a symbolic link is known to the server alone.
fn plain(path: &PathName, login: Option<&PathName>) -> Vec<u8> {
    let below = login.filter(|login| login.is_absolute()).and_then(|login| path.names_below(login));
    let (begin, names): (&[u8], Vec<&[u8]>) = match below {
        Some(below) => (b"", below.collect()),
        None if path.is_absolute() => (b"/", path.names().collect()),
        None => (b"", path.names().collect()),
    };
    // Servers take such a first name for the directory of a user.
    let is_of_user = begin.is_empty() && names.first().is_some_and(|name| name.starts_with(b"~"));
    if is_of_user { path.as_bytes().to_vec() } else { [begin, &names.join(&b'/')].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::LocalEnd;
    use crate::place::tests::path as name;
    use std::os::unix::fs::symlink;

    #[test]
    fn n10_spellings_of_one_path_at_a_server_have_one_name() {
        for (path, login, expect) in [
            ("x/f", None, "x/f"),
            ("./x/f", None, "x/f"),
            ("x//f", None, "x/f"),
            ("x/./f", Some("/users/ann"), "x/f"),
            ("/x/f", None, "/x/f"),
            ("//x//f", None, "/x/f"),
            ("/x/f", Some("/"), "x/f"),
            ("/users/ann/x/f", Some("/users/ann"), "x/f"),
            ("/users/./ann//x/f", Some("/users/ann/"), "x/f"),
            ("/users/anna/x/f", Some("/users/ann"), "/users/anna/x/f"),
            ("/users/ann", Some("/users/ann"), ""),
            (".", None, ""),
            // Only the server knows.
            ("x/../f", None, "x/../f"),
            ("/users/ann/x", Some("home"), "/users/ann/x"),
            ("PUB.DATA(F)", None, "PUB.DATA(F)"),
            // These are directories of users, or names of files.
            ("~ann/f", None, "~ann/f"),
            ("./~ann/f", None, "./~ann/f"),
            ("/~ann/f", Some("/"), "/~ann/f"),
        ] {
            let login = login.map(name);
            let plain = plain(&name(path), login.as_ref());
            assert_eq!(String::from_utf8(plain).unwrap(), expect, "{path} {login:?}");
        }
    }

    #[test]
    fn the_login_directory_may_be_below_another_one() {
        for (directory, login, expect) in [
            ("/", "/users/ann", Some("users/ann/")),
            ("/users", "/users/ann", Some("ann/")),
            ("//users/./", "/users/ann/", Some("ann/")),
            ("/users/ann", "/users/ann", None),
            ("/users/ann/x", "/users/ann", None),
            ("/user", "/users/ann", None),
            ("users", "/users/ann", None),
            ("/users", "home", None),
        ] {
            let below = login_below(&name(directory), &name(login));
            assert_eq!(below.as_deref(), expect.map(str::as_bytes), "{directory} {login}");
        }
    }

    #[test]
    fn only_what_the_journal_names_below_a_directory_is_below_it() {
        let form = |begin: &str, below: &str| JournalNames { begin: begin.into(), below: below.into() };
        for (form, path, expect) in [
            (form("/a/", ""), "/a/c", Some("c")),
            (form("/a/", ""), "/ab/c", None),
            (form("", ""), "a/c", Some("a/c")),
            (form("", ""), "/a/c", None),
            (form("", "ann/"), "a/c", Some("ann/a/c")),
        ] {
            let below = form.path_below(path.as_bytes());
            assert_eq!(below.as_deref(), expect.map(str::as_bytes), "{form:?} {path}");
        }
    }

    #[test]
    fn n10_spellings_of_one_path_of_this_host_have_one_name() {
        let home = tempfile::tempdir().unwrap();
        let top = home.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("real/deep")).unwrap();
        symlink("real", top.join("link")).unwrap();
        symlink("f", top.join("real/to-f")).unwrap();
        let host = Host::Local(LocalEnd::Typed);
        let check = |named: Vec<u8>, expect: &str| {
            assert_eq!(
                named.escape_ascii().to_string(),
                top.join(expect).as_os_str().as_bytes().escape_ascii().to_string()
            );
        };
        for (path, expect) in [
            ("real/f", "real/f"),
            ("./real//./f", "real/f"),
            ("link/f", "real/f"),
            ("real/../real/f", "real/f"),
            ("link/deep/../f", "real/f"),
            // They are not there yet.
            ("link/new/sub/f", "real/new/sub/f"),
            // The link itself would be replaced.
            ("real/to-f", "real/to-f"),
        ] {
            check(path_at(&host, &name(top.join(path))), expect);
        }
        check(directory_at(&host, &name(top.join("link"))), "real");
        check(directory_at(&host, &name(top.join("link/new"))), "real/new");
    }
}
