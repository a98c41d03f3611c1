//! The page of the events in the server's log.

use super::page::Page;
use ftp_relay_agent::operate::audit::EVENTS as RELAY_EVENTS;
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
    page.table(["event", "level", "what has happened"], rows(EVENTS));
    page
}

/// The page of the audit of ftp-relay-agent.
pub(super) fn audit() -> Page {
    let mut page = Page::new("ftp-relay-agent-audit.md", "The audit of ftp-relay-agent");
    page.paragraph(
        "The file of `--audit FILE` (`ftp-relay-agent run`, `join` and `hub`) gets one line of JSON for each event. Every line has `time` (UTC), \
         `event` and `result`: `done`, `refused`, or `cut` for what was begun and did not end in order. `reason` says why it \
         was refused or cut. `link` is the number of the link, `from` its origin, `token` the name of the proven token; `id` \
         is the number of a request, tunnel, join or call in its session, `agent` the name of an agent at a hub. Keys without a value are left out. There is never a \
         token, a ticket, a name of a file, a user or a command of FTP in it.",
    );
    page.paragraph(
        "The file has mode 0600. At the size of `--audit-size` it is renamed to `FILE.1`, whose former content is lost, and a \
         new one begins. SIGHUP opens it again under its name. If the disk is too slow, lines are lost and not waited for; \
         the metric `ftp_relay_audit_lines_lost_total` counts them, and the log says so.",
    );
    page.table(["event", "what has happened"], rows(RELAY_EVENTS));
    page
}

/// The rows of a table of events. The first cell is the name.
fn rows<const CELLS: usize>(events: &str) -> impl Iterator<Item = [String; CELLS]> {
    events.lines().map(|line| {
        let mut cells: Vec<String> = line.split(" | ").map(str::to_owned).collect();
        cells[0] = format!("`{}`", cells[0]);
        cells.try_into().unwrap()
    })
}
