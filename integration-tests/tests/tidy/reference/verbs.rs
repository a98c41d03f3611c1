//! The page of the FTP verbs: the one table that the server, HELP and FEAT read.

use super::page::Page;
use ftp_proto::command::VERBS;
use ftp_proto::command::verbs::{Busy, Login, Row, ServerSupport};

/// The page.
pub(super) fn page() -> Page {
    let mut page = Page::new("verbs.md", "FTP verbs");
    page.paragraph(
        "The verbs that ftp-server knows, on both of its listeners. `HELP` and `FEAT` of a running server \
         say the same.",
    );
    page.heading("Served");
    page.paragraph(
        "*Login* says whether the verb needs one. *During a transfer* says what becomes of the verb when it \
         arrives while a file or a listing is moving: `at once` is answered while the data flow, `waits` is \
         answered after the transfer, `refused` is answered with an error and changes nothing.",
    );
    page.table(
        ["verb", "parameters", "login", "during a transfer", "defined in"],
        rows(ServerSupport::Yes, |row| {
            let login = match row.login {
                Login::Before => "not needed",
                Login::After => "needed",
            };
            let busy = match row.busy {
                Busy::Now => "at once",
                Busy::Queue => "waits",
                Busy::Refuse => "refused",
            };
            [name(row), parameters(row), login.to_owned(), busy.to_owned(), source(row)]
        }),
    );
    page.heading("Known, not served");
    page.paragraph("The server answers these with 502, on the 1973 listener with 506.");
    page.table(
        ["verb", "parameters", "defined in"],
        rows(ServerSupport::No, |row| [name(row), parameters(row), source(row)]),
    );
    page
}

fn rows<const COLUMNS: usize>(
    served: ServerSupport,
    cells: impl Fn(&Row) -> [String; COLUMNS],
) -> Vec<[String; COLUMNS]> {
    VERBS.iter().filter(|row| row.served == served).map(cells).collect()
}

/// The verb, with its other names.
fn name(row: &Row) -> String {
    let names: Vec<String> = [row.name].iter().chain(row.aliases).map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn parameters(row: &Row) -> String {
    if row.syntax.is_empty() { String::new() } else { format!("`{}`", row.syntax) }
}

/// Where the verb is defined; a page of this tree becomes a link.
fn source(row: &Row) -> String {
    match row.source.strip_prefix("docs/") {
        Some(page) => format!("[extensions](../{page})"),
        None => row.source.to_owned(),
    }
}
