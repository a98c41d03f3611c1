//! A generated page of Markdown.

/// Stands in the second line of every generated page.
pub(super) const MARK: &str = "<!-- Generated. Do not edit: UPDATE_REFERENCE=1 cargo test -p integration-tests --test all reference -->";

/// A page under construction.
pub(super) struct Page {
    /// Its name below docs/reference.
    pub(super) file: String,
    text: String,
}

impl Page {
    /// An empty page with a title.
    pub(super) fn new(file: impl Into<String>, title: &str) -> Self {
        Self { file: file.into(), text: format!("# {title}\n{MARK}\n") }
    }

    /// Everything that has been written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Adds a heading.
    pub(super) fn heading(&mut self, text: &str) {
        self.text.push_str(&format!("\n## {text}\n"));
    }

    /// Adds a paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.text.push_str(&format!("\n{}\n", text.trim()));
    }

    /// Adds a block of code.
    pub(super) fn code(&mut self, text: &str) {
        self.text.push_str(&format!("\n```text\n{}\n```\n", text.trim()));
    }

    /// Adds a table; without rows nothing is written.
    pub(super) fn table<const COLUMNS: usize>(
        &mut self,
        head: [&str; COLUMNS],
        rows: impl IntoIterator<Item = [String; COLUMNS]>,
    ) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return;
        }
        self.text.push_str(&format!("\n| {} |\n|{}\n", head.join(" | "), "---|".repeat(COLUMNS)));
        for row in rows {
            let cells = row.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
            self.text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }

    /// The first line in which `found` differs.
    pub(super) fn first_difference(&self, found: &str) -> String {
        let longest = self.text.lines().count().max(found.lines().count());
        let mut lines = (1..=longest).zip(self.text.lines().map(Some).chain(std::iter::repeat(None)));
        let mut there = found.lines();
        lines
            .find_map(|(number, wanted)| {
                let found = there.next();
                (found != wanted).then(|| format!("line {number}: {found:?} should be {wanted:?}"))
            })
            .unwrap_or_else(|| "the line ends differ".into())
    }
}

#[test]
fn a_cell_stays_in_its_column() {
    let mut page = Page::new("x.md", "X");
    page.table(["a", "b"], [["R | S".to_owned(), "one\ntwo".to_owned()]]);
    assert!(page.text().ends_with("\n| a | b |\n|---|---|\n| R \\| S | one two |\n"), "{}", page.text());
    page.table(["c"], []);
    assert!(!page.text().contains("| c |"), "{}", page.text());
}

#[test]
fn a_difference_is_named_by_its_line() {
    let page = Page::new("x.md", "X");
    assert!(page.first_difference("# Y\n").starts_with("line 1: Some(\"# Y\")"));
    assert!(page.first_difference("# X\n").starts_with("line 2: None"));
    assert!(page.first_difference(&format!("{}more", page.text())).starts_with("line 3: Some(\"more\")"));
}
