//! Hosts, paths and files as the journal names them, whatever the settings call them.

use crate::endpoint::{Host, local_path};
use crate::job::item::Item;
use crate::journal::Place;
use crate::place::Site;
use crate::route::Ends;
use ftp_proto::wire::PathName;
use std::os::unix::ffi::OsStrExt;

/// A file as the journal names it.
pub(in crate::job) fn place(ends: &Ends, item: &Item) -> Place {
    let path = path_at(&ends.destination, &item.destination);
    Place { source: ends.source.show(&item.source), site: site_of(&ends.destination), path }
}

/// A host as the journal names it: user, host and port; empty for this host.
pub(in crate::job) fn site_of(host: &Host) -> String {
    match host {
        Host::Server(server) => name_in_journal(&server.site),
        Host::Local(_) => String::new(),
    }
}

/// A server as the journal names it, whatever the settings call it: two jobs must not write to one place.
pub fn name_in_journal(site: &Site) -> String {
    format!("{}@{}", String::from_utf8_lossy(site.login()), site.key())
}

/// A path as the journal names it.
pub(in crate::job) fn path_at(host: &Host, path: &PathName) -> Vec<u8> {
    match host {
        Host::Server(_) => path.as_bytes().to_vec(),
        Host::Local(_) => {
            let path = local_path(path);
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            path.as_os_str().as_bytes().to_vec()
        }
    }
}
