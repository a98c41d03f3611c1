//! Which events of a session are uploads: files that were received, whole or in part, copies, and what gets another name.

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
    /// Whether it was received whole, if it was received.
    pub(super) whole: Option<bool>,
}

/// Finds the uploads of one session.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    /// Whether the transfer that has ended last has left bytes under the name of its file.
    stored: bool,
}

impl Uploads {
    /// A transfer has ended, and its event comes next. `stored`: there are bytes under the name of its file.
    pub(super) const fn note_end(&mut self, stored: bool) {
        self.stored = stored;
    }

    /// The upload that the event tells of, if it is one.
    #[allow(clippy::wildcard_enum_match_arm, reason = "all other events are no uploads")]
    pub(super) fn find(&mut self, event: &Event) -> Option<Upload> {
        match event {
            Event::Transfer { verb, path, direction: Direction::Receive, bytes, failure, .. } => {
                let whole = failure.is_none();
                let stored = std::mem::take(&mut self.stored);
                (whole || stored).then(|| Upload {
                    command: verb.name(),
                    path: path.clone(),
                    before: None,
                    bytes: *bytes,
                    whole: Some(whole),
                })
            }
            Event::Changed { verb: Verb::Rnto, path, to: Some(to), failure: None } => Some(Upload {
                command: Verb::Rnto.name(),
                path: to.clone(),
                before: Some(path.clone()),
                bytes: None,
                whole: None,
            }),
            Event::Copied { to, outcome: Ok(bytes), .. } => Some(Upload {
                command: "SITE CPTO",
                path: to.clone(),
                before: None,
                bytes: Some(*bytes),
                whole: Some(true),
            }),
            _ => None,
        }
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
            failure: failure.map(Into::into),
        }
    }

    fn renamed(from: &str, to: &str) -> Event {
        Event::Changed { verb: Verb::Rnto, path: path(from), to: Some(path(to)), failure: None }
    }

    #[test]
    fn files_that_arrive_and_all_new_names_are_uploads() {
        let mut uploads = Uploads::default();
        let mut find = |event: Event| {
            uploads
                .find(&event)
                .map(|upload| (upload.command, upload.path.display().to_string(), upload.before.is_some()))
        };
        let renamed_to = |name: &str| Some(("RNTO", name.to_owned(), true));
        let stored = |name: &str, failure| transfer(Verb::Stor, name, Direction::Receive, failure);
        assert_eq!(find(renamed("/a", "/b")), renamed_to("/b"));
        assert_eq!(find(stored("/a", Some("broken"))), None);
        assert_eq!(find(transfer(Verb::Retr, "/a", Direction::Send, None)), None);
        assert_eq!(find(stored("/a", None)), Some(("STOR", "/a".into(), false)));
        assert_eq!(find(renamed("/x", "/y")), renamed_to("/y"));
        // A file of a group is told when it gets its name.
        assert_eq!(
            find(transfer(Verb::Pack, "/p", Direction::Receive, None)),
            Some(("PACK", "/p".into(), false))
        );
        assert_eq!(find(transfer(Verb::Pack, "/p", Direction::Receive, Some("taken"))), None);
    }

    #[test]
    fn bytes_that_are_left_under_a_name_are_an_upload_that_is_not_whole() {
        let mut uploads = Uploads::default();
        let broken = transfer(Verb::Appe, "/a", Direction::Receive, Some("broken"));
        uploads.note_end(true);
        assert_eq!(uploads.find(&broken).and_then(|upload| upload.whole), Some(false));
        assert_eq!(uploads.find(&broken), None, "the next one is refused before anything is touched");
        uploads.note_end(true);
        let whole = transfer(Verb::Stor, "/a", Direction::Receive, None);
        assert_eq!(uploads.find(&whole).and_then(|upload| upload.whole), Some(true));
        uploads.note_end(false);
        assert_eq!(uploads.find(&broken), None, "what has come was removed");
    }
}
