//! The operator's hook after an upload of a session: what it is told, the room that it takes before the upload
//! begins, and its turn among those of others.

use std::ffi::OsString;
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;

use ftp_proto::address::unmapped;
use ftp_proto::server::ask::{Answer, Ticket, Uploading};
use ftp_proto::wire::PathName;

use super::client::Client;
use super::context::Context;
use super::done::Done;
use super::hook_room::{GroupFailures, HookedCommand};
use super::shared::Shared;
use super::uploads::Upload;
use crate::limits::HookRoom;
use crate::operate::audit::Record;
use crate::operate::hook::Hook;

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
        Done::Room(ticket, Box::new(HookedCommand { places, group }))
    });
}

/// What the hook is told about one upload.
#[derive(Debug)]
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
        tokio::task::spawn_blocking(look).await.unwrap_or(false)
    }

    /// Runs the hook in its turn, and tells how it ended.
    async fn run(self, shared: &Shared, hook: &Hook) {
        let is_directory = self.is_directory().await;
        let environment = self.environment(is_directory);
        let Self { upload, user, room, group, .. } = self;
        let turn = shared.shares.hooks.turn(room).await;
        let ended = hook.run(environment).await;
        drop(turn);
        match (ended, group) {
            (Err(why), Some(group)) => group.add(upload.path, why),
            (ended, _) => {
                let record = Record::Hooked { path: &upload.path, failure: ended.as_ref().err() };
                shared.record_of(user.as_deref(), &record);
            }
        }
    }
}

/// Runs the hook when it has its turn. The server does not end before `guard` is dropped, or its grace is over.
pub(super) async fn run(shared: Arc<Shared>, notification: Notification, guard: impl Send) {
    let Some(hook) = &shared.hook else { return };
    notification.run(&shared, hook).await;
    drop(guard);
}
