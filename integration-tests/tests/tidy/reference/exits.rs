//! The page of the exit codes.

use super::page::Page;
use ftp_user::cli;
use ftp_user::job::Status;

/// The page.
pub(super) fn page() -> Page {
    let mut page = Page::new("exit-codes.md", "Exit codes");
    page.heading("ftp-user");
    page.paragraph(
        "A single file gives its own code. A tree, or several sources, give 9 if anything succeeded, else the \
         code that all failures share, else 1. In `--json`, the key `exit` of a `failed` event is the code of \
         that file.",
    );
    let mut rows: Vec<(u8, &str)> = Status::all().map(cli::described).collect();
    rows.sort_unstable();
    page.table(
        ["code", "meaning"],
        rows.into_iter().map(|(code, meaning)| [code.to_string(), meaning.into()]),
    );
    page.heading("ftp-server, ftp-relay-agent");
    let rows = [
        ("0", "stopped as asked (SIGTERM, SIGINT), or printed what was asked for"),
        (
            "1",
            "cannot do it: an address in use, a certificate or the token file of a relay that cannot be read, a relay that does not answer; `check-config` has found a mistake",
        ),
        (
            "2",
            "a mistake in the command line, or in a file with options or users that it names; that file cannot be read",
        ),
        ("11", "`ftp-relay-agent check` only: the relay does not hold the same token"),
    ];
    page.table(["code", "meaning"], rows.map(|row| [row.0.to_owned(), row.1.to_owned()]));
    page
}
