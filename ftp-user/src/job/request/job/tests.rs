//! Which jobs are refused before anything is sent to a server.

use super::*;
use crate::place::tests::location;

#[test]
fn h32_a_directory_is_never_made_like_one_in_it() {
    let check = |source: &str, dest: &str, expect: Option<&str>| {
        let rules = SyncRules::default();
        let job = Job::sync(location(source), location(dest), rules, Options::default());
        let found = job.map_err(|failure| failure.to_string());
        match (expect, &found) {
            (None, Ok(_)) => {}
            (Some(words), Err(why)) if why.contains(words) => {}
            _ => panic!("{source} {dest}: {found:?}"),
        }
    };
    check("ftp://u@h/a", "ftp://u@h/b", None);
    check("ftp://u@h/a", "ftp://u@h/a/", Some("is source and destination"));
    check("ftp://u@h/a/b", "ftp://u@H:21/a", Some("is in the destination"));
    check("ftp://u@h/a", "ftp://u@h/a/b", Some("is in the source"));
    check("ftp://u@h/", "ftp://u@h/a/b", Some("is in the source"));
    check("ftp://u@h//", "ftp://u@h//a", Some("is in the source"));
    check("ftp://u@h/a", "ftp://v@h/a", None);
    check("ftp://u@h/a/../b", "ftp://u@h/c", Some("leads upwards"));
    check("ftp://u@h/a*", "ftp://u@i/c", Some("is a pattern"));
    check("a", "b", Some("both on this host"));
}

#[test]
fn h32_a_place_is_never_copied_to_itself() {
    let check = |source: &str, dest: &str, refused: bool| {
        let job = Job::copy(vec![location(source)], location(dest), Options::default());
        assert_eq!(job.is_err(), refused, "{source:?} {dest:?}");
    };
    check("ftp://u@h/a", "ftp://u@H:21/a", true);
    check("ftp://u@h/a", "ftp://u@h/b", false);
    check("ftp://u@h/a", "ftp://v@h/a", false);
    check("ftp://u@h:2121/a", "ftp://u@h:2122/a", false);
}
