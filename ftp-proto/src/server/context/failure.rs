//! What a failure of the file system is called in a reply.

use crate::command::Verb;
use crate::reply::Meaning;
use crate::server::ask::FileFailure;

/// The meaning of `failure` in the reply to `verb`.
pub(in crate::server) const fn meaning(verb: Verb, failure: FileFailure) -> Meaning {
    match failure {
        FileFailure::NotFound => Meaning::NotFound,
        FileFailure::NotDirectory if matches!(verb, Verb::Mlsd) => Meaning::Syntax, // RFC 3659 7.2.1
        FileFailure::Changed if is_digest(verb) => Meaning::FileBusy,
        FileFailure::Denied
        | FileFailure::ReadOnly
        | FileFailure::Lacks(_)
        | FileFailure::IsDirectory
        | FileFailure::NotDirectory
        | FileFailure::NotRegular
        | FileFailure::SameFile
        | FileFailure::NotEmpty => Meaning::Denied,
        FileFailure::Exists => Meaning::NameTaken,
        FileFailure::BadName | FileFailure::OtherRoot | FileFailure::LeadsUp => Meaning::BadName,
        FileFailure::Busy => Meaning::FileBusy,
        FileFailure::HooksWait | FileFailure::HeldGroups => Meaning::TooMany,
        FileFailure::BeyondEnd => Meaning::RestTooFar,
        FileFailure::NoSpace
        | FileFailure::KeptFree
        | FileFailure::QuotaBytes
        | FileFailure::QuotaFiles
        | FileFailure::DiskQuota
        | FileFailure::MaxFileSize
        | FileFailure::TooLarge
        | FileFailure::BeyondRange => Meaning::NoSpace,
        FileFailure::Changed
        | FileFailure::NotTheGroup
        | FileFailure::OtherDirectory
        | FileFailure::NotSynced
        | FileFailure::Incomplete
        | FileFailure::Stopped
        | FileFailure::Other => Meaning::LocalError,
    }
}

/// Whether `verb` computes a digest.
const fn is_digest(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Hash | Verb::Xcrc | Verb::Xmd5 | Verb::Xsha | Verb::Xsha1 | Verb::Xsha256 | Verb::Xsha512
    )
}
