//! Names at which the server cannot look.

use ftp_proto::listing::Kind;
use rustix::fs::Stat;
use rustix::io::Errno;

use super::*;
use crate::vfs::failure;
use crate::vfs::list::Name;

/// What a disk says that fails, or a server that is not reached.
const ERRORS: [Errno; 9] = [
    Errno::ACCESS,
    Errno::IO,
    Errno::STALE,
    Errno::NOTCONN,
    Errno::LOOP,
    Errno::NOMEM,
    Errno::TIMEDOUT,
    Errno::HOSTDOWN,
    Errno::NAMETOOLONG,
];

fn fails<const AT: usize>(_: &Name<'_>) -> Result<Stat, Errno> {
    Err(ERRORS[AT])
}

type Look = fn(&Name<'_>) -> Result<Stat, Errno>;

const LOOKS: [Look; 9] = [
    fails::<0>, fails::<1>, fails::<2>, fails::<3>, fails::<4>, fails::<5>, fails::<6>, fails::<7>,
    fails::<8>,
];

/// All entries of the root, and names of which nothing is known.
fn listed(site: &Site, look: Look, detail: Detail) -> Vec<Entry> {
    let Ok(PreparedTransfer::List { listing, .. }) = site.prepare("/", Intent::List(ListStyle::Long)) else {
        panic!("not prepared for listing");
    };
    let mut listing = listing.looking(look);
    let mut all = Vec::new();
    loop {
        match listing.next_entry(detail).unwrap() {
            Next::Found(entry) => all.push(entry.clone()),
            Next::Hidden | Next::Omitted(_) => {}
            Next::Unknown(name) => panic!("{name:?} has no type"),
            Next::End => break,
        }
    }
    all.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    all
}

fn site() -> Site {
    let site = Site::new();
    site.file("a", "content");
    site.dir("d");
    site.link("l", "a");
    site
}

#[test]
fn a_name_at_which_the_server_cannot_look_has_the_type_that_its_directory_has_and_no_other_fact() {
    let site = site();
    let kinds = [("a", Kind::File), ("d", Kind::Directory), ("l", Kind::Link)];
    for (error, look) in ERRORS.into_iter().zip(LOOKS) {
        for (detail, mode) in [(Detail::Facts, None), (Detail::Shown, Some(0))] {
            let bare = kinds.map(|(at, kind)| Entry { mode, ..Entry::new(name(at), kind) });
            assert_eq!(listed(&site, look, detail), bare, "{error}");
        }
    }
}

#[test]
fn a_name_that_is_gone_is_left_out() {
    assert_eq!(listed(&site(), |_| Err(Errno::NOENT), Detail::Facts), []);
}

#[test]
fn only_a_name_that_nothing_has_is_called_missing() {
    for error in ERRORS.into_iter().chain([Errno::PERM, Errno::NODEV, Errno::NXIO, Errno::NOTDIR]) {
        assert_ne!(failure(error), FileFailure::NotFound, "{error}");
    }
    assert_eq!(failure(Errno::NOENT), FileFailure::NotFound);
}
