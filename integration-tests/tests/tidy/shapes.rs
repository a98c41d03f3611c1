//! The sizes that a law gives to functions and types: parameters with the elements of their tuples, fields, and the files of
//! a type's methods.

use super::modules::{attributes, is_for_tests};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};

/// The largest number of parameters of a function, the elements of tuples counted.
const PARAMETERS: usize = 6;
/// The largest number of elements of a tuple that crosses the border of a function.
const ELEMENTS: usize = 2;
/// The largest number of fields of a struct.
const FIELDS: usize = 20;
/// The largest number of files with methods of one type.
const FILES: usize = 3;

/// Structs of which each field is a row of a table of the outside: an option, a key, a counter, a feature. They may have more
/// fields.
const TABLES: [(&str, &str); 4] = [
    ("ftp-proto/src/feature/mod.rs", "Capabilities"),
    ("ftp-server/src/config/mod.rs", "Config"),
    ("ftp-server/src/config/raw.rs", "Options"),
    ("ftp-server/src/operate/metrics.rs", "Metrics"),
];

/// What is larger than the law allows, and its size. Each of them has to become smaller; nothing is added.
const EXCEPTIONS: [Exception; 6] = [
    ("ftp-user/src/job/request/pairs.rs", "host_of", 3),
    ("integration-tests/src/sim", "Scenario", 5),
    ("integration-tests/src/sim", "World", 27),
    ("integration-tests/src/sim/host.rs", "Host", 29),
    ("integration-tests/src/sim/scenario.rs", "Scenario", 26),
    ("integration-tests/src/sim/world.rs", "World", 22),
];

/// A function or type that is larger than the law allows: its file or folder, its name and its size.
type Exception = (&'static str, &'static str, usize);

/// Something that is larger than the law allows.
pub(super) struct Excess {
    /// The file of a function or struct; the folder of a type with methods in many files.
    place: String,
    name: String,
    size: usize,
    text: String,
}

/// What is too large in a package, except [`EXCEPTIONS`], and what is no exception any more.
pub(super) fn too_large(folder: &str, files: &[(String, syn::File)]) -> Vec<String> {
    let mut readers: Vec<Reader<'_>> =
        files.iter().map(|(file, parsed)| Reader::read(file, parsed)).collect();
    let mut found: Vec<Excess> = readers.iter_mut().flat_map(|reader| reader.found.drain(..)).collect();
    found.extend(scattered(&readers));
    let known: Vec<&Exception> = EXCEPTIONS.iter().filter(|(place, ..)| place.starts_with(folder)).collect();
    unexpected(&found, &known)
}

/// What is in one of the two lists but not in the other.
fn unexpected(found: &[Excess], known: &[&Exception]) -> Vec<String> {
    let is_for = |excess: &Excess, (place, name, most): &Exception| {
        excess.place == *place && excess.name == *name && excess.size <= *most
    };
    let new = found.iter().filter(|excess| !known.iter().any(|exception| is_for(excess, exception)));
    let new = new.map(|excess| format!("{}: {}", excess.place, excess.text));
    let old = known.iter().filter(|exception| !found.iter().any(|excess| is_for(excess, exception)));
    new.chain(old.map(|(place, name, _)| format!("{place}: {name} is no exception any more"))).collect()
}

/// Types whose methods stand in more files of a folder than the law allows.
fn scattered(readers: &[Reader<'_>]) -> Vec<Excess> {
    let mut types: BTreeMap<(&str, &str), Vec<&Reader<'_>>> = BTreeMap::new();
    for reader in readers {
        let folder = reader.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        for name in &reader.types {
            types.entry((folder, name)).or_default().push(reader);
        }
    }
    let sizes = types.into_iter().map(|((folder, name), readers)| {
        // Files that define types of one name have a type each.
        let definitions = readers.iter().filter(|reader| reader.defined.contains(name)).count();
        let others = if definitions > 1 { definitions } else { 0 };
        (folder, name, readers.len() - others)
    });
    let large = sizes.filter(|(_, _, files)| *files > FILES);
    large
        .map(|(folder, name, size)| Excess {
            place: folder.to_owned(),
            name: name.to_owned(),
            size,
            text: format!("methods of {name} in {size} files"),
        })
        .collect()
}

struct Reader<'a> {
    file: &'a str,
    found: Vec<Excess>,
    /// The types with methods of their own in this file.
    types: BTreeSet<String>,
    /// The types that this file defines.
    defined: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn read(file: &'a str, parsed: &syn::File) -> Self {
        let mut reader = Self { file, found: Vec::new(), types: BTreeSet::new(), defined: BTreeSet::new() };
        reader.visit_file(parsed);
        reader
    }

    fn excess(&mut self, name: &syn::Ident, size: usize, text: &str) {
        let line = name.span().start().line;
        let text = format!("{name} (line {line}) has {size} {text}");
        self.found.push(Excess { place: self.file.to_owned(), name: name.to_string(), size, text });
    }

    fn signature(&mut self, signature: &syn::Signature) {
        // The receiver is what a method belongs to, not a parameter.
        let mut parameters = 0;
        let mut tuples = Tuples(0);
        for input in &signature.inputs {
            if let syn::FnArg::Typed(typed) = input {
                parameters += elements(&typed.ty).max(1);
                tuples.visit_type(&typed.ty);
            }
        }
        tuples.visit_return_type(&signature.output);
        if parameters > PARAMETERS {
            self.excess(&signature.ident, parameters, "parameters with those of its tuples");
        }
        if tuples.0 > ELEMENTS {
            self.excess(&signature.ident, tuples.0, "elements in a tuple that crosses its border");
        }
    }
}

/// The number of elements of a type that is a tuple, or a reference to one; 0 for any other type.
fn elements(written: &syn::Type) -> usize {
    if let syn::Type::Tuple(tuple) = written {
        return tuple.elems.iter().map(|element| elements(element).max(1)).sum();
    }
    if let syn::Type::Reference(reference) = written { elements(&reference.elem) } else { 0 }
}

/// The largest tuple of a type.
struct Tuples(usize);

impl<'ast> Visit<'ast> for Tuples {
    fn visit_type_tuple(&mut self, tuple: &'ast syn::TypeTuple) {
        self.0 = self.0.max(tuple.elems.len());
        visit::visit_type_tuple(self, tuple);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_for_tests(attributes(item)) {
            return;
        }
        if let syn::Item::Impl(block) = item
            && block.trait_.is_none()
            && let syn::Type::Path(path) = &*block.self_ty
            && let Some(last) = path.path.segments.last()
        {
            self.types.insert(last.ident.to_string());
        }
        visit::visit_item(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.signature(&item.sig);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            self.signature(&item.sig);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.signature(&item.sig);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.defined.insert(item.ident.to_string());
        if item.fields.len() > FIELDS
            && !TABLES.iter().any(|(file, name)| *file == self.file && item.ident == name)
        {
            self.excess(&item.ident, item.fields.len(), "fields");
        }
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.defined.insert(item.ident.to_string());
    }
}

#[test]
fn functions_and_structs_that_are_too_large_are_found() {
    let fields = |count| (0..count).map(|number| format!("f{number}: u8, ")).collect::<String>();
    for (code, size) in [
        ("fn f(a: u8, b: u8, c: u8, d: u8, e: u8, g: u8) {}".to_owned(), None),
        ("fn f(a: u8, b: u8, c: u8, d: u8, e: u8, g: u8, h: u8) {}".to_owned(), Some(7)),
        ("fn f(a: u8, b: u8, c: u8, d: u8, e: u8, (g, h): (u8, u8)) {}".to_owned(), Some(7)),
        ("impl S { fn f(&self, a: u8, b: u8, c: u8, d: u8, e: u8, g: u8) {} }".to_owned(), None),
        ("fn f(a: (u8, u8)) -> (u8, u8) { a }".to_owned(), None),
        ("fn f(a: &(u8, u8, u8)) {}".to_owned(), Some(3)),
        ("fn f() -> Option<Vec<(u8, u8, u8)>> { None }".to_owned(), Some(3)),
        ("fn f(a: Option<(u8, u8, u8)>) {}".to_owned(), Some(3)),
        ("trait T { fn f(&self) -> (u8, u8, u8); }".to_owned(), Some(3)),
        ("#[cfg(test)] fn f(a: (u8, u8, u8)) {}".to_owned(), None),
        (format!("struct S {{ {} }}", fields(20)), None),
        (format!("struct S {{ {} }}", fields(21)), Some(21)),
    ] {
        let parsed = syn::parse_file(&code).unwrap();
        let found = Reader::read("x.rs", &parsed).found;
        assert_eq!(found.first().map(|excess| excess.size), size, "{code}");
        assert!(found.len() <= 1, "{code}");
    }
}

#[test]
fn types_with_methods_in_many_files_are_found() {
    let count = |files: &[&str]| {
        let parsed = files
            .iter()
            .enumerate()
            .map(|(number, code)| (format!("a/{number}.rs"), syn::parse_file(code).unwrap()));
        let parsed: Vec<(String, syn::File)> = parsed.collect();
        too_large("a", &parsed).len()
    };
    let (own, method) = ("struct S; impl S { fn f() {} }", "impl S { fn g() {} }");
    assert_eq!(count(&[own, method, method]), 0);
    assert_eq!(count(&[own, method, method, method]), 1);
    assert_eq!(count(&[own, own, own, own]), 0, "these are four types");
    assert_eq!(count(&[own, "impl T for S {}", method, method]), 0, "methods of a trait are not its own");
}

#[test]
fn exceptions_must_be_true_and_must_not_grow() {
    let excess = |size| Excess { place: "x.rs".to_owned(), name: "f".to_owned(), size, text: String::new() };
    let exception = ("x.rs", "f", 8);
    for (found, known, count) in [
        (vec![], vec![], 0),
        (vec![excess(8)], vec![], 1),
        (vec![excess(8)], vec![&exception], 0),
        (vec![excess(7)], vec![&exception], 0),
        (vec![], vec![&exception], 1),
        (vec![excess(9)], vec![&exception], 2),
    ] {
        assert_eq!(unexpected(&found, &known).len(), count);
    }
}
