//! How the servers of a world seem to be: what they know, and what they refuse.

use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a server knows: ours, or no more than another one does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Manners {
    /// Everything that our server knows.
    Ours,
    /// As ProFTPD: digests and machine listings, and none of our extensions.
    Proftpd,
    /// As Pure-FTPd: machine listings, and no digests.
    PureFtpd,
    /// As vsftpd: sizes and times, and listings for people only.
    Vsftpd,
    /// As IIS: what vsftpd knows, and a file is renamed to no name that is taken. Its listings are those of vsftpd.
    Iis,
    /// RFC 959 and FEAT, whose list is empty.
    Standard,
}

impl Manners {
    /// The disguise of a server whose users see this directory.
    pub(super) fn disguise(self, root: &Path) -> Disguise {
        let root_without_replacing = (self == Self::Iis).then(|| root.to_owned());
        Disguise { hidden: self.hidden(), root_without_replacing }
    }

    /// The commands that it does not know. Each knows less than the one before it.
    fn hidden(self) -> Vec<&'static str> {
        let lacks: &[&[&str]] = match self {
            Self::Ours => &[],
            Self::Proftpd => &[OF_OURS],
            Self::PureFtpd => &[OF_OURS, OF_PROFTPD],
            Self::Vsftpd | Self::Iis => &[OF_OURS, OF_PROFTPD, OF_PURE_FTPD],
            Self::Standard => &[OF_OURS, OF_PROFTPD, OF_PURE_FTPD, OF_VSFTPD],
        };
        lacks.concat()
    }
}

/// What our server alone knows.
const OF_OURS: &[&str] = &[
    "ACTV",
    "AVBL",
    "CEPR",
    "CSID",
    "DETA",
    "DGST",
    "GSOC",
    "LSTN",
    "PACK",
    "PROB",
    "RATE",
    "RNDZ",
    "RSYM",
    "SITE COPY",
    "SITE CPFR",
    "SITE CPTO",
    "SITE SYNC",
    "SOCK",
    "STOR PARTIAL",
];
/// What ProFTPD knows, and Pure-FTPd does not.
const OF_PROFTPD: &[&str] = &[
    "HASH",
    "RANG",
    "SITE CHMOD",
    "SITE CHMOD;SYMLINK;SYNC;UTIME",
    "SITE SYMLINK",
    "SITE UTIME",
    "XCRC",
    "XMD5",
    "XSHA",
    "XSHA1",
    "XSHA256",
    "XSHA512",
];
/// What Pure-FTPd knows, and vsftpd does not.
const OF_PURE_FTPD: &[&str] = &["MFF", "MFMT", "MLSD", "MLST"];
/// What vsftpd knows, and RFC 959 does not have.
const OF_VSFTPD: &[&str] =
    &["CLNT", "EPRT", "EPSV", "HOST", "LANG", "MDTM", "MODE Z", "REST", "SIZE", "TVFS", "UTF8"];

/// What a server pretends not to know or not to permit.
#[derive(Debug, Default)]
pub(super) struct Disguise {
    /// The commands that it does not know.
    hidden: Vec<&'static str>,
    /// The directory of its users, if it renames nothing to a name that is taken there.
    root_without_replacing: Option<PathBuf>,
}

impl Disguise {
    /// Changes what is sent to the server, and the list of its features. A hidden command gets another first letter. The new name of a
    /// file, if it is taken, gets a directory that does not exist, so that the server refuses it, in its own words.
    pub(super) fn rewrite(&self, text: &mut [u8]) {
        for line in text.split_mut(|byte| *byte == b'\n') {
            let verb = if let [b' ', verb @ ..] = line { verb } else { line };
            let is_hidden = |name: &&str| {
                let behind = verb.strip_prefix(name.as_bytes()).and_then(|rest| rest.first());
                matches!(behind, Some(b' ' | b'\r'))
            };
            if self.hidden.iter().any(is_hidden) {
                verb[0] = b'Q';
            } else if self.refuses(verb) {
                let directory = verb.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                let changed = verb[..directory].iter_mut().skip(RENAME.len()).filter(|byte| **byte != b'/');
                changed.for_each(|byte| *byte = b'~');
            }
        }
    }

    fn refuses(&self, command: &[u8]) -> bool {
        let name = command.strip_prefix(RENAME).and_then(|name| name.strip_suffix(b"\r"));
        let (Some(root), Some(name)) = (&self.root_without_replacing, name) else { return false };
        let name = name.strip_prefix(b"/").unwrap_or(name);
        root.join(OsStr::from_bytes(name)).exists()
    }
}

/// What stands before the new name of a file.
const RENAME: &[u8] = b"RNTO ";
