//! How the driver answers what the session asks.

use super::lines::{ACCOUNT, PASSWORD};
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::listing::{Entry, Kind, When};
use ftp_proto::policy::Foreign;
use ftp_proto::reply::{FileOutcome, LeftOut};
use ftp_proto::server::ask::{
    Account, Carried, DetachedState, DetachedTransfer, End, FileAnswer, FileAsk, FileFailure, FileIdentity,
    Handshake, Intent, TransferTerms,
};
use ftp_proto::server::{Access, Right, Rights};
use ftp_proto::wire::{ByteRange, Fingerprint, PathName, Secret};

/// Failures of all kinds of reply.
const FAILURES: [FileFailure; 16] = [
    FileFailure::NotFound,
    FileFailure::Denied,
    FileFailure::Lacks(Right::Write),
    FileFailure::IsDirectory,
    FileFailure::NotDirectory,
    FileFailure::Exists,
    FileFailure::Busy,
    FileFailure::BeyondEnd,
    FileFailure::BeyondRange,
    FileFailure::NoSpace,
    FileFailure::HooksWait,
    FileFailure::HeldGroups,
    FileFailure::NotTheGroup,
    FileFailure::Changed,
    FileFailure::Stopped,
    FileFailure::Other,
];
const LEFT: [LeftOut; 6] =
    [LeftOut::Gone, LeftOut::Changed, LeftOut::Refused, LeftOut::Taken, LeftOut::Unsent, LeftOut::Failed];

/// The failure of this number.
pub(super) const fn failure(number: u8) -> FileFailure {
    FAILURES[number as usize % FAILURES.len()]
}

/// The account of somebody who gave the right password; `kind` says what it may do.
pub(super) fn account(user: Vec<u8>, password: Option<&Secret>, kind: u8) -> Option<Account> {
    if user == b"anonymous" {
        return Some(Account::anonymous());
    }
    if password.is_some_and(|password| password.expose() != PASSWORD.as_bytes()) {
        return None;
    }
    let access = match kind & 3 {
        0 | 1 => Access::everywhere(Rights::ALL),
        2 => Access::everywhere(Rights::READ_ONLY),
        _ => Access::everywhere(Rights::READ_ONLY).beneath(PathName::from_wire("/d").unwrap(), Rights::ALL),
    };
    Some(Account {
        access,
        admin: kind & 4 != 0,
        require_tls: kind & 8 != 0,
        charged_to: (kind & 16 != 0).then(|| Secret::new(ACCOUNT)),
        foreign: if kind & 32 != 0 { Foreign::Proven } else { Foreign::Authenticated },
        ..Account::new(user)
    })
}

/// What a handshake has shown.
pub(super) fn handshake(how: u8) -> Handshake {
    let leaf = (how & 4 != 0).then(|| Fingerprint::of(if how & 8 != 0 { b"" } else { b"other" }));
    Handshake { leaf, resumed: how & 16 == 0, exporter: [7; 32] }
}

/// How far a transfer is that may outlive its control connection.
pub(super) fn detached(how: u8) -> Option<DetachedTransfer> {
    let state = match how >> 2 & 3 {
        0 => DetachedState::Waiting,
        1 => DetachedState::Moving,
        2 => DetachedState::Whole,
        _ => DetachedState::Failed("broken".to_owned()),
    };
    (how & 3 != 1).then_some(DetachedTransfer { moved: 7, durable: u64::MAX, state })
}

/// How a move ends.
pub(super) fn end(intent: &Intent, terms: &TransferTerms, how: u8) -> End {
    match how & 3 {
        0 => End::Whole(carried(intent, terms, how)),
        1 => End::Broken("reset".to_owned()),
        2 => End::Failed(failure(how >> 2)),
        _ => End::Stopped,
    }
}

fn carried(intent: &Intent, terms: &TransferTerms, how: u8) -> Carried {
    let group = |count: usize, algorithm| {
        Carried::Group((0..count).map(|number| outcome(number, algorithm, how)).collect())
    };
    match intent {
        Intent::List(_) => Carried::Listing { omitted: u64::from(how >> 2) },
        Intent::SendGroup { files, algorithm } => group(files.len(), *algorithm),
        Intent::StoreGroup { files, algorithm, .. } => group(files.len(), *algorithm),
        Intent::Send { .. }
        | Intent::Replace
        | Intent::WriteAt { .. }
        | Intent::WriteRange { .. }
        | Intent::Append
        | Intent::Probe(_) => Carried::File(
            terms
                .digest
                .map(|algorithm| (digest(algorithm), ByteRange { first: 0, length: Some(u64::from(how)) })),
        ),
    }
}

fn outcome(number: usize, algorithm: Algorithm, how: u8) -> FileOutcome {
    if how >> 2 & 1 << (number % 4) == 0 {
        FileOutcome::Moved { bytes: 5, digest: digest(algorithm) }
    } else {
        FileOutcome::LeftOut(LEFT[number % LEFT.len()])
    }
}

fn digest(algorithm: Algorithm) -> Digest {
    Digest { algorithm, hex: "ab".repeat(algorithm.hex_len() / 2) }
}

/// What is found of files.
pub(super) fn found(ask: &FileAsk, how: u8) -> Result<FileAnswer, FileFailure> {
    if how & 1 == 1 {
        return Err(failure(how >> 1));
    }
    let left = |count: usize| left_out(1..=u16::try_from(count).unwrap(), how);
    Ok(match ask {
        FileAsk::Facts(path) => {
            let kind = if how & 2 == 0 { Kind::File } else { Kind::Directory };
            FileAnswer::Entry(Entry {
                size: (how & 4 == 0).then_some(u64::from(how)),
                modified: (how & 8 == 0).then_some(When(i64::from(how) * 86_400)),
                ..Entry::new(path.clone(), kind)
            })
        }
        FileAsk::List(..) => FileAnswer::Lines {
            lines: vec![b"-rw-r--r-- 220 a".to_vec(); usize::from(how >> 2)],
            more: how & 2 != 0,
            omitted: u64::from(how),
        },
        FileAsk::RenameFrom(_) if how & 2 == 0 => {
            FileAnswer::Identity(FileIdentity { device: 1, number: u64::from(how) })
        }
        FileAsk::Copy { .. } => FileAnswer::Copied(u64::from(how)),
        FileAsk::Look(_, names) => FileAnswer::LeftOut(left(names.len())),
        FileAsk::Keep(_, _, numbers) => FileAnswer::LeftOut(left_out(numbers.iter(), how)),
        FileAsk::Compare(_, files) | FileAsk::RemoveSame(_, files) => {
            let left = left(files.len());
            FileAnswer::Compared { same: u16::try_from(files.len() - left.len()).unwrap(), left }
        }
        FileAsk::Space(_) => FileAnswer::Space(u64::MAX),
        FileAsk::Hash { algorithm, range, .. } => {
            FileAnswer::Digest(digest(*algorithm), ByteRange { length: Some(u64::from(how)), ..*range })
        }
        FileAsk::RenameFrom(_)
        | FileAsk::CopyFrom(_)
        | FileAsk::Change { .. }
        | FileAsk::Link { .. }
        | FileAsk::Sync
        | FileAsk::Remove(_)
        | FileAsk::Enter(_)
        | FileAsk::Drop(_)
        | FileAsk::MakeDirectory(_)
        | FileAsk::RemoveDirectory(_)
        | FileAsk::Rename { .. } => FileAnswer::Done,
    })
}

/// Some of these files, each with a reason.
fn left_out(numbers: impl Iterator<Item = u16>, how: u8) -> Vec<(u16, LeftOut)> {
    let left = numbers.filter(|number| how >> 1 & 1 << (number % 4) != 0);
    left.map(|number| (number, LEFT[usize::from(number) % LEFT.len()])).collect()
}
