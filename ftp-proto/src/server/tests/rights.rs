//! What an account may do with files, in replies.

use super::Harness;
use super::harness::{config, modern, old};
use crate::server::{Access, Right, Rights};
use crate::wire::PathName;

fn with(access: &Access) -> [Harness; 2] {
    [modern(), old()].map(|mut h| {
        h.access = access.clone();
        // A session asks for its account at the login.
        h.log_in();
        h
    })
}

/// The commands that need each right; none of them needs a data connection to be refused.
const NEEDS: [(Right, &[&str]); 8] = [
    (Right::List, &["LIST", "NLST", "MLSD", "STAT /"]),
    (Right::Read, &["RETR a", "HASH a", "XCRC a"]),
    (Right::Write, &["STOR a", "STOU", "SITE SYMLINK a c"]),
    (Right::Append, &["APPE a"]),
    (Right::Delete, &["DELE a", "RMD a"]),
    (Right::Rename, &["RNFR a"]),
    (Right::Mkdir, &["MKD b"]),
    (Right::Chmod, &["MFMT 20261120102030 a", "MFF UNIX.mode=644; a", "SITE CHMOD 644 a"]),
];

#[test]
fn without_a_right_its_commands_are_refused_before_the_driver_is_asked() {
    for (missing, commands) in NEEDS {
        let rights: Rights = Right::ALL.into_iter().filter(|right| *right != missing).collect();
        for mut h in with(&Access::everywhere(rights)) {
            for command in commands {
                h.did.clear();
                let said = h.say(command).join(" ");
                assert!(said.contains(missing.permits()), "{missing:?} {command}: {said}");
                assert!(said.starts_with(['4', '5']), "{command}: {said}");
                // STAT looks first whether it is about a directory.
                let asked = h.did.iter().filter(|ask| !ask.starts_with("Facts"));
                assert_eq!(asked.count(), 0, "{command}: {:?}", h.did);
            }
        }
    }
}

#[test]
fn an_account_that_only_reads_is_told_so() {
    for mut h in with(&Access::everywhere(Rights::READ_ONLY)) {
        for command in ["STOR a", "APPE a", "DELE a", "RMD a", "MKD b", "RNFR a"] {
            let said = h.say(command).join(" ");
            assert!(said.contains("This account may only read"), "{command}: {said}");
        }
    }
}

#[test]
fn rights_hold_beneath_their_path() {
    let inside = PathName::from_wire("/in").unwrap();
    let access = Access::everywhere(Rights::READ_ONLY).beneath(inside, Rights::ALL);
    for mut h in with(&access) {
        assert!(h.say("DELE a").join(" ").contains("may not delete"), "outside");
        h.did.clear();
        h.say("DELE in/a");
        assert_eq!(h.did.len(), 1, "the driver is asked: {:?}", h.did);
    }
}

#[test]
fn a_rename_is_judged_at_both_names() {
    let inside = PathName::from_wire("/in").unwrap();
    let access = Access::everywhere(Rights::ALL).beneath(inside, Rights::READ_ONLY);
    let mut h = Harness::new(config());
    h.access = access;
    h.take();
    h.log_in();
    h.check("RNFR a", &["350"]);
    h.check("RNTO in/a", &["550"]);
    h.check("RNFR a", &["350"]);
    h.check("RNTO b", &["250"]);
}

#[test]
fn where_rights_depend_on_the_path_no_link_is_made() {
    let inside = PathName::from_wire("/in").unwrap();
    let access = Access::everywhere(Rights::NONE).beneath(inside, Rights::ALL);
    for mut h in with(&access) {
        h.did.clear();
        assert!(h.say("SITE SYMLINK a in/c")[0].starts_with(['4', '5']));
        assert_eq!(h.did, [""; 0]);
    }
}
