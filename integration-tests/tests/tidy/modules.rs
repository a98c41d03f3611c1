//! A package as its modules: what each one declares, imports and uses, without its tests.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a syntax tree has many variants, and a rule is about a few of them"
)]

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};

/// A path inside a package: `["relay", "agent"]` is `crate::relay::agent`, the empty one is the root.
pub(super) type ModulePath = Vec<String>;

/// The modules of a package below its `lib.rs`.
pub(super) struct Package {
    modules: BTreeMap<ModulePath, Module>,
    /// Its files and their syntax trees.
    pub(super) files: Vec<(String, syn::File)>,
}

/// One module: a file, or a `mod name { ... }` inside one.
#[derive(Default)]
struct Module {
    file: String,
    /// What its imports call things: name to path as it was written.
    imports: BTreeMap<String, Vec<String>>,
    /// `use path::*`.
    globs: Vec<Vec<String>>,
    /// Items that it defines itself.
    items: BTreeSet<String>,
    /// Every path in its code.
    mentions: Vec<Mention>,
    /// Its `impl` blocks.
    impls: Vec<Impl>,
}

/// An `impl` block.
#[derive(Default)]
struct Impl {
    /// The type, as it was written.
    of: Vec<String>,
    /// The functions that it adds to the type; none for the `impl` of a trait.
    functions: BTreeSet<String>,
    /// `self.name()` and `Self::name()`, and the line.
    calls: Vec<(String, usize)>,
}

/// A path as it was written.
struct Mention {
    path: Vec<String>,
    line: usize,
    /// `pub use`: it hands something on and uses nothing.
    handed_on: bool,
}

/// One module uses what another one defines.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Use {
    /// Who uses it.
    pub(super) from: ModulePath,
    /// Where the item stands that is used.
    pub(super) to: ModulePath,
    /// Where this is written: `path:line`.
    pub(super) place: String,
}

impl Package {
    /// Reads the package whose root is `lib.rs` in `folder`. `read` gives the text of a file, if there is
    /// one.
    pub(super) fn read(folder: &str, read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut package = Self { modules: BTreeMap::new(), files: Vec::new() };
        let file = format!("{folder}/lib.rs");
        let text = read(&file).unwrap_or_else(|| panic!("{file} is missing"));
        package.add_file(&file, &text, Vec::new(), folder, read);
        package
    }

    /// The modules that stand directly below `parent`.
    pub(super) fn children(&self, parent: &[String]) -> Vec<&str> {
        let below = self.modules.keys().filter(|path| path.len() == parent.len() + 1);
        below.filter(|path| path.starts_with(parent)).map(|path| path[parent.len()].as_str()).collect()
    }

    /// Every module.
    pub(super) fn paths(&self) -> impl Iterator<Item = &ModulePath> {
        self.modules.keys()
    }

    /// Every path that is written in the package: in which module, what, and where.
    pub(super) fn mentions(&self) -> impl Iterator<Item = (&ModulePath, &[String], String)> {
        self.modules.iter().flat_map(|(path, module)| {
            module.mentions.iter().map(move |mention| {
                (path, mention.path.as_slice(), format!("{}:{}", module.file, mention.line))
            })
        })
    }

    /// Which module uses which, `pub use` aside. A method that calls another one of its type uses the
    /// module where that one stands.
    pub(super) fn uses(&self) -> BTreeSet<Use> {
        let mut uses = self.calls();
        for (from, module) in &self.modules {
            for mention in module.mentions.iter().filter(|mention| !mention.handed_on) {
                if let Some(to) = self.resolve(from, &mention.path, 0)
                    && to != *from
                {
                    let place = format!("{}:{}", module.file, mention.line);
                    uses.insert(Use { from: from.clone(), to, place });
                }
            }
        }
        uses
    }

    /// Calls between `impl` blocks of one type that stand in different modules.
    fn calls(&self) -> BTreeSet<Use> {
        let blocks = || {
            self.modules.iter().flat_map(|(path, module)| {
                module.impls.iter().filter_map(move |block| {
                    let owner = (self.resolve(path, &block.of, 0)?, block.of.last()?);
                    Some((path, module, owner, block))
                })
            })
        };
        let mut defined = BTreeMap::new();
        for (path, _, owner, block) in blocks() {
            for function in &block.functions {
                defined.insert((owner.clone(), function), path);
            }
        }
        let mut uses = BTreeSet::new();
        for (path, module, owner, block) in blocks() {
            for (call, line) in &block.calls {
                if let Some(to) = defined.get(&(owner.clone(), call)).filter(|to| **to != path) {
                    let place = format!("{}:{line}", module.file);
                    uses.insert(Use { from: path.clone(), to: (*to).clone(), place });
                }
            }
        }
        uses
    }

    /// The module that defines what `written` means inside `here`; `None` for anything outside the
    /// package. Imports and `pub use` are followed to where the item stands.
    fn resolve(&self, here: &[String], written: &[String], depth: usize) -> Option<ModulePath> {
        const MOST: usize = 16; // imports that name each other in a circle do not compile, but do end here
        let (first, rest) = written.split_first().filter(|_| depth < MOST)?;
        match first.as_str() {
            "crate" => self.descend(Vec::new(), rest, depth),
            "self" => self.descend(here.to_vec(), rest, depth),
            "super" => {
                let mut up = here.to_vec();
                up.pop()?;
                match rest.first().is_some_and(|next| next == "super") {
                    true => self.resolve(&up, rest, depth + 1),
                    false => self.descend(up, rest, depth),
                }
            }
            _ => {
                let module = self.modules.get(here)?;
                let known = self.modules.contains_key(&[here, std::slice::from_ref(first)].concat())
                    || module.imports.contains_key(first)
                    || module.items.contains(first);
                known.then(|| self.descend(here.to_vec(), written, depth)).flatten()
            }
        }
    }

    /// Follows `names` from a module downwards.
    fn descend(&self, from: ModulePath, names: &[String], depth: usize) -> Option<ModulePath> {
        let module = self.modules.get(&from)?;
        let Some((name, rest)) = names.split_first() else { return Some(from) };
        let child = [from.as_slice(), std::slice::from_ref(name)].concat();
        if self.modules.contains_key(&child) {
            return self.descend(child, rest, depth);
        }
        if module.items.contains(name) {
            return Some(from);
        }
        if let Some(import) = module.imports.get(name) {
            return self.resolve(&from, &[import, rest].concat(), depth + 1);
        }
        let through_glob = module.globs.iter().find_map(|glob| {
            let to = self.resolve(&from, glob, depth + 1).filter(|to| *to != from)?;
            let target = self.modules.get(&to)?;
            let has = target.items.contains(name) || target.imports.contains_key(name);
            has.then(|| self.descend(to, names, depth + 1)).flatten()
        });
        through_glob.or(Some(from))
    }

    fn add_file(
        &mut self,
        file: &str,
        text: &str,
        path: ModulePath,
        folder: &str,
        read: &dyn Fn(&str) -> Option<String>,
    ) {
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut reader = Reader::default();
        reader.visit_file(&parsed);
        self.files.push((file.to_owned(), parsed));
        let declared = std::mem::take(&mut reader.declared);
        let inline = std::mem::take(&mut reader.inline);
        self.modules.insert(path.clone(), Module { file: file.to_owned(), ..reader.module });
        for (name, items) in inline {
            self.add_inline(file, &items, [path.as_slice(), &[name]].concat());
        }
        for name in declared {
            let below = [path.as_slice(), &[name]].concat();
            let place = format!("{folder}/{}", below.join("/"));
            let found = [format!("{place}.rs"), format!("{place}/mod.rs")]
                .into_iter()
                .find_map(|file| read(&file).map(|text| (file, text)));
            let (file, text) = found.unwrap_or_else(|| panic!("{file} declares a module that has no file"));
            self.add_file(&file, &text, below, folder, read);
        }
    }

    fn add_inline(&mut self, file: &str, items: &[syn::Item], path: ModulePath) {
        let mut reader = Reader::default();
        for item in items {
            reader.visit_item(item);
        }
        let inline = std::mem::take(&mut reader.inline);
        self.modules.insert(path.clone(), Module { file: file.to_owned(), ..reader.module });
        for (name, items) in inline {
            self.add_inline(file, &items, [path.as_slice(), &[name]].concat());
        }
    }
}

/// Collects what stands in one module.
#[derive(Default)]
struct Reader {
    module: Module,
    /// `mod name;`
    declared: Vec<String>,
    /// `mod name { ... }`
    inline: Vec<(String, Vec<syn::Item>)>,
    /// How deep inside functions and blocks: items there belong to nobody else.
    depth: usize,
    /// The `impl` block that is being read.
    block: Option<Impl>,
}

impl Reader {
    fn mention(&mut self, path: Vec<String>, line: usize, handed_on: bool) {
        self.module.mentions.push(Mention { path, line, handed_on });
    }

    /// Flattens a tree of `use`.
    fn import(&mut self, tree: &syn::UseTree, before: &[String], line: usize, handed_on: bool) {
        match tree {
            syn::UseTree::Path(path) => {
                let before = [before, &[path.ident.to_string()]].concat();
                self.import(&path.tree, &before, line, handed_on);
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                let last = before.last().cloned().unwrap_or_default();
                self.named(last, before.to_vec(), line, handed_on);
            }
            syn::UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.named(name.clone(), [before, &[name]].concat(), line, handed_on);
            }
            syn::UseTree::Rename(rename) => {
                let path = match rename.ident.to_string().as_str() {
                    "self" => before.to_vec(),
                    name => [before, &[name.to_owned()]].concat(),
                };
                self.named(rename.rename.to_string(), path, line, handed_on);
            }
            syn::UseTree::Glob(_) => {
                self.mention(before.to_vec(), line, handed_on);
                self.module.globs.push(before.to_vec());
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, line, handed_on);
                }
            }
        }
    }

    fn named(&mut self, name: String, path: Vec<String>, line: usize, handed_on: bool) {
        self.mention(path.clone(), line, handed_on);
        // `use crate::x;` names itself: an import that means itself would hide the module.
        if path != [name.clone()] {
            self.module.imports.insert(name, path);
        }
    }

    /// The paths in the arguments of macros and attributes, which have no syntax tree.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut path, line);
                    }
                    line = ident.span().start().line;
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct)
                    if punct.as_char() == ':'
                        && (colons == 1 || punct.spacing() == Spacing::Joint)
                        && !path.is_empty() =>
                {
                    colons += 1;
                }
                other => {
                    self.end(&mut path, line);
                    colons = 0;
                    if let TokenTree::Group(group) = other
                        && group.delimiter() != Delimiter::None
                    {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end(&mut path, line);
    }

    fn end(&mut self, path: &mut Vec<String>, line: usize) {
        if !path.is_empty() {
            self.mention(std::mem::take(path), line, false);
        }
    }

    fn item(&mut self, name: &syn::Ident) {
        if self.depth == 0 {
            self.module.items.insert(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_for_tests(attributes(item)) {
            return;
        }
        if let Some(name) = name(item) {
            self.item(name);
        }
        if let syn::Item::Macro(syn::ItemMacro { ident: Some(_), .. }) = item {
            return; // the body of macro_rules is no code of this module
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        match &item.content {
            Some((_, items)) => self.inline.push((item.ident.to_string(), items.clone())),
            None => self.declared.push(item.ident.to_string()),
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let handed_on = !matches!(item.vis, syn::Visibility::Inherited);
        let line = item.use_token.span.start().line;
        self.import(&item.tree, &[], line, handed_on);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let syn::Type::Path(of) = item.self_ty.as_ref() else { return visit::visit_item_impl(self, item) };
        let functions = item.items.iter().filter_map(|item| match item {
            syn::ImplItem::Fn(function) if of.qself.is_none() => Some(function.sig.ident.to_string()),
            _ => None,
        });
        let block = Impl {
            of: names(&of.path),
            functions: if item.trait_.is_none() { functions.collect() } else { BTreeSet::new() },
            calls: Vec::new(),
        };
        let outer = self.block.replace(block);
        visit::visit_item_impl(self, item);
        let block = std::mem::replace(&mut self.block, outer);
        self.module.impls.extend(block);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let of_self =
            matches!(call.receiver.as_ref(), syn::Expr::Path(receiver) if receiver.path.is_ident("self"));
        if let Some(block) = self.block.as_mut().filter(|_| of_self) {
            block.calls.push((call.method.to_string(), call.method.span().start().line));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.depth += 1;
        visit::visit_block(self, block);
        self.depth -= 1;
    }

    fn visit_expr_path(&mut self, expression: &'ast syn::ExprPath) {
        // A single word in lower case is a variable, unless it is called.
        let is_variable = expression.path.get_ident().is_some_and(is_lower_case);
        if !is_variable {
            visit::visit_expr_path(self, expression);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        match call.func.as_ref() {
            syn::Expr::Path(function) => self.visit_path(&function.path),
            function => self.visit_expr(function),
        }
        for argument in &call.args {
            self.visit_expr(argument);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = names(path);
        let line = path.segments.first().map_or(0, |first| first.ident.span().start().line);
        if let (Some(block), [of, function]) = (self.block.as_mut(), names.as_slice())
            && of == "Self"
        {
            block.calls.push((function.clone(), line));
        }
        if path.leading_colon.is_none() {
            self.mention(names, line, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {} // `pub(super)` uses nothing

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.visit_path(&invocation.path);
        self.tokens(invocation.tokens.clone());
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        if !list.path.is_ident("doc") {
            self.tokens(list.tokens.clone());
        }
    }
}

fn is_lower_case(name: &syn::Ident) -> bool {
    name.to_string().starts_with(|c: char| c.is_lowercase())
}

/// The names of a path.
fn names(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// Whether an item is compiled for tests only.
pub(super) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.segments.last().is_some_and(|last| last.ident == "test"),
        syn::Meta::List(list) => {
            list.path.is_ident("cfg") && matches!(list.tokens.to_string().as_str(), "test" | "doctest")
        }
        syn::Meta::NameValue(_) => false,
    })
}

/// The attributes of an item.
pub(super) fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item has.
fn name(item: &syn::Item) -> Option<&syn::Ident> {
    match item {
        syn::Item::Const(item) => Some(&item.ident),
        syn::Item::Enum(item) => Some(&item.ident),
        syn::Item::Fn(item) => Some(&item.sig.ident),
        syn::Item::Static(item) => Some(&item.ident),
        syn::Item::Struct(item) => Some(&item.ident),
        syn::Item::Trait(item) => Some(&item.ident),
        syn::Item::Type(item) => Some(&item.ident),
        syn::Item::Macro(item) => item.ident.as_ref(),
        _ => None,
    }
}

/// A made-up package of files below `src`.
pub(super) fn tree(files: &[(&str, &str)]) -> Package {
    Package::read("src", &|file| {
        let name = file.strip_prefix("src/")?;
        files.iter().find(|(path, _)| *path == name).map(|(_, text)| (*text).to_owned())
    })
}
