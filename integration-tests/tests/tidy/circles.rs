//! Laws 1 and 2: layers between the folders of a package, and no circle anywhere.

use super::modules::{ModulePath, Package, Use, tree};
use std::collections::{BTreeMap, BTreeSet};

/// How a module's own file is shown beside the files and folders below it.
const OWN: &str = "mod.rs";

/// A graph of names with one place for each edge.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>;

/// Uses that lead upwards in the layers, and folders that have no layer.
///
/// `layers` are the folders of a package from the lowest layer to the highest. A folder may use the
/// folders of its own layer and of those below it. Where a layer is divided by `|`, its parts do not know
/// each other. The root (`lib.rs`) stands above all layers.
pub(super) fn upward(package: &Package, layers: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let place = |folder: &str| {
        layers.iter().enumerate().find_map(|(layer, parts)| {
            let part =
                parts.split('|').position(|part| part.split_whitespace().any(|name| name == folder))?;
            Some((layer, part))
        })
    };
    for folder in package.children(&[]) {
        if place(folder).is_none() {
            found.push(format!("{folder} has no layer"));
        }
    }
    for folder in layers.iter().flat_map(|parts| parts.split(['|', ' '])).filter(|name| !name.is_empty()) {
        if !package.children(&[]).contains(&folder) {
            found.push(format!("{folder} has a layer and does not exist"));
        }
    }
    for Use { from, to, place: written } in package.uses() {
        let (Some(user), used) = (from.first(), to.first()) else { continue };
        let allowed = match used {
            None => false,
            Some(used) if used == user => true,
            Some(used) => match (place(user), place(used)) {
                (Some((own, part)), Some((below, other))) => below < own || (below == own && part == other),
                (_, _) => true, // told above
            },
        };
        if !allowed {
            found.push(format!("{written}: {user} uses {}", used.map_or("the root", String::as_str)));
        }
    }
    found
}

/// Every circle among the folders that stand side by side, in any folder of a package. A file directly below the root
/// counts as a folder. Files of one folder may use each other.
pub(super) fn circles(package: &Package) -> Vec<String> {
    let all = package.uses();
    let parents: BTreeSet<&[String]> =
        package.paths().filter_map(|path| path.split_last().map(|(_, parent)| parent)).collect();
    let in_folder = |parent: &[String], path: &ModulePath| {
        parent.is_empty() || path.get(..=parent.len()).is_some_and(|side| !package.children(side).is_empty())
    };
    let circles = parents.into_iter().flat_map(|parent| {
        let between = |one: &&Use| in_folder(parent, &one.from) && in_folder(parent, &one.to);
        circles_in(parent, &all.iter().filter(between).cloned().collect())
    });
    circles.collect()
}

fn circles_in(parent: &[String], uses: &BTreeSet<Use>) -> Vec<String> {
    let side = |path: &ModulePath| path.starts_with(parent).then(|| path.get(parent.len()).cloned());
    let named: Vec<(String, String, &str)> = uses
        .iter()
        .filter_map(|one| {
            let name = |side: Option<String>| side.unwrap_or_else(|| OWN.to_owned());
            Some((name(side(&one.from)?), name(side(&one.to)?), one.place.as_str()))
        })
        .collect();
    let mut graph = Graph::new();
    for (from, to, place) in &named {
        if from != to {
            graph.entry(from).or_default().entry(to).or_insert(place);
        }
    }
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for name in graph.keys().copied() {
        if told.contains(name) {
            continue;
        }
        let reached = reachable(&graph, name);
        let circle: BTreeSet<&str> =
            reached.iter().copied().filter(|other| reachable(&graph, other).contains(name)).collect();
        if !circle.is_empty() {
            told.extend(&circle);
            found.push(describe(parent, &graph, &circle));
        }
    }
    found
}

/// All that can be reached from `start` in one step or more.
fn reachable<'a>(graph: &Graph<'a>, start: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = vec![start];
    while let Some(name) = next.pop() {
        for to in graph.get(name).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(*to) {
                next.push(to);
            }
        }
    }
    reached
}

fn describe(parent: &[String], graph: &Graph<'_>, circle: &BTreeSet<&str>) -> String {
    let mut lines =
        format!("in /{}: {}", parent.join("/"), circle.iter().copied().collect::<Vec<_>>().join(", "));
    for name in circle {
        for (to, place) in graph.get(name).into_iter().flatten().filter(|(to, _)| circle.contains(*to)) {
            lines.push_str(&format!("\n    {name} -> {to} ({place})"));
        }
    }
    lines
}

/// The first lines of the circles of a made-up tree.
fn heads(files: &[(&str, &str)]) -> Vec<String> {
    circles(&tree(files)).iter().map(|circle| circle.lines().next().unwrap().to_owned()).collect()
}

#[test]
fn folders_use_only_what_is_below_them() {
    let check = |layers: &[&str], expected: &[&str]| {
        let package = tree(&[
            ("lib.rs", "mod wire; mod client; mod server; pub use client::Session; pub struct Top;"),
            ("wire.rs", ""),
            ("client.rs", "use crate::wire;\npub struct Session;"),
            ("server.rs", "use crate::{client::Session, wire};"),
        ]);
        assert_eq!(upward(&package, layers), expected, "{layers:?}");
    };
    check(&["wire", "client server"], &[]);
    check(&["wire", "client", "server"], &[]);
    check(&["wire", "client | server"], &["src/server.rs:1: server uses client"]);
    check(&["wire", "server", "client"], &["src/server.rs:1: server uses client"]);
    check(
        &["client | server", "wire"],
        &[
            "src/client.rs:1: client uses wire",
            "src/server.rs:1: server uses client",
            "src/server.rs:1: server uses wire",
        ],
    );
    check(&["wire", "client"], &["server has no layer"]);
    check(&["wire", "client server", "relay"], &["relay has a layer and does not exist"]);
    let rooted = tree(&[("lib.rs", "mod a; pub struct Top;"), ("a.rs", "use crate::Top;")]);
    assert_eq!(upward(&rooted, &["a"]), ["src/a.rs:1: a uses the root"]);
}

#[test]
fn circles_between_folders_are_found() {
    let found = circles(&tree(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a/mod.rs", "mod deep;"),
        ("a/deep.rs", "fn f() { crate::b::f() }"),
        ("b.rs", "pub fn f() { let _ = vec![super::c::C]; }"),
        ("c.rs", "#[derive(Clone)] pub struct C; type A = crate::a::deep::A;"),
        ("d.rs", "use crate::{a, b, c};"),
    ]));
    assert_eq!(
        found,
        [concat!(
            "in /: a, b, c\n",
            "    a -> b (src/a/deep.rs:1)\n",
            "    b -> c (src/b.rs:1)\n",
            "    c -> a (src/c.rs:1)"
        )]
    );
}

#[test]
fn files_of_one_folder_may_use_each_other_and_its_folders_form_no_circle() {
    let files = |one: &'static str, other: &'static str| {
        [
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod state; mod verb; pub use state::State; pub use verb::f;"),
            ("a/state.rs", "use super::verb; pub struct State;"),
            ("a/verb.rs", "mod deep; mod other; use super::State; pub fn f() {}"),
            ("a/verb/deep.rs", one),
            ("a/verb/deep/x.rs", "pub struct X;"),
            ("a/verb/other.rs", other),
            ("a/verb/other/y.rs", "pub struct Y;"),
        ]
    };
    let (deep, other) = ("mod x; use super::other::y::Y;", "mod y; pub struct Z;");
    assert_eq!(heads(&files(deep, other)), [""; 0]);
    assert_eq!(heads(&files(deep, "mod y; use super::deep::x::X;")), ["in /a/verb: deep, other"]);
}

#[test]
fn methods_of_one_type_in_several_files_are_followed() {
    let files = |other: &'static str| {
        [
            ("lib.rs", "mod session; mod abort;"),
            (
                "session.rs",
                "pub struct Session; impl Session { fn input(&mut self) { self.abort() } fn end(&self) {} }",
            ),
            ("abort.rs", other),
        ]
    };
    let back = "use crate::session::Session; impl Session { pub fn abort(&mut self) { self.end() } }";
    assert_eq!(heads(&files(back)), ["in /: abort, session"]);
    let apart =
        "pub struct Session; impl Session { pub fn abort(&mut self) { self.end() } fn end(&self) {} }";
    assert_eq!(heads(&files(apart)), [""; 0]);
}

#[test]
fn tests_may_use_everything() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub fn f() {} #[cfg(test)] mod tests { use crate::b; #[test] fn t() { b::g() } }"),
        ("b.rs", "pub fn g() { crate::a::f() } #[cfg(test)] mod tests;"),
    ];
    assert_eq!(heads(&files), [""; 0]);
}

#[test]
fn a_variable_that_has_the_name_of_a_function_is_no_use_of_it() {
    let files = |code: &'static str| [("lib.rs", code), ("os.rs", "use super::Failure; pub fn words() {}")];
    let variable = "mod os; pub use os::words; pub struct Failure; fn f(words: &str) { g(words) }";
    assert_eq!(heads(&files(variable)), [""; 0]);
    let call = "mod os; pub use os::words; pub struct Failure; fn f() { words() }";
    assert_eq!(heads(&files(call)), ["in /: mod.rs, os"]);
}
