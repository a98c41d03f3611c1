//! The files of a broken disk, in memory, and its answers to the kernel.

use super::fault::{Fault, Question};
use super::wire::{self, Asked, Attributes, Request};
use std::collections::BTreeMap;

const NOT_THERE: i32 = 2;
const NOT_EMPTY: i32 = 39;
const NOT_SUPPORTED: i32 = 38;
/// The path of a number whose file is gone. No file has it.
const NO_PATH: &str = "\0";
/// 1 January 2020.
const MODIFIED: u64 = 1_577_836_800;
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;

/// What happens to a disk at a certain moment.
pub(super) struct Event(pub(super) Box<dyn FnOnce(&mut Tree) + Send>);

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Event")
    }
}

/// All of a disk.
#[derive(Debug)]
pub(super) struct Tree {
    /// The bytes of files, nothing for directories, by path. The disk's own directory is always there.
    names: BTreeMap<String, Option<Vec<u8>>>,
    /// The path of each number that the kernel has heard; the first one is 1.
    nodes: Vec<String>,
    pub(super) faults: Vec<Fault>,
    /// What happens when somebody opens this path for the first time, before it is opened.
    pub(super) event: Option<(String, Event)>,
    /// Whether listings tell what is a directory (`d_type`).
    pub(super) tells_types: bool,
    /// The user and the group that have everything.
    pub(super) owner: (u32, u32),
    /// What was asked and what was answered.
    pub(super) log: Vec<String>,
}

impl Tree {
    pub(super) fn new(owner: (u32, u32)) -> Self {
        Self {
            names: BTreeMap::new(),
            nodes: vec![String::new()],
            faults: Vec::new(),
            event: None,
            tells_types: true,
            owner,
            log: Vec::new(),
        }
    }

    /// Puts a file there (or a directory, without bytes), with the directories above it.
    pub(super) fn put(&mut self, path: &str, bytes: Option<Vec<u8>>) {
        for (end, _) in path.match_indices('/') {
            self.names.entry(path[..end].into()).or_insert(None);
        }
        self.names.insert(path.into(), bytes);
    }

    /// Nothing is there any more.
    pub(super) fn clear(&mut self) {
        self.names.clear();
    }

    pub(super) fn paths(&self) -> Vec<String> {
        let shown = |(path, bytes): (&String, &Option<Vec<u8>>)| {
            if bytes.is_none() { format!("{path}/") } else { path.clone() }
        };
        self.names.iter().map(shown).collect()
    }

    /// The answer to a request; `None` if none is expected.
    pub(super) fn answer(&mut self, request: &Request) -> Option<Vec<u8>> {
        if request.asked == Asked::Forget {
            return None;
        }
        let path = self.path(request.node);
        let result = self.result(&path, &request.asked);
        let told = result.as_ref().map_or_else(|error| format!("error {error}"), |_| "good".into());
        self.log.push(format!("{:?} {path:?}: {told}", request.asked));
        Some(wire::reply(request.unique, result))
    }

    fn result(&mut self, path: &str, asked: &Asked) -> Result<Vec<u8>, i32> {
        match asked {
            Asked::Init => Ok(wire::init()),
            Asked::Lookup(name) => {
                let (directory, path) = (path, inside(path, name));
                if !self.names.contains_key(&path) {
                    for fault in &mut self.faults {
                        fault.misses(directory, name);
                    }
                }
                self.check(&path, Question::Look)?;
                Ok(self.attributes(&path)?.entry())
            }
            Asked::Attributes => {
                self.check(path, Question::Look)?;
                Ok(self.attributes(path)?.alone())
            }
            Asked::Access => self.check(path, Question::Look).map(|()| Vec::new()),
            Asked::Open | Asked::OpenDirectory => {
                if let Some((_, event)) = self.event.take_if(|(awaited, _)| awaited == path) {
                    event.0(self);
                }
                self.check(path, Question::Open)?;
                Ok(wire::opened())
            }
            Asked::Read { offset, size } => {
                self.check(path, Question::Bytes)?;
                let bytes = self.names.get(path).and_then(Option::as_ref).ok_or(NOT_THERE)?;
                let start = usize::try_from(*offset).unwrap().min(bytes.len());
                let end = (start + usize::try_from(*size).unwrap()).min(bytes.len());
                Ok(bytes[start..end].to_vec())
            }
            Asked::ReadDirectory { offset, size } => self.listed(path, *offset, *size),
            Asked::Unlink(name) | Asked::RemoveDirectory(name) => {
                let path = inside(path, name);
                self.check(&path, Question::Look)?;
                if self.children(&path).next().is_some() {
                    return Err(NOT_EMPTY);
                }
                self.names.remove(&path).map(|_| Vec::new()).ok_or(NOT_THERE)
            }
            Asked::Rename { name, directory, new } => {
                let (from, to) = (inside(path, name), inside(&self.path(*directory), new));
                self.check(&from, Question::Look)?;
                self.check(&to, Question::Look)?;
                if self.children(&from).next().is_some() {
                    return Err(NOT_SUPPORTED);
                }
                let content = self.names.remove(&from).ok_or(NOT_THERE)?;
                // A file keeps its number: Pure-FTPd looks for it after a rename.
                let known = self.nodes.iter().position(|path| *path == to);
                let moved = self.nodes.iter().position(|path| *path == from);
                if let Some(known) = known {
                    self.nodes[known] = NO_PATH.to_owned();
                }
                if let Some(moved) = moved {
                    self.nodes[moved].clone_from(&to);
                }
                self.names.insert(to, content);
                Ok(Vec::new())
            }
            Asked::Space => Ok(wire::space()),
            Asked::Release => Ok(Vec::new()),
            Asked::Forget | Asked::Other => Err(NOT_SUPPORTED),
        }
    }

    fn check(&self, path: &str, question: Question) -> Result<(), i32> {
        self.faults.iter().find_map(|fault| fault.error(path, question)).map_or(Ok(()), Err)
    }

    fn attributes(&mut self, path: &str) -> Result<Attributes, i32> {
        let (mode, size) = match self.names.get(path) {
            Some(Some(bytes)) => (REGULAR | 0o644, bytes.len() as u64),
            Some(None) => (DIRECTORY | 0o755, 4096),
            None if path.is_empty() => (DIRECTORY | 0o755, 4096),
            None => return Err(NOT_THERE),
        };
        let (owner, group) = self.owner;
        Ok(Attributes { node: self.node(path), size, modified: MODIFIED, mode, owner, group })
    }

    /// The path of a number that the kernel has heard.
    fn path(&self, node: u64) -> String {
        let index = usize::try_from(node.saturating_sub(1)).unwrap();
        self.nodes.get(index).cloned().unwrap_or_default()
    }

    fn node(&mut self, path: &str) -> u64 {
        let known = self.nodes.iter().position(|known| known == path).unwrap_or_else(|| {
            self.nodes.push(path.into());
            self.nodes.len() - 1
        });
        known as u64 + 1
    }

    /// The names in a directory.
    fn children<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = (&'a str, bool)> {
        self.names.iter().filter_map(move |(path, bytes)| {
            let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
            (above == directory).then_some((name, bytes.is_none()))
        })
    }

    /// A part of a listing. One that breaks off has half of the names before.
    fn listed(&mut self, path: &str, offset: u64, size: u32) -> Result<Vec<u8>, i32> {
        let mut all = vec![(".".to_owned(), true), ("..".to_owned(), true)];
        all.extend(self.children(path).map(|(name, directory)| (name.to_owned(), directory)));
        self.check(path, Question::Look)?;
        if let Err(error) = self.check(path, Question::Next) {
            if offset > 0 {
                return Err(error);
            }
            all.truncate(2 + (all.len() - 2) / 2);
        }
        let mut body = Vec::new();
        for (number, (name, directory)) in all.iter().enumerate().skip(usize::try_from(offset).unwrap()) {
            let kind = if *directory { DIRECTORY } else { REGULAR } >> 12;
            let own = if [".", ".."].contains(&name.as_str()) { path.to_owned() } else { inside(path, name) };
            let node = self.node(&own);
            let kind = if self.tells_types { kind } else { 0 };
            let entry = wire::name_in_directory(node, number as u64 + 1, kind, name);
            if body.len() + entry.len() > usize::try_from(size).unwrap() {
                break;
            }
            body.extend(entry);
        }
        Ok(body)
    }
}

/// The path of a name in a directory.
fn inside(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}
