//! The page of the events in the server's log.

use super::page::Page;
use ftp_server::operate::audit::EVENTS;

/// The page.
pub(super) fn page() -> Page {
    let mut page = Page::new("log.md", "Events in the log of ftp-server");
    page.paragraph(
        "What happens in sessions. The name of an event is the text of its lines, with `--log-format json` the key \
         `message`; it never changes with what has happened. Everything else stands in keys of its own. Lines of a \
         session have its number and its client: `session{id=7 client=192.0.2.7:51480}` in text, the object `span` \
         in JSON. `user` is the account, `why` the cause of a refusal or a failure. In text form every value that \
         may hold a blank stands in quotes.",
    );
    let rows = EVENTS.map(|(name, level, what)| [format!("`{name}`"), level.into(), what.into()]);
    page.table(["event", "level", "what has happened"], rows);
    page
}
