//! The layers of every package, as ARCHITECTURE.md shows them: written from the table that the laws use.

use super::super::laws::ROOMS;
use super::super::source;
use super::UPDATE;

const PAGE: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- layers: written from the table of integration-tests/tests/tidy/laws.rs -->\n";
const END: &str = "<!-- end of the layers -->";

/// The table between the two marks.
fn table() -> String {
    let rows = ROOMS.iter().map(|room| format!("{}\n    {}\n", room.folder, room.layers.join("  <  ")));
    format!("\n```text\n{}```\n\n", rows.collect::<String>())
}

/// The page with `table` between the marks.
fn with(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, table, END, after].concat())
}

#[test]
fn the_architecture_shows_the_layers_that_are_enforced() {
    let found = source::read(PAGE);
    let wanted = with(&found, &table()).expect("both marks stand there");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(source::top().join(PAGE), wanted).unwrap();
    } else {
        assert!(found == wanted, "{PAGE} shows other layers; {UPDATE}=1 writes them");
    }
}

#[test]
fn only_what_stands_between_the_marks_is_replaced() {
    let page = format!("before\n{BEGIN}old{END}\nafter\n");
    assert_eq!(with(&page, "new\n").unwrap(), format!("before\n{BEGIN}new\n{END}\nafter\n"));
    assert_eq!(with("no marks", ""), None);
}
