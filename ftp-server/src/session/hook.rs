//! The operator's hook after an upload of a session: what it is told, the room that it takes before the upload
//! begins, and its turn among those of others. The hooks after the uploads of a group have one line in the log.

use std::ffi::OsString;
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ftp_io::blocking;
use ftp_io::lock::Lock;
use ftp_proto::address::unmapped;
use ftp_proto::command::{Direction, Verb};
use ftp_proto::server::ask::{Answer, Event, Ticket, Uploading};
use ftp_proto::wire::PathName;

use super::Shared;
use super::context::{Client, Context, WorkResult};
use crate::limits::HookRoom;
use crate::operate::audit::Record;
use ftp_io::program::hook::HookFailure;

/// Takes room for the hooks after uploads, as soon as there is some, and answers the machine then.
pub(super) fn take_room(cx: &mut Context, ticket: Ticket, of: &Uploading) {
    let count = match of {
        Uploading::File | Uploading::Copy | Uploading::Renamed(_) => 1,
        Uploading::Group(count) => usize::from(*count),
    };
    if count == 0 || cx.shared.hook.is_none() {
        return cx.answer(ticket, Answer::Room);
    }
    let (shared, owner) = (Arc::clone(&cx.shared), cx.client.owner.clone());
    let user = cx.client.name().map(<[u8]>::to_vec);
    let is_group = matches!(of, Uploading::Group(_));
    cx.start(ticket, async move {
        let places = shared.shares.hooks.room(owner, count).await;
        let group = is_group.then(|| Arc::new(GroupFailures::new(shared, user)));
        WorkResult::Room(ticket, Box::new(HookedCommand { places, group }))
    });
}

/// What the hook is told about one upload.
pub(super) struct Notification {
    upload: Upload,
    user: Option<Vec<u8>>,
    from: IpAddr,
    file: Option<PathBuf>,
    room: HookRoom,
    group: Option<Arc<GroupFailures>>,
}

impl Notification {
    /// An upload of `client`, with a place of the `room` that its command has taken.
    pub(super) fn new(
        upload: Upload,
        client: &Client,
        room: Option<&mut HookedCommand>,
        shared: &Shared,
    ) -> Self {
        let file = client.host_path_of(&upload.path);
        let user = client.name().map(<[u8]>::to_vec);
        let (place, group) =
            room.map_or((None, None), |room| (room.places.take(), room.group.as_ref().map(Arc::clone)));
        // Every upload has taken its place before. If one had none, its hook would still run.
        let room = place.unwrap_or_else(|| shared.shares.hooks.room_at_once(client.owner.clone(), 1));
        Self { upload, user, from: client.from, file, room, group }
    }

    /// The environment of the program.
    fn environment(&self, is_directory: bool) -> Vec<(&'static str, OsString)> {
        let Self { upload, user, from, file, .. } = self;
        let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let path = |path: &PathName| bytes(path.as_bytes());
        let mut all = vec![
            ("FTP_COMMAND", upload.command.into()),
            ("FTP_PATH", path(&upload.path)),
            ("FTP_CLIENT", unmapped(*from).to_string().into()),
        ];
        all.extend(user.as_deref().map(|user| ("FTP_USER", bytes(user))));
        all.extend(file.as_ref().map(|file| ("FTP_FILE", file.into())));
        all.extend(upload.before.as_ref().map(|before| ("FTP_PATH_BEFORE", path(before))));
        all.extend(upload.whole.map(|whole| ("FTP_WHOLE", if whole { "yes" } else { "no" }.into())));
        all.extend(is_directory.then(|| ("FTP_DIRECTORY", "yes".into())));
        all.extend(upload.bytes.map(|bytes| ("FTP_BYTES", bytes.to_string().into())));
        all
    }

    /// Whether a directory was renamed. What is no longer there was renamed again, and was a file perhaps.
    async fn is_directory(&self) -> bool {
        let file = self.file.clone().filter(|_| self.upload.before.is_some());
        let Some(file) = file else { return false };
        let look = move || std::fs::symlink_metadata(file).is_ok_and(|found| found.is_dir());
        blocking::spawn(look).await.unwrap_or(false)
    }

    /// Runs the hook in its turn, and tells how it ended. The server does not end before `guard` is dropped, or its grace is
    /// over.
    pub(super) async fn run(self, shared: Arc<Shared>, guard: impl Send) {
        let Some(hook) = &shared.hook else { return };
        let is_directory = self.is_directory().await;
        let environment = self.environment(is_directory);
        let Self { upload, user, room, group, .. } = self;
        let turn = shared.shares.hooks.turn(room).await;
        let ended = hook.run(environment, b"").await;
        drop(turn);
        match (ended, group) {
            (Err(why), Some(group)) => group.add(upload.path, why),
            (ended, _) => {
                let record = Record::Hooked { path: &upload.path, failure: ended.as_ref().err() };
                shared.record_of(user.as_deref(), &record);
            }
        }
        drop(guard);
    }
}

/// What a command has for the hooks after its uploads.
pub(super) struct HookedCommand {
    places: HookRoom,
    /// The hooks of a group tell their failures together.
    group: Option<Arc<GroupFailures>>,
}

/// The hooks of one group that have failed. When the last hook has ended, the log has one line for all of them.
struct GroupFailures {
    shared: Arc<Shared>,
    user: Option<Vec<u8>>,
    failed: Mutex<Failed>,
}

/// Files of a group whose hooks have failed, and why the first one has.
#[derive(Default)]
struct Failed {
    paths: Vec<PathName>,
    why: Option<HookFailure>,
}

impl GroupFailures {
    /// No hook has failed yet.
    fn new(shared: Arc<Shared>, user: Option<Vec<u8>>) -> Self {
        Self { shared, user, failed: Mutex::default() }
    }

    /// The hook after this file has failed.
    fn add(&self, path: PathName, why: HookFailure) {
        let mut failed = self.failed.locked();
        failed.paths.push(path);
        failed.why.get_or_insert(why);
    }
}

impl Drop for GroupFailures {
    fn drop(&mut self) {
        let Failed { paths, why } =
            std::mem::take(self.failed.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(why) = &why {
            self.shared.record_of(self.user.as_deref(), &Record::GroupHooksFailed { paths: &paths, why });
        }
    }
}

/// An upload that a hook is told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Upload {
    /// The command that has stored or renamed it.
    command: &'static str,
    /// What the client calls the file now.
    path: PathName,
    /// Its name before, if it was renamed.
    before: Option<PathName>,
    /// How many bytes were received, if it was.
    bytes: Option<u64>,
    /// Whether it was received whole, if it was received.
    whole: Option<bool>,
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
