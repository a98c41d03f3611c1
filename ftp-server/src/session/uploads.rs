//! Which events of a session are uploads: files that were received, and the rename of the last one.

use ftp_proto::command::{Direction, Verb};
use ftp_proto::server::ask::Event;
use ftp_proto::wire::PathName;

/// An upload that a hook is told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Upload {
    /// The command that has stored or renamed it.
    pub(super) command: &'static str,
    /// What the client calls the file now.
    pub(super) path: PathName,
    /// Its name before, if it was renamed.
    pub(super) before: Option<PathName>,
    /// How many bytes were received, if it was.
    pub(super) bytes: Option<u64>,
}

/// Finds the uploads of one session.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    last: Option<PathName>,
}

impl Uploads {
    /// The upload that the event tells of, if it is one.
    #[allow(clippy::wildcard_enum_match_arm, reason = "all other events are no uploads")]
    pub(super) fn find(&mut self, event: &Event) -> Option<Upload> {
        let upload = match event {
            Event::Transfer { verb, path, direction: Direction::Receive, bytes, failure: None, .. } => {
                Upload { command: verb.name(), path: path.clone(), before: None, bytes: *bytes }
            }
            Event::Changed { verb: Verb::Rnto, path, to: Some(to), failure: None }
                if self.last.as_ref() == Some(path) =>
            {
                let before = Some(path.clone());
                Upload { command: Verb::Rnto.name(), path: to.clone(), before, bytes: None }
            }
            _ => return None,
        };
        self.last = Some(upload.path.clone());
        Some(upload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::command::DataType;
    use std::time::Duration;

    fn path(text: &str) -> PathName {
        PathName::from_wire(text).unwrap()
    }

    fn transfer(verb: Verb, name: &str, direction: Direction, failure: Option<&str>) -> Event {
        Event::Transfer {
            verb,
            path: path(name),
            direction,
            data_type: DataType::Image,
            bytes: Some(7),
            took: Duration::ZERO,
            peer: None,
            private: false,
            failure: failure.map(str::to_owned),
        }
    }

    fn renamed(from: &str, to: &str) -> Event {
        Event::Changed { verb: Verb::Rnto, path: path(from), to: Some(path(to)), failure: None }
    }

    #[test]
    fn files_that_arrive_and_their_new_names_are_uploads() {
        let mut uploads = Uploads::default();
        let mut find = |event: Event| {
            uploads
                .find(&event)
                .map(|upload| (upload.command, upload.path.display().to_string(), upload.before.is_some()))
        };
        let stored = |name: &str, failure| transfer(Verb::Stor, name, Direction::Receive, failure);
        assert_eq!(find(renamed("/a", "/b")), None);
        assert_eq!(find(stored("/a", Some("broken"))), None);
        assert_eq!(find(transfer(Verb::Retr, "/a", Direction::Send, None)), None);
        assert_eq!(find(stored("/a", None)), Some(("STOR", "/a".into(), false)));
        assert_eq!(find(renamed("/x", "/y")), None);
        assert_eq!(find(renamed("/a", "/b")), Some(("RNTO", "/b".into(), true)));
        assert_eq!(find(renamed("/b", "/c")), Some(("RNTO", "/c".into(), true)));
        assert_eq!(find(renamed("/a", "/d")), None);
    }
}
