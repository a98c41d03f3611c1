//! The page of the server's limits.

use super::page::Page;
use ftp_server::limits::{Beyond, Limit};

/// The page.
pub(super) fn page() -> Page {
    let mut page = Page::new("limits.md", "Limits of ftp-server");
    page.paragraph(
        "What the sessions of a server share. A name is that of the option, or of the key in the configuration \
         file; a name that is no option stands for what the system or the protocol fixes. The metrics \
         `ftp_server_limit_used` and `ftp_server_limit_bound` have the same names, and a 421 has the name in its \
         text. A share is that of an account, for anonymous sessions and those without login that of an address \
         (IPv6: a /64 network).",
    );
    let word = |limit: Limit| match limit.beyond() {
        Beyond::Refused => "whoever wants more is refused",
        Beyond::GivesWay => "whoever holds most gives way; a newcomer who holds most is refused",
        Beyond::Waits => "whoever wants more waits for its turn",
    };
    let rows = Limit::all().map(|limit| [limit.name().into(), limit.what().into(), word(limit).into()]);
    page.table(["name", "what it bounds", "beyond it"], rows);
    page
}
