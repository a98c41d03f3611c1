//! The operator's hook after an upload of a session: what it is told, and its turn among those of others.

use std::ffi::OsString;
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;

use ftp_proto::address::unmapped;
use ftp_proto::wire::PathName;

use super::client::Client;
use super::shared::Shared;
use super::uploads::Upload;
use crate::limits::Owner;
use crate::operate::audit::Record;
use crate::operate::hook::{Hook, HookFailure};

/// What the hook is told about one upload.
#[derive(Debug)]
pub(super) struct Notification {
    upload: Upload,
    owner: Owner,
    user: Option<Vec<u8>>,
    from: IpAddr,
    file: Option<PathBuf>,
}

impl Notification {
    pub(super) fn new(upload: Upload, client: &Client) -> Self {
        let file = client.host_path_of(&upload.path);
        let (owner, user) = (client.owner.clone(), client.name().map(<[u8]>::to_vec));
        Self { upload, owner, user, from: client.from, file }
    }

    /// The environment of the program.
    fn environment(&self) -> Vec<(&'static str, OsString)> {
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
        all.extend(upload.bytes.map(|bytes| ("FTP_BYTES", bytes.to_string().into())));
        all
    }

    async fn take_turn(&self, shared: &Shared, hook: &Hook) -> Result<(), HookFailure> {
        let turn = shared.shares.hooks.wait(self.owner.clone()).await;
        let _turn = turn.ok_or(HookFailure::Displaced)?;
        hook.run(self.environment()).await
    }
}

/// Runs the hook when it has its turn. The server does not end before `guard` is dropped, or its grace is over.
pub(super) async fn run(shared: Arc<Shared>, notification: Notification, guard: impl Send) {
    let Some(hook) = &shared.hook else { return };
    let done = notification.take_turn(&shared, hook).await;
    let record = Record::Hooked { path: &notification.upload.path, failure: done.as_ref().err() };
    shared.record_of(notification.user.as_deref(), &record);
    drop(guard);
}
