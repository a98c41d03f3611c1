//! The page of the dependencies: what each crate is for, what it brings, how large it is, and where it leaves the safe language.
//!
//! The reasons are the comments of the workspace's table; everything else is counted in the sources that cargo has fetched.

use super::super::licences::metadata;
use super::super::source;
use super::page::Page;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Folders of a crate that nobody links.
const NOT_LINKED: [&str; 4] = ["tests", "benches", "examples", "fuzz"];

/// The page.
pub(super) fn page() -> Page {
    let graph = Graph::new(metadata());
    let mut page = Page::new("../dependencies.md", "Dependencies");
    page.paragraph(
        "Each crate that a package of this workspace names, with the version of `Cargo.lock`. The reason is the comment behind its \
         row in the `Cargo.toml` of the workspace; a row without one fails. Lines are those of its Rust sources without tests, \
         benchmarks and examples; C and assembly are counted in KiB. `unsafe` is the number of lines with that word outside \
         comments: \"forbidden\" means that the crate itself forbids it. The last column is how many more packages it brings, also \
         those that another crate brings anyway.",
    );
    let (rows, off): (Vec<_>, Vec<_>) =
        reasons().into_iter().partition(|(name, _)| graph.direct.contains_key(name));
    let head = ["crate", "version", "licence", "for", "named by", "lines", "unsafe", "brings"];
    page.table(head, rows.iter().map(|(name, reason)| graph.row(name, reason)));
    page.heading("In features that are off");
    page.table(["crate", "for"], off.into_iter().map(|(name, reason)| [name, reason]));
    page.heading("In several versions");
    page.paragraph("Who needs the other version decides when it goes.");
    page.table(["crate", "version", "needed by"], graph.duplicates());
    page.heading("Licences and advisories");
    page.paragraph(
        "The test `every_package_has_a_licence_that_may_be_linked` reads the licences of all packages, also of those that others \
         bring. Advisories need the database of RustSec, which is not in this repository:",
    );
    page.code(
        "cargo install cargo-audit\ncargo audit                              fetches the database\n\
         cargo audit --no-fetch --db DIRECTORY    with a clone of github.com/rustsec/advisory-db",
    );
    page.paragraph(
        "On 2026-11-27 the 83 advisories about packages of `Cargo.lock` in the database of 2026-08-21 were compared with their \
         versions: none applies, neither of a weakness nor that a crate is not maintained any more.",
    );
    page
}

/// The table of the workspace: each crate, and the comment behind it.
fn reasons() -> Vec<(String, String)> {
    let text = source::read("Cargo.toml");
    let (_, table) = text.split_once("[workspace.dependencies]\n").unwrap();
    let table = table.split("\n\n[").next().unwrap();
    let rows = table.lines().filter_map(|line| line.split_once(" = "));
    rows.filter(|(_, value)| !value.contains("path = "))
        .map(|(name, value)| {
            let reason = value.split_once(" # ").map(|(_, reason)| reason.to_owned());
            (name.to_owned(), reason.unwrap_or_else(|| panic!("Cargo.toml: what is {name} for?")))
        })
        .collect()
}

/// Who needs whom.
struct Graph {
    /// All packages, by their ids.
    packages: BTreeMap<String, Value>,
    /// What each of them links or builds with.
    needs: BTreeMap<String, Vec<String>>,
    /// The ids of the crates that our packages name.
    direct: BTreeMap<String, String>,
}

impl Graph {
    fn new(metadata: Value) -> Self {
        let list = |value: &Value| value.as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let packages: BTreeMap<String, Value> =
            list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
        let is_ours = |id: &String| packages[id]["source"].is_null();
        let mut needs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let id = text(&node["id"]);
            // What only the tests of other people's crates need is not even fetched.
            let is_linked = |kind: &Value| is_ours(&id) || kind["kind"] != "dev";
            let wanted = list(&node["deps"]).into_iter();
            let wanted = wanted.filter(|need| list(&need["dep_kinds"]).iter().any(is_linked));
            needs.insert(id.clone(), wanted.map(|need| text(&need["pkg"])).collect());
        }
        let direct = needs.iter().filter(|(id, _)| is_ours(id)).flat_map(|(_, needed)| needed);
        let direct = direct.filter(|id| !is_ours(id));
        let direct = direct.map(|id| (text(&packages[id]["name"]), id.clone())).collect();
        Self { packages, needs, direct }
    }

    fn text(&self, id: &str, field: &str) -> String {
        self.packages[id][field].as_str().unwrap_or("none").to_owned()
    }

    /// What stands beside the name of a crate that we name.
    fn row(&self, name: &str, reason: &str) -> [String; 8] {
        let id = &self.direct[name];
        let named_by = self.needs.iter().filter(|(_, needed)| needed.contains(id)).map(|(by, _)| by);
        let named_by: Vec<String> = named_by
            .filter(|by| self.packages[*by]["source"].is_null())
            .map(|by| self.text(by, "name"))
            .collect();
        let manifest = self.text(id, "manifest_path");
        let mut counts = Counts::default();
        counts.add(Path::new(&manifest).parent().unwrap());
        [
            format!("`{name}`"),
            self.text(id, "version"),
            self.text(id, "license").replace('/', " OR "),
            reason.to_owned(),
            named_by.join(", "),
            counts.size(),
            counts.unsafety(),
            (self.closure(id).len() - 1).to_string(),
        ]
    }

    /// A package and all that it brings.
    fn closure(&self, id: &str) -> BTreeSet<String> {
        let (mut found, mut open) = (BTreeSet::new(), vec![id.to_owned()]);
        while let Some(next) = open.pop() {
            if found.insert(next.clone()) {
                open.extend(self.needs[&next].iter().cloned());
            }
        }
        found
    }

    /// The packages that are there in more than one version, each with those that need it.
    fn duplicates(&self) -> Vec<[String; 3]> {
        let mut ids: BTreeMap<String, Vec<&String>> = BTreeMap::new();
        for id in self.packages.keys() {
            ids.entry(self.text(id, "name")).or_default().push(id);
        }
        let several = ids.into_iter().filter(|(_, ids)| ids.len() > 1);
        several
            .flat_map(|(name, ids)| {
                ids.into_iter().map(move |id| {
                    let by = self.needs.iter().filter(|(_, needed)| needed.contains(id));
                    let by: BTreeSet<String> = by.map(|(by, _)| self.text(by, "name")).collect();
                    let by = by.into_iter().collect::<Vec<_>>().join(", ");
                    [format!("`{name}`"), self.text(id, "version"), by]
                })
            })
            .collect()
    }
}

/// What is counted in the sources of a crate.
#[derive(Default)]
struct Counts {
    lines: usize,
    foreign_bytes: u64,
    unsafe_lines: usize,
    forbids_unsafe: bool,
}

impl Counts {
    fn add(&mut self, directory: &Path) {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if !NOT_LINKED.contains(&name.as_str()) {
                    self.add(&path);
                }
                continue;
            }
            match path.extension().and_then(|ending| ending.to_str()) {
                Some("rs") => self.add_rust(&fs::read_to_string(&path).unwrap()),
                Some("c" | "h" | "S" | "asm") => self.foreign_bytes += entry.metadata().unwrap().len(),
                Some(_) | None => {}
            }
        }
    }

    fn add_rust(&mut self, text: &str) {
        self.lines += text.lines().count();
        self.forbids_unsafe |= text.contains("#![forbid(unsafe_code");
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        let is_word = |word: &str| word == "unsafe";
        self.unsafe_lines += code
            .filter(|line| line.split(|letter: char| letter != '_' && !letter.is_alphanumeric()).any(is_word))
            .count();
    }

    fn size(&self) -> String {
        match self.foreign_bytes.div_ceil(1024) {
            0 => self.lines.to_string(),
            kib => format!("{}, and {kib} KiB of C", self.lines),
        }
    }

    fn unsafety(&self) -> String {
        if self.forbids_unsafe { "forbidden".to_owned() } else { self.unsafe_lines.to_string() }
    }
}

#[test]
fn the_word_unsafe_counts_outside_comments() {
    let mut counts = Counts::default();
    counts.add_rust(
        "#![deny(unsafe_code)]\n// unsafe\nunsafe { x() }\nfn y() {} // unsafe\nunsafe fn z() {}\n",
    );
    assert_eq!((counts.lines, counts.unsafety()), (5, "2".to_owned()));
    counts.add_rust("#![forbid(unsafe_code)]\n");
    assert_eq!(counts.unsafety(), "forbidden");
}
