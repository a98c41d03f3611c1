//! Tests: whatever happens to the file of a journal, it is either read as it was written, or refused.

use super::claiming::Claim;
use super::failure::JournalFailure;
use super::record::{Command, Ended, ItemState, NewItem, PartId, Place, Seen, Start};
use super::store::{FILE, Store};
use crate::id::JobId;
use std::fs;
use std::path::Path;

fn place(number: u8) -> Place {
    let path = format!("copy/file-{number}").into_bytes();
    Place { source: format!("ftp://ann@one:21/file-{number}"), site: "ann@two:21".to_owned(), path }
}

/// A journal with a job that was killed: files that are done, have failed, and are under way.
fn written(directory: &Path) -> Vec<u8> {
    let store = Store::open(directory).unwrap();
    let (id, verb) = (JobId::new(1), "copy".to_owned());
    let words = ["copy", "-r", "ftp://ann@one/", "ftp://ann@two/copy"].map(Into::into).to_vec();
    let command = Command { words, ..Command::default() };
    let _lock = store.start(&Start { id, verb, command, resumes: false }).unwrap();
    for number in 0..40 {
        let part = PartId(u64::from(number) + 1);
        let file = NewItem { place: place(number), part: Some(part), seen: None };
        let claim = store.durably(|store| store.begin(id, &file));
        let Claim::Ours(begun) = claim.unwrap() else { panic!("no other job is there") };
        let seen = Seen { size: Some(5), modified: Some(7), unique: Some("a".to_owned()) };
        store.seen(begun.key, seen).unwrap();
        let verified = "sha-256".to_owned();
        match number % 3 {
            0 => store
                .ended(begun.key, Ended::Done { bytes: 5, verified, path: None, began: Some(1) })
                .unwrap(),
            1 => store.ended(begun.key, Ended::Failed { why: "refused".to_owned(), began: None }).unwrap(),
            _ => {}
        }
    }
    drop(store);
    fs::read(directory.join(FILE)).unwrap()
}

/// All that `jobs` shows and `resume` acts on.
fn read(directory: &Path) -> Result<String, JournalFailure> {
    let Some(store) = Store::existing(directory)? else { return Ok("no journal".to_owned()) };
    let jobs = store.jobs()?;
    let (id, verb) = (JobId::new(1), "copy".to_owned());
    let _lock = store.start(&Start { id, verb, command: Command::default(), resumes: true })?;
    let states = [ItemState::Open, ItemState::Done, ItemState::Failed, ItemState::GivenOver];
    let items: Result<Vec<_>, _> = states.into_iter().map(|state| store.items(id, state)).collect();
    Ok(format!("{jobs:?} {:?}", items?))
}

/// What is read of a journal with these bytes.
fn read_from(bytes: &[u8]) -> Result<String, JournalFailure> {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(FILE);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    read(home.path())
}

#[test]
fn n8_a_journal_that_is_cut_anywhere_or_has_a_wrong_byte_is_refused_or_read_as_it_was_written() {
    let home = tempfile::tempdir().unwrap();
    let whole = written(home.path());
    let expected = read_from(&whole).unwrap();
    let page = 4_096;
    assert!(whole.len() > 6 * page && expected.contains("file-39"), "{}", whole.len());
    for end in (page..whole.len()).step_by(page).flat_map(|end| [end - 1, end, end + 1]) {
        assert!(read_from(&whole[..end]).is_err(), "cut after {end} bytes");
    }
    let mut refused = 0;
    // The header, then a byte here and there.
    for at in (0..100).chain((100..whole.len()).step_by(211)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        match read_from(&bytes) {
            Ok(found) => assert_eq!(found, expected, "byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 20, "{refused}");
}
