//! What each verb of the command line does with the places among its words.

use super::super::Verb;
use crate::shell::{PlaceUse, Purpose};
use ftp_io::program::completion::ValueKind;

/// What a verb does with a value; `None` if that is no place that depends on where the shell is.
pub(super) fn place_use(verb: &Verb, kind: ValueKind) -> Option<PlaceUse> {
    if !kind.is_place() {
        return None;
    }
    let is_destination = kind == ValueKind::Destination;
    match verb {
        Verb::Ls(_) | Verb::Tree(_) => Some(PlaceUse::There(Purpose::List)),
        Verb::Stat(_) | Verb::Cat(_) | Verb::Hash(_) | Verb::Probe(_) => Some(PlaceUse::There(Purpose::Read)),
        Verb::Copy(_) | Verb::Append(_) | Verb::Sync(_) if kind == ValueKind::Source => {
            Some(PlaceUse::There(Purpose::Read))
        }
        // Also where a sync keeps what it replaces.
        Verb::Copy(_) | Verb::Append(_) | Verb::Sync(_) | Verb::Mkdir(_) => Some(PlaceUse::Destination),
        Verb::Move(_) if is_destination => Some(PlaceUse::Destination),
        Verb::Mv(_) if is_destination => Some(PlaceUse::NewName),
        Verb::Move(_) | Verb::Mv(_) | Verb::Rm(_) => Some(PlaceUse::There(Purpose::Change)),
        // Servers that are forgotten or tested, with or without a name.
        Verb::Sites(_)
        | Verb::Resume(_)
        | Verb::Retry(_)
        | Verb::Jobs(_)
        | Verb::Cancel(_)
        | Verb::Why(_)
        | Verb::Doctor(_)
        | Verb::Shell(_)
        | Verb::Completions(_)
        | Verb::Man(_) => None,
    }
}
